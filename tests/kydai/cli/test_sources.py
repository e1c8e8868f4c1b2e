"""Sources, their balances and the inventory on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.house import House
from core.clock import SECOND
from kydai.cli.sources import lag_line
from tests.kydai.cli.conftest import Run


def test_lag_is_one_line(kydai: Run, tmp_path: Path) -> None:
    kydai("sources", "template", str(tmp_path / "n.csv"))
    kydai("sources", "import", str(tmp_path / "n.csv"))
    listed = kydai("sources", "list")
    assert "Lag not known" in listed.err
    assert "Lag" not in listed.out

    def told(**lags: int) -> str:
        return lag_line(House(0, 0, 0, {n: s * SECOND for n, s in lags.items()}, 0, ()), "en")

    assert told(gateway=2, hits=60) == "No lag"
    assert told(gateway=125, api=1, hits=61, work=3600) == (
        "Lag: raws of gateway not judged for 2 min 05 s; hits not correlated for 1 min 01 s; work due for 1 h"
    )


def test_the_ledger_holds_after_an_ingest(kydai: Run, log: Path) -> None:
    kydai("ingest", str(log))
    ran = kydai("sources", "ledger", "--json")
    assert ran.status == 0
    (balance,) = ran.documents
    assert balance["raws"] == {"parsed": 3, "received": 3}
    assert balance["holds"] is True
    assert "3" in kydai("sources", "ledger").out


def test_the_ledger_says_what_was_lost_or_that_it_is_unknown(kydai: Run, log: Path, tmp_path: Path) -> None:
    numbered = tmp_path / "syslog-ng.log"
    line = '<38>1 2026-11-25T08:00:0{0}+07:00 fw01 app 1 - [meta sequenceId="{0}"] hello\n'
    numbered.write_text("".join(line.format(n) for n in (1, 2, 6)))
    kydai("ingest", str(log), str(numbered))
    plain, told = sorted(kydai("sources", "ledger", "--json").documents, key=lambda d: str(d["source"]))
    assert plain["said"] == {"is_known": False, "checked": 0, "lost": {}, "is_doubtful": False, "streams": []}
    assert (told["said"]["is_known"], told["said"]["lost"]) == (True, {"messages": 3})
    assert told["receivers"] == []
    ran = kydai("sources", "ledger")
    assert "unknown" in ran.out
    assert "3 messages" in ran.out
    assert "numbers: 3 messages." in ran.err
    assert "1 of 2 sources number nothing" in ran.err
    (one,) = kydai("sources", "ledger", "--source", told["source"], "--json").documents
    assert one == told
    assert "auth" not in kydai("sources", "ledger", "--source", told["source"]).out
    assert kydai("sources", "ledger", "--source", "nobody").status == 2


@pytest.mark.parametrize("name", ["nobody", "../x"])
def test_an_unknown_source_is_said(kydai: Run, log: Path, name: str) -> None:
    kydai("ingest", str(log))
    assert kydai("sources", "check", name).status == 2
