"""Every finding comes with its remedy."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from core import tended
from core.clock import HOUR, MINUTE, SystemClock
from core.db.database import open_database, sqlite_url
from core.db.models import DeadLetter, Heartbeat, LetterStage, Outbox, OutboxState
from core.errors import Unavailable, kept
from detections import beacon_marks
from tests.core.store.elastic_stores import new_prefix, remove
from tests.core.store.test_elastic_client import OURS, server
from tests.kydai.cli.conftest import Run
from tests.services.elasticsearch import Node, free_port


def findings(kydai: Run) -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = {}
    for finding in kydai("doctor", "--json").documents:
        found.setdefault(str(finding["check"]), []).append(finding)
    return found


def test_what_is_wrong_has_a_remedy_and_what_is_right_has_none(kydai: Run) -> None:
    for group in findings(kydai).values():
        assert all(bool(f["remedy"]) != f["ok"] for f in group)


def test_a_taken_port_is_named_with_the_setting(kydai: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setenv("KYDAI_HTTP_PORT", str(port))
        (finding,) = findings(kydai)[f"port {port}"]
    assert finding["ok"] is False
    assert "KYDAI_HTTP_PORT" in str(finding["remedy"])


def test_a_folder_that_cannot_be_written(kydai: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KYDAI_DATA", str(tmp_path / "file"))
    (finding,) = findings(kydai)["folder"]
    assert finding["ok"] is False
    assert "--data" in str(finding["remedy"])


def test_a_folder_that_others_may_enter(kydai: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "mounted"
    folder.mkdir(mode=0o755)
    monkeypatch.setenv("KYDAI_DATA", str(folder))
    assert "others" not in findings(kydai)  # it was empty, so it was closed
    (folder / "lost+found").mkdir()
    folder.chmod(0o750)
    (finding,) = findings(kydai)["others"]
    assert finding["ok"] is False
    assert finding["remedy"] == f"chmod 700 {folder}"


def test_the_balances_are_looked_at(kydai: Run, log: Path) -> None:
    kydai("ingest", str(log))
    assert findings(kydai)["balance"][0]["ok"] is True


def test_the_store_is_asked(kydai: Run, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kydai("ingest", str(log))
    (finding,) = findings(kydai)["store"]
    assert finding["ok"] is True
    monkeypatch.setenv("KYDAI_STORE_ENGINE", "elastic")
    monkeypatch.setenv("KYDAI_ELASTIC_URLS", f'["http://127.0.0.1:{free_port()}"]')
    (finding,) = findings(kydai)["store"]
    assert "are in segments, and the settings say elastic" in str(finding["text"])
    assert "kydai store move segments elastic" in str(finding["remedy"])
    monkeypatch.setenv("KYDAI_DATA", str(tmp_path / "new"))
    (finding,) = findings(kydai)["store"]
    assert finding["ok"] is False
    assert "Nobody answers as Elasticsearch" in str(finding["text"])
    assert finding["remedy"]


def test_a_key_that_is_refused_is_told_before_the_first_start(
    kydai: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text("czNjcmV0LWtleQ==")
    monkeypatch.setenv("KYDAI_STORE_ENGINE", "elastic")
    monkeypatch.setenv("KYDAI_ELASTIC_KEY_FILE", str(tmp_path / "key"))
    with server(401, {"error": {"type": "security_exception", "reason": "no"}}, OURS) as url:
        monkeypatch.setenv("KYDAI_ELASTIC_URLS", f'["{url}"]')
        ran = kydai("doctor", "--json")
    (finding,) = [f for f in ran.documents if f["check"] == "store"]
    assert "refuses the API key" in finding["text"]
    assert "write it into the key's file" in finding["remedy"]
    assert ran.status == 1
    assert "czNjcmV0LWtleQ" not in ran.out + ran.err


def test_a_template_of_others_that_goes_before_ours_is_named(
    kydai: Run, elastic: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = new_prefix()
    monkeypatch.setenv("KYDAI_STORE_ENGINE", "elastic")
    monkeypatch.setenv("KYDAI_ELASTIC_URLS", f'["{elastic.url}"]')
    monkeypatch.setenv("KYDAI_ELASTIC_PREFIX", prefix)
    (finding,) = findings(kydai)["store"]
    assert finding["ok"] is True
    foreign = f"everything-{prefix}"
    with Elasticsearch(elastic.url) as es:
        es.indices.put_index_template(name=foreign, index_patterns=[f"{prefix}*"], priority=900, template={})
        try:
            (finding,) = findings(kydai)["store"]
        finally:
            es.indices.delete_index_template(name=foreign)
    assert finding["ok"] is False
    assert foreign in str(finding["text"])
    assert "Lower its priority" in str(finding["remedy"])
    remove(elastic.url, prefix)


def test_a_key_that_goes_unencrypted_over_a_network_is_warned_of(
    kydai: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KYDAI_STORE_ENGINE", "elastic")
    monkeypatch.setenv("KYDAI_ELASTIC_URLS", f'["http://kydai:secret@127.0.0.2:{free_port()}"]')
    assert "unprotected" not in findings(kydai)
    # of a name that nobody has (RFC 6761) nothing is asked over the network
    monkeypatch.setenv("KYDAI_ELASTIC_URLS", '["http://kydai:secret@es1.invalid:9200"]')
    (finding,) = findings(kydai)["unprotected"]
    assert finding["ok"] is False
    assert "unencrypted to es1.invalid" in str(finding["text"])
    assert "ca_file" in str(finding["remedy"])
    assert "secret" not in str(finding)


def test_a_broken_playbook_is_named_with_its_line(kydai: Run, log: Path, tmp_path: Path) -> None:
    kydai("ingest", str(log))
    assert "playbook" not in findings(kydai)
    (tmp_path / "data" / "playbooks").mkdir()
    (tmp_path / "data" / "playbooks" / "mine.yml").write_text("name: [\n")
    assert "mine.yml:2" in str(findings(kydai)["playbook"][0]["text"])


def test_dead_letters_are_told_with_the_room_that_they_take(kydai: Run, log: Path, tmp_path: Path) -> None:
    kydai("ingest", str(log))
    database = open_database(sqlite_url(tmp_path / "data"))
    with database.write() as session:
        for n, stage in enumerate((LetterStage.REJECTED, LetterStage.REJECTED, LetterStage.LOST, LetterStage.STORED)):
            raw = b"x" * 3_000_000 if stage is LetterStage.REJECTED else b""
            session.add(DeadLetter(event_id=str(n), source="fw", stage=stage, reason="no", raw=raw, at=n))
    database.close()
    (finding,) = findings(kydai)["dead letters"]
    assert "3 dead letters, 6.0 MB" in str(finding["text"])
    assert "replay rejected" in str(finding["remedy"])


def test_what_was_in_the_way_of_tending_the_store_is_told(kydai: Run, log: Path, tmp_path: Path) -> None:
    kydai("ingest", str(log))
    database = open_database(sqlite_url(tmp_path / "data"))
    with database.write() as session:
        tended.note(session, Unavailable("l1/a.parquet is odd"))
    database.close()
    (finding,) = findings(kydai)["tending"]
    assert finding["text"] == "The event store needs a person: l1/a.parquet is odd"
    assert finding["remedy"]


def test_work_that_failed_for_good_is_named_with_its_error(kydai: Run, log: Path, tmp_path: Path) -> None:
    kydai("ingest", str(log))
    database = open_database(sqlite_url(tmp_path / "data"))
    with database.write() as session:
        for n in range(12):
            session.add(
                Outbox(
                    kind="group", key=str(n), state=OutboxState.DEAD, due_at=0, created_at=0, attempts=5,
                    error=kept(Unavailable("no \x1b[31mway")),
                )
            )  # fmt: skip
        session.add(Heartbeat(name="worker", kind="worker", at=SystemClock().now()))
        session.add(Outbox(kind="group", key="late", due_at=SystemClock().now() - HOUR, created_at=0))
    database.close()
    found = findings(kydai)
    first, *_, more = found["dead work"]
    assert str(first["text"]) == r"Work group 11 failed in all of 5 attempts: no \x1b[31mway"
    assert str(more["text"]) == "… and 2 more pieces of work that failed"
    assert "the oldest due work" in str(found["lag"][0]["text"])


LEFT_OUT = {"forgotten": 3, "anew": 2, "ahead": 10 * MINUTE}


def test_groups_of_correlations_on_disk_and_what_was_left_out_are_told(kydai: Run, log: Path, tmp_path: Path) -> None:
    kydai("ingest", str(log))
    database = open_database(sqlite_url(tmp_path / "data"))
    facts = {"groups": 9, "resting": 7, "forgotten": 0}
    with database.write() as session:
        session.add(Heartbeat(name="worker", kind="worker", at=SystemClock().now(), data=facts))
    (finding,) = findings(kydai)["correlation"]
    assert finding["ok"]
    assert finding["text"] == "Correlations follow 9 groups, 7 of them on disk."
    with database.write() as session:
        session.merge(Heartbeat(name="worker", kind="worker", at=SystemClock().now(), data=facts | LEFT_OUT))
        beacon_marks.mark(session, "a", beacon_marks.Mark(SystemClock().now(), left_out=7))
    database.close()
    found = findings(kydai)
    _, finding = found["correlation"]
    assert not finding["ok"]
    assert "3 hits" in str(finding["text"])
    *_, finding = found["clock"]
    assert not finding["ok"] and "anew 2 times" in str(finding["text"]) and "NTP" in str(finding["remedy"])
    (finding,) = found["beacon"]
    assert not finding["ok"] and "7 pairs" in str(finding["text"])
