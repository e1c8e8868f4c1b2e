from __future__ import annotations

from pathlib import Path

from tests.kydai.cli.conftest import Run


def test_a_hold_is_placed_and_lifted_a_day_later(kydai: Run, log: Path) -> None:
    kydai("ingest", str(log))
    held = kydai("store", "hold", "vu-1", "--from", "2026-11-01", "--reason", "điều tra")
    assert held.status == 0
    assert held.err.startswith(
        "vu-1: the hold is in force.\nHold vu-1 (2026-11-01 00:00 → …; điều tra): keeps 1 segment"
    )
    (hold,) = kydai("store", "hold", "--json").documents
    assert (hold["name"], hold["reason"], hold["keeps"]["events"]) == ("vu-1", "điều tra", 3)
    for wrong in (
        ("",),
        (" ",),
        ("vu-2",),
        ("vu-2", "--reason", " "),
        ("--reason", "x"),
        ("vu-1", "--confirm", "vu-1"),
        ("--from", "2026-11-01"),
        ("--to", "2026-11-01"),
        ("vu-1", "--lift", "--cancel"),
        ("vu-1", "--lift", "--from", "2026-11-01"),
        ("vu-1", "--cancel", "--to", "2026-11-01"),
        ("--reason", "x", "--", "-vu"),
    ):
        assert kydai("store", "hold", *wrong).status == 2, wrong
    seen = kydai("store", "hold", "vu-1", "--lift")
    assert (seen.status, seen.out) == (0, "Nothing would go.\n")
    assert seen.err.startswith("Nothing is changed yet. To confirm: kydai store hold vu-1 --lift")
    confirmed = "vu-1", "--lift", "--confirm", "vu-1"
    assert kydai("store", "hold", *confirmed).status == 2, "without a reason"
    lifted = kydai("store", "hold", *confirmed, "--reason", "xong")
    assert lifted.err.startswith("vu-1: the hold will be lifted at ")
    assert "It will be lifted at" in kydai("store", "hold").out
    assert kydai("store", "hold", *confirmed, "--reason", "xong").status == 1
    assert kydai("store", "hold", "vu-1", "--cancel").err == "vu-1: the lifting is cancelled, the hold stays.\n"
    assert kydai("store", "hold", "vu-9", "--lift").status == 2
    (hold,) = kydai("store", "hold", "--json").documents
    assert (hold["name"], hold["lifting"]) == ("vu-1", None)
    actions = [entry["action"] for entry in kydai("audit", "list", "--json").documents]
    assert actions[:3] == ["store.lift_cancel", "store.lift_ask", "store.hold"]


def test_each_step_is_one_document_and_the_name_is_quoted_in_commands(kydai: Run, log: Path) -> None:
    kydai("ingest", str(log))
    name = "vụ 7; rm -rf x"
    (placed,) = kydai("store", "hold", f" {name} ", "--reason", "điều tra", "--json").documents
    assert (placed["name"], placed["lifting"]) == (name, None)
    both = kydai("store", "hold", name, "--lift", "--cancel").err
    assert "--lift and --cancel" in both
    seen = kydai("store", "hold", name, "--lift")
    assert f"store hold '{name}' --lift" in seen.err
    assert f"--confirm '{name}';" in seen.err
    lift = ("store", "hold", name, "--lift", "--confirm", name, "--reason", "xong")
    asked = kydai(*lift, "--json")
    assert [document["waits"] for document in asked.documents] == [True]
    assert asked.err.startswith(f"{name}: the hold")
    assert f"store hold '{name}' --cancel" in asked.err
    assert f"store hold '{name}' --cancel" in kydai("store", "hold").out
    (kept,) = kydai("store", "hold", name, "--cancel", "--json").documents
    assert (kept["name"], kept["lifting"]) == (name, None)


def test_there_is_no_hold(kydai: Run, log: Path) -> None:
    kydai("ingest", str(log))
    assert kydai("store", "hold").out == "There is no hold.\n"
