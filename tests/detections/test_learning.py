"""What is being learnt is seen by people, added up over partitions, and stands in the coverage of the rule."""

from __future__ import annotations

from pathlib import Path

from core.clock import HOUR, SECOND, StillClock, to_micros
from detections.correlate_worker import CHECKPOINT_SECONDS, CorrelationWorker
from detections.coverage import Coverage, State
from detections.first_seen import Learnt
from detections.learning import learnt, told, with_more
from tests.detections.correlation_cases import BASE, Stream
from tests.detections.test_correlate_worker import LATENESS, folder, fresh, put, ruleset, run, settle
from tests.detections.test_first_seen import novelty

__all__ = ["folder"]

AT = to_micros("2026-12-10T02:00:00Z")


def test_the_worker_keeps_it_with_its_checkpoints(folder: Path) -> None:
    rules, database, clock = ruleset(novelty(learn="1h", forget="1d")), fresh(folder), StillClock(BASE)
    worker = CorrelationWorker(database, rules, clock, "w", lateness=LATENESS)
    # many hosts, so that several partitions take part
    stream: Stream = [({"host": f"h{n}", "user": "u"}, ["id-a"], BASE + n * SECOND, f"e{n}") for n in range(40)]
    clock.at = BASE + 40 * SECOND
    put(database, rules, stream, clock.at)
    run(worker)
    clock.ticks += CHECKPOINT_SECONDS
    settle(database, rules, worker, clock, BASE + 40 * SECOND)
    clock.ticks += CHECKPOINT_SECONDS
    worker.release()
    with database.read() as session:
        known = learnt(session)["id-novel"]
    assert (known.groups, known.learning, known.values) == (40, 40, 40)
    assert (known.since, known.until) == (BASE, BASE + 39 * SECOND + HOUR)


def test_it_is_told_in_words() -> None:
    learning = Learnt(groups=12, learning=3, values=420, since=AT - HOUR, until=AT + HOUR)
    assert told(learning, AT)["en"] == "learning until 2026-12-10 10:00 (3 of 12 groups); 420 values are known"
    assert told(learning, AT)["vi"] == "đang học đến 10/12/2026 10:00 (3/12 nhóm); biết 420 giá trị"
    # what was learning at the checkpoint may have learnt since
    done = told(Learnt(groups=1, learning=1, values=1, since=AT, until=AT + 1, dropped=2, lost=3), AT + HOUR)
    assert (
        done["en"]
        == "has learnt since 2026-12-10 09:00; 1 value is known; 2 values were forgotten early, being too many; "
        "3 groups were forgotten early, being too many, and will learn anew"
    )
    assert told(Learnt(), AT)["en"] == "there was nothing to learn from yet"


def test_the_coverage_of_the_rule_says_it() -> None:
    reason = {"vi": "phát hiện được", "en": "live"}
    states = [Coverage("a", State.LIVE, reason), Coverage("b", State.LIVE, reason), Coverage("a", State.BLIND, reason)]
    first, second, blind = with_more(states, {"a": told(Learnt(), AT)})
    assert first.tells_more and first.reason["en"] == "live; there was nothing to learn from yet"
    assert (second, blind) == (states[1], states[2])
