"""Committed spool segments are cleared away an hour later, and not before."""

from __future__ import annotations

import os

from core.db.models import SpoolPosition
from core.event import Frame
from core.spool import SUFFIX, Spool, segments
from kydai.context import Context
from kydai.gateway_process import SPOOL, open_spool, tidy


def test_tidy_goes_by_the_committed_position(context: Context) -> None:
    spool = open_spool(context, SPOOL)
    old = spool.append([Frame("udp:192.0.2.1", 1, b"x")])[0].segment
    spool.close()
    path = context.settings.spool_folder / SPOOL / (old + SUFFIX)
    hours_ago = context.clock.now() / 1e6 - 7200
    os.utime(path, (hours_ago, hours_ago))
    again: Spool = open_spool(context, SPOOL)
    new = again.append([Frame("udp:192.0.2.1", 2, b"y")])[0].segment
    tidy(context, again, SPOOL)
    assert len(segments(again.folder)) == 2, "nothing is committed yet"
    with context.database.write() as session:
        session.add(SpoolPosition(spool=SPOOL, segment=new, record=0))
    tidy(context, again, SPOOL)
    assert segments(again.folder) == [new]
    again.close()
