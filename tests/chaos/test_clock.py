"""A clock that jumps by three days, ahead and back, under running processes and between two starts of them.

Every acknowledged event is there exactly once, some of them received days ahead and days behind; alerts and balances
are those of an undisturbed run, and nothing is deleted for its age.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from core.clock import DAY, SECOND, to_micros
from core.query.tree import TRUE
from core.store.contract import Query
from kydai.cli.output import Output
from kydai.context import Context
from tests.chaos.elastic import is_long
from tests.chaos.sending import BATCH, Sender, compare, furnish, settle
from tests.kydai.running import free_port, running, until
from tests.services.wall_clock import WallClock

DAYS = 3
WHILE_RUNNING = (DAYS, -DAYS, 0, DAYS, 0, -DAYS)
AT_STARTS = (DAYS, -DAYS, DAYS)
SMALL = (2, 1)
"""So many of them in the small form."""
GO_ON = 3 * BATCH


def stored(context: Context) -> int:
    return context.store.count(Query(TRUE)).count


def check_jumps(context: Context) -> None:
    """There are events that were received, by the processes' clock, days ahead of and days behind the machine's."""
    now, nearly = context.clock.now(), (DAYS - 1) * DAY
    created: list[int] = []
    for events in context.store.scan(Query(TRUE), fields=["event.created"]):
        created += [to_micros(str(event["event.created"])) for event in events]
    assert min(created) < now - nearly, "no process saw the clock behind"
    assert max(created) > now + nearly, "no process saw the clock ahead"


def go_on(context: Context, sender: Sender) -> None:
    """Until what is sent from now on is acknowledged, and more is stored than before."""
    number, before = sender.number, stored(context)
    until(lambda: sender.number >= number + GO_ON and stored(context) > before, 120)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_clock_jumps_by_three_days(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    running_jumps, starts = (len(WHILE_RUNNING), len(AT_STARTS)) if is_long(request) else SMALL
    clock, data = WallClock(tmp_path), tmp_path / "data"
    token = furnish(data)
    ports = {f"KYDAI_{n}_PORT": str(free_port()) for n in ("HTTP", "SYSLOG", "NETFLOW")}
    context = Context(data, None, Output(True, "en"))
    with running(data, **ports, **clock.environment) as system:
        sender = Sender(system.url, token, 11)
        sender.thread.start()
        go_on(context, sender)
        for days in WHILE_RUNNING[:running_jumps]:
            clock.ahead(days * DAY // SECOND)
            go_on(context, sender)
    for days in AT_STARTS[:starts]:
        clock.ahead(days * DAY // SECOND)
        with running(data, **ports, **clock.environment):
            go_on(context, sender)
    with running(data, **ports) as system:
        go_on(context, sender)
        sender.stop.set()
        sender.thread.join(30)
        settle(data)
        for command in (("sources", "ledger"), ("store", "verify")):
            told = system.kydai(*command)
            assert told.returncode == 0, told.stdout
    check_jumps(context)
    assert not context.store.deleted()
    context.close()
    compare(data, tmp_path / "still", sender)
