"""kill -9 of Elasticsearch's nodes during ingest, and a node whose disk fills until it blocks writing by itself.

Nothing acknowledged is lost, none is stored twice, nothing becomes a dead letter, and ingest goes on by itself. The
cluster and the disk take minutes: ``make chaos``.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from core.clock import StillClock, SystemClock
from core.db.models import Alert, LetterStage
from core.errors import Unavailable
from core.keeping import MAINTENANCE
from core.ledger import read_balances
from core.rejected import PATIENCE, letters, offer_barred
from core.spool import Spool
from core.store.elastic import ElasticStore
from core.store.elastic_blocks import GAP
from kydai.pipeline import Pipeline
from kydai.pipeline_process import parts_of
from tests.chaos.elastic import is_long, limit, proves, scene
from tests.chaos.test_full_disk import fill
from tests.kydai.conftest import with_rule
from tests.kydai.running import until
from tests.kydai.test_pipeline import failed
from tests.services import missing, program
from tests.services.elasticsearch import cluster, node

KILLS = 5
DISK_MB, LEFT_MB = 400, 30
WATERMARKS = {"low": "60mb", "high": "50mb", "flood_stage": "40mb"}


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_kill_9_of_a_single_node_during_ingest(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    with node() as one, scene(tmp_path / "data", [one.url], "kydai", monkeypatch) as found:
        found.goes_on()
        for number in range(KILLS if is_long(request) else 1):
            one.kill()
            found.is_acknowledging()
            one.start()
            found.went_on(f"node back for the {number + 1}. time", found.commits_again())
            found.goes_on()
        found.finish()
        print(proves(found))
        assert not found.late(limit(request))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_kill_9_of_a_data_node_and_then_of_the_master(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    if not is_long(request):
        pytest.skip("minutes long: make chaos")
    with cluster(3) as nodes:
        urls = [one.url for one in nodes]
        with scene(tmp_path / "data", urls, "kydai", monkeypatch, KYDAI_ELASTIC_REPLICAS="1") as found:
            found.goes_on()
            for what in ("data node", "master"):
                (elected,) = [row["node"] for row in nodes[0].get("/_cat/master?format=json")]
                dies = next(one for one in nodes if (one.name == elected) is (what == "master"))
                dies.kill()
                found.went_on(f"{what} killed", found.commits_again())
                print(f"all caught up {found.goes_on():.1f} s later")
                dies.start()
            found.finish()
            print(proves(found))
            assert not found.late(limit(request))


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of its own that the server may write to and enter."""
    folder = Path(tempfile.mkdtemp(prefix="kydai-es-disk-"))
    options = f"size={DISK_MB}m,uid=65534,gid=65534,mode=0755"
    mount = [program("mount"), "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        folder.rmdir()
        missing("the right to mount a tmpfs")
    try:
        yield folder
    finally:
        subprocess.run([program("umount"), "--lazy", str(folder)], check=True)
        folder.rmdir()


def on_disk(folder: Path) -> dict[str, object]:
    disk = "cluster.routing.allocation.disk"
    return {f"{disk}.watermark.{name}": value for name, value in WATERMARKS.items()} | {
        f"{disk}.threshold_enabled": True, "cluster.info.update.interval": "10s", "path.data": str(folder),
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_disk_at_its_flood_stage_is_waited_for(
    small_disk: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    if not is_long(request):
        pytest.skip("minutes long: make chaos")
    with node(on_disk(small_disk)) as one, scene(tmp_path / "data", [one.url], "kydai", monkeypatch) as found:
        found.sender.pause = 0.2
        found.goes_on()
        ballast = fill(small_disk, LEFT_MB)
        until(lambda: "blocks writing" in found.ailments().get("uncommitted", ""), 180)
        found.is_acknowledging()
        assert found.search_answers(), "what is stored is still found"
        ballast.unlink()
        took = found.commits_again(180)
        print(f"committing again {took:.1f} s after there was room (the node itself looks every 10 s)")
        found.goes_on()
        found.finish()
        print(proves(found))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_disk_at_its_flood_stage_for_longer_than_half_an_hour_ends_in_letters(
    small_disk: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """The half hour is that of a clock which is moved. What was filled is given back, and nobody does anything more."""
    if not is_long(request):
        pytest.skip("minutes long: make chaos")
    clock = StillClock(SystemClock().now())
    with node(on_disk(small_disk)) as one, with_rule(tmp_path / "data") as context:
        store = ElasticStore([one.url], clock, patience=0.5)
        parts = replace(parts_of(context), store=store)
        pipeline = Pipeline("gateway", context.settings.spool_folder / "gateway", parts)

        def take(number: int) -> None:
            with closing(Spool(context.settings.spool_folder / "gateway", context.clock, reserve_bytes=0)) as spool:
                spool.append([failed(number)])
            pipeline.step()

        def is_taken() -> bool:
            tended = offer_barred(context.database, store, MAINTENANCE, clock.now())
            return tended.stored > 0

        take(1)
        ballast = fill(small_disk, LEFT_MB)
        until(lambda: "read_only_allow_delete" in str(one.get("/kydai-*/_settings")), 180)
        with pytest.raises(Unavailable):
            take(2)
        for _ in range(int(PATIENCE // GAP)):
            clock.advance(GAP)
            with suppress(Unavailable):
                pipeline.step()
        take(3)
        with context.database.read() as session:
            found = list(letters(session))
            assert {letter.stage for letter in found} == {LetterStage.BARRED}
            assert len(found) == 2
            assert all(store.parts()[0].name in letter.reason for letter in found)
            assert sum(alert.count for alert in session.scalars(select(Alert))) == 3, "it goes on judging"
        assert not is_taken()
        ballast.unlink()
        until(is_taken, 180)
        with context.database.read() as session:
            balance = read_balances(session)["udp:192.0.2.1"]
        assert balance.holds
        assert {name: count for name, count in balance.events.items() if count} == {"made": 3, "stored": 3}
        assert store.stats().events == 3
        store.close()
