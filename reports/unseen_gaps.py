"""Page one: when nothing came, or less than should have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from core.clock import DAY, HOUR, MINUTE, Micros, hour_of
from core.db.models import Activity, Silence
from core.query.tree import Equals
from core.sources import KNOWN_EVENTS, SourceState, silence_limit
from reports.document import Text
from reports.gather import Reading, names
from reports.numbers import address, texts, when
from reports.unseen_house import House, check_of, from_to

TOGETHER = 5 * MINUTE
"""Silences that begin and end within this of each other are one."""
SOURCES = 2_000
LEDGER = "/sources/ledger"


def before_us(reading: Reading, house: House) -> list[Text]:
    first = house.first_hour
    if first is None:
        return [texts("report.unseen.no_data")]
    if first <= reading.start:
        return []
    return [texts("report.unseen.before", start=when(first, reading.zone, reading.address(LEDGER, "hours.0.hour")))]


def still_to_come(reading: Reading, house: House) -> list[Text]:
    """A period that is not over yet; an incident has no end that somebody asked for."""
    now = reading.services.clock.now()
    if reading.incident is not None or reading.end <= now:
        return []
    return [texts("report.unseen.to_come", at=when(now, reading.zone))]


def empty_hours(reading: Reading, house: House) -> list[Text]:
    """Hours in which nothing came from anybody: we did not run, or the network was away."""
    first = max(hour_of(reading.start), house.first_hour or reading.end)
    last = min(reading.end, reading.services.clock.now())
    gaps: list[list[Micros]] = []
    for hour in range(first, last - HOUR + 1, HOUR):
        if hour in house.hours:
            continue
        if gaps and gaps[-1][1] == hour:
            gaps[-1][1] = hour + HOUR
        else:
            gaps.append([hour, hour + HOUR])
    return [_empty(reading, start, end) for start, end in gaps]


def _empty(reading: Reading, start: Micros, end: Micros) -> Text:
    """Its ends are whole hours; what is had again is that nothing came between them."""
    nothing = address(LEDGER, "total.raws.received", start=start, end=end)
    return {**from_to(reading, "report.unseen.empty", start, end), "numbers": [{"value": 0, "rerun": nothing}]}


def silences(reading: Reading, house: House) -> list[Text]:
    """Silences of the period, those of several sources together as one."""
    folded: list[tuple[Silence, Micros, list[str], str, str]] = []
    nth: Counter[str] = Counter()
    for row in house.silences:
        end = row.end_at if row.end_at is not None else min(reading.end, reading.services.clock.now())
        why = _planned(house, row, end)
        for first, until, who, _, other in folded:
            if abs(first.start_at - row.start_at) <= TOGETHER and abs(until - end) <= TOGETHER and why == other:
                who.append(row.source)
                break
        else:
            folded.append((row, end, [row.source], f"items.{nth[row.source]}", why))
        nth[row.source] += 1
    folded.sort(key=lambda f: f[0].start_at - f[1])
    return [_silence(reading, *one) for one in folded]


def _planned(house: House, row: Silence, end: Micros) -> str:
    """Owner and reason of the maintenance that a silence fell into; empty when nobody planned it."""
    found = [p for p in house.planned if p.source == row.source and p.start_at < end and p.end_at > row.start_at]
    return f"{found[0].owner}: {found[0].reason}" if found else ""


def _silence(reading: Reading, row: Silence, end: Micros, who: Sequence[str], item: str, why: str) -> Text:
    began, ended = (
        reading.address("/sources/silences", f"{item}.{end_}", source=row.source) for end_ in ("start_at", "end_at")
    )
    ended = ended if row.end_at is not None else ""
    key, more = ("report.unseen.silence_planned", {"why": why}) if why else ("report.unseen.silence", {})
    return from_to(reading, key, row.start_at, end, began, ended, name=names(who), **more)


def silent_now(reading: Reading, house: House) -> list[Text]:
    open_ = {row.source for row in house.silences if row.end_at is None}
    found = [v for v in house.views if v.state is SourceState.SILENT and v.name not in open_]
    if not found:
        return []
    oldest = min((v for v in found if v.last_at is not None), key=lambda v: v.last_at or 0)
    since = when(oldest.last_at, reading.zone, check_of(oldest.name, "source.last_at"), seconds=False)
    return [texts("report.unseen.silent_now", names=names([v.name for v in found]), at=since)]


def datasets(reading: Reading, house: House) -> list[Text]:
    """Log types expected of a source that did not come, wholly or for a time, while the source sent others."""
    lines: list[Text] = []
    gaps: list[tuple[Micros, Text]] = []
    heard: dict[str, dict[str, int]] = {}
    for view in house.views:
        rows = house.activity.get(view.name, ())
        balance = house.balances.get(view.name)
        if balance is None or not balance.raws["received"]:
            continue
        for dataset in house.expected.get(view.name, ()):
            came = any(r.dataset == dataset and reading.start <= r.last_at < reading.end for r in rows)
            if not came and dataset not in heard:
                heard[dataset] = reading.terms(Equals("event.dataset", dataset), "kydai.source", SOURCES)
            if not came and view.name not in heard[dataset]:
                if reading.end - reading.start > _usual(rows, dataset):
                    lines.append(texts("report.unseen.dataset_never", name=view.name, dataset=dataset))
                continue
            for start, end, again in _gaps(reading, house, rows, dataset):
                line = from_to(reading, "report.unseen.dataset", start, end, *again, name=view.name, dataset=dataset)
                gaps.append((end - start, line))
    return lines + [line for _, line in sorted(gaps, key=lambda gap: -gap[0])]


def _usual(rows: Sequence[Activity], dataset: str) -> Micros:
    """How long the data set may be away: nothing can be said of a period shorter than that; 0 if it never came."""
    limits = [silence_limit(r.gaps, None) for r in rows if r.dataset == dataset]
    return max(*limits, HOUR) if limits else 0


def _gaps(
    reading: Reading, house: House, rows: Sequence[Activity], dataset: str
) -> Iterable[tuple[Micros, Micros, tuple[str, str]]]:
    """Times within the period without a data set from the one host that sends it, though its source sent.

    What came back is told only where the rhythm is known, as it is with silences: a quiet night is no loss.
    """
    of_it = [r for r in rows if r.dataset == dataset]
    whole = next((r for r in rows if (r.host, r.dataset) == ("", "")), None)
    if len(of_it) != 1 or whole is None:
        return
    row = of_it[0]
    limit = _usual(rows, dataset)
    is_known = row.count >= KNOWN_EVENTS or row.last_at - row.first_at > DAY

    def again(field: str) -> str:
        return address("/sources/check", f"heard.0.{field}", source=row.source, dataset=dataset)

    found = [
        (end - lasted, end, (again(f"gaps.{n}.start_at"), again(f"gaps.{n}.end_at")))
        for n, (lasted, end) in enumerate(row.gaps if is_known else ())
    ]
    still = again("last_at"), check_of(row.source, "source.last_at") if whole.last_at < reading.end else ""
    found.append((row.last_at, min(whole.last_at, reading.end), still))
    silent = [(s.start_at, s.end_at or reading.end) for s in house.silences if s.source == row.source]
    silent += [(end - lasted, end) for lasted, end in whole.gaps]
    for start, end, shown in found:
        heard_otherwise = not any(a <= start + MINUTE and end - MINUTE <= b for a, b in silent)
        if end - start > limit and start < reading.end and end > reading.start and heard_otherwise:
            yield start, end, shown
