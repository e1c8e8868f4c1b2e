"""What was done, to what, and who approved it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from core.clock import Micros
from core.db.models import Effect, EffectState, Incident, Run, RunStatus, StepRun
from core.errors import recalled
from core.words import say
from reports.document import Section, Text
from reports.gather import Reading, author, names, tabled, title_of
from reports.numbers import address, figure, in_both, joined, texts, when

SHOWN = 1_000
TARGETS = 6
_LISTS = ("blocked", "block", "items", "to", "tags")
"""Where actions keep whom they touch, in results and previews."""


def actions(reading: Reading) -> Section:
    """Steps of runs (no dry runs) of the incident, or begun or ended in the period."""
    with reading.services.database.read() as session:
        query = select(StepRun, Run, Incident.number).join(Run, Run.id == StepRun.run_id)
        query = query.join(Incident, Incident.id == Run.incident_id, isouter=True).where(Run.is_dry.is_(False))
        if reading.incident is not None:
            query = query.where(Run.incident_id == reading.incident.id)
        else:
            touched = [
                and_(column >= reading.start, column < reading.end)
                for column in (StepRun.started_at, StepRun.ended_at, Run.created_at)
            ]
            query = query.where(or_(*touched))
        found = session.execute(query.order_by(Run.id, StepRun.position).limit(SHOWN)).tuples().all()
        runs = {run.id for _, run, _ in found}
        effects = {
            (e.run_id, e.step): e
            for e in session.scalars(select(Effect).where(Effect.run_id.in_(runs)).order_by(Effect.id))
        }
    rows = [_row(reading, step, run, number, effects.get((run.id, step.step))) for step, run, number in found]
    heads = ("time", "action", "status", "approver")
    how = texts("report.actions_how")
    return tabled("actions", heads, rows, (29, 54, 34, 35), lead="" if rows else texts("report.no_action"), how=how)


def _row(reading: Reading, step: StepRun, run: Run, number: str | None, effect: Effect | None) -> Sequence[Text]:
    defined: Mapping[str, Any] = next((s for s in run.definition.get("steps", ()) if s.get("name") == step.step), {})
    title = title_of(defined.get("title"), step.step)
    about = " · ".join(p for p in (number if reading.incident is None else None, f"#{run.id}") if p)
    parts: list[Text] = [p for p in (title, _targets(step, effect), about) if p]
    if step.newcomers:
        parts.append(_newcomers(step))
    return (
        when(step.started_at, reading.zone, address(f"/runs/{run.id}", f"steps.{step.position}.started_at")),
        joined(parts),
        _status(reading, step, effect),
        _approver(reading, step, bool(defined.get("approval")) and step.status != RunStatus.SKIPPED),
    )


def _targets(step: StepRun, effect: Effect | None) -> str:
    """Whom it touched, or will touch once it is approved."""
    for facts in (effect.result if effect is not None else {}, step.result, step.preview):
        for name in _LISTS:
            if isinstance(found := facts.get(name), list) and found:
                return names([str(f) for f in found], TARGETS)
    return ""


def _newcomers(step: StepRun) -> Text:
    """Whom the step does not touch since they came behind its approval."""
    again = address(f"/runs/{step.run_id}", f"steps.{step.position}.newcomers.length")
    count = texts("common.newcomers", count=figure(len(step.newcomers), again))
    return joined([count, names([str(n) for n in step.newcomers], TARGETS)], ": ")


def _status(reading: Reading, step: StepRun, effect: Effect | None) -> Text:
    parts: list[Text] = [texts(f"common.run_status.{step.status}")]
    if step.result.get("is_dry") or step.preview.get("is_dry"):
        parts.append(texts("common.dry_run"))
    if step.ended_at is not None and step.ended_at - (step.started_at or 0) > 0:
        parts.append(when(step.ended_at, reading.zone))
    if effect is not None and effect.state == EffectState.UNDONE:
        parts.append(_ended(reading, effect.result))
    if step.error:
        parts.append({lang: said[:200] for lang, said in recalled(step.error).items()})
    return joined(parts)


def _ended(reading: Reading, result: Mapping[str, Any]) -> Text:
    """How an effect that is no more came to its end: undone by somebody, or by itself when its time was over."""
    if isinstance(at := result.get("expired_at"), int):
        return joined([texts("report.expired"), when(at, reading.zone)], " ")
    at, by = result.get("undone_at"), author(reading, str(result.get("undone_by") or ""))
    shown = when(at if isinstance(at, int) else None, reading.zone)

    def write(lang: str) -> str:
        moment_ = shown if isinstance(shown, str) else str(shown[lang])
        return " ".join(
            p
            for p in (say("report.undone", lang), moment_ if at else "", by if isinstance(by, str) else str(by[lang]))
            if p
        )

    return in_both(write)


def _approver(reading: Reading, step: StepRun, is_needed: bool) -> Text:
    if step.approved_by is None:
        return texts("report.nobody_yet" if is_needed else "report.no_approval")
    parts: list[Text] = [author(reading, step.approved_by)]
    if step.is_self_approved:
        said = in_both(lambda lang: f"({say('common.self_approved', lang)})")
        parts = [joined([*parts, said], " ")]
    return joined([*parts, when(step.approved_at, reading.zone)] if step.approved_at is not None else parts)


def step_counts(session: Session, start: Micros | None, end: Micros | None) -> dict[str, int]:
    """How many steps begun in [start, end) ended well, were undone, and wait for a person; no dry runs."""
    where: list[ColumnElement[bool]] = [Run.is_dry.is_(False)]
    if start is not None:
        where.append(StepRun.started_at >= start)
    if end is not None:
        where.append(StepRun.started_at < end)
    rows = session.execute(
        select(StepRun.run_id, StepRun.step, StepRun.status, Effect.state, Effect.result)
        .join(Run, Run.id == StepRun.run_id)
        .join(Effect, and_(Effect.run_id == StepRun.run_id, Effect.step == StepRun.step), isouter=True)
        .where(*where)
    ).tuples()
    found = [
        ((run, step), status, state == EffectState.UNDONE and "expired_at" not in (result or {}))
        for run, step, status, state, result in rows
    ]
    # a step that ran again with other arguments has two effects, and is one step
    steps = {step: status for step, status, _ in found}
    return {
        "done": sum(status == "succeeded" for status in steps.values()),
        "undone": len({step for step, _, is_undone in found if is_undone}),
        "waiting": sum(status in ("waiting_approval", "waiting_person") for status in steps.values()),
    }


def action_figures(reading: Reading) -> dict[str, dict[str, Any]]:
    """The counts of steps of the period."""
    with reading.services.database.read() as session:
        found = step_counts(session, reading.start, reading.end)
    return {name: figure(count, reading.address("/runs/steps", name)) for name, count in found.items()}
