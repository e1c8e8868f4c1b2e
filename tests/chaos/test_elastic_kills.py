"""kill -9 of Elasticsearch during ingest: nothing acknowledged is lost, none stored twice, and it goes on by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.elastic import is_long, limit, proves, scene
from tests.services.elasticsearch import node

KILLS = 5


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_kill_9_of_a_single_node_during_ingest(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    with node() as one, scene(tmp_path / "data", [one.url], "kydai", monkeypatch) as found:
        found.goes_on()
        for _ in range(KILLS if is_long(request) else 1):
            one.kill()
            found.is_acknowledging()
            one.start()
            took = found.commits_again()
            print(f"committing again {took:.1f} s after the node was back")
            assert took < limit(request)
            found.goes_on()
        found.finish()
        print(proves(found))
