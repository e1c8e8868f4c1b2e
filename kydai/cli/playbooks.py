"""``kydai playbooks``: what there is, what runs, and the decisions of people."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import iso
from core.db.database import first_of, open_database
from core.db.models import Effect, Incident, Run, RunStatus, StepRun
from core.errors import BadInput, NotFound, Place, cause, failure, recalled
from core.words import moment, say
from kydai.cli.incidents import find
from kydai.cli.main import FAILED, LANG, WRONG
from kydai.cli.output import safe
from kydai.context import Context
from kydai.people import cli_actor
from kydai.world import playbooks_folder
from playbooks import control
from playbooks.action import World
from playbooks.control import Person
from playbooks.playbook import Playbook, load, read
from playbooks.scripts import check, read_script

playbooks = typer.Typer(no_args_is_help=True, help=say("cli.playbooks.help", LANG))
RunId = Annotated[int, typer.Argument(metavar="RUN")]
StepName = Annotated[str | None, typer.Option("--step", help=say("cli.playbooks.step", LANG))]
Seen = Annotated[int, typer.Option("--preview", min=1, help=say("cli.playbooks.preview", LANG))]
UndoneStep = Annotated[str | None, typer.Option("--step", help=say("cli.playbooks.undo_step", LANG))]
Reason = Annotated[str, typer.Option("--reason", help=say("cli.reason", LANG))]


def register(app: typer.Typer) -> None:
    app.add_typer(playbooks, name="playbooks")


def _person() -> Person:
    """Whoever has a shell on the server decides as admin, under the account's name, from where they came by SSH."""
    return Person(cli_actor(), "admin", os.environ.get("SSH_CONNECTION", "").partition(" ")[0] or None)


def _named(context: Context, name: str) -> Playbook:
    found, errors = load(playbooks_folder(context))
    for error in errors:
        context.output.tell(safe(error.told(LANG)))
    if name not in found:
        raise failure(NotFound, "playbook.error.unknown", name=name[:80])
    return found[name]


@playbooks.command("list", help=say("cli.playbooks.list", LANG))
def list_playbooks(ctx: typer.Context) -> int:
    context: Context = ctx.obj
    found, errors = load(playbooks_folder(context))
    if context.output.as_json:
        context.output.lines({"version": p.version, "file": p.file, **p.document} for p in found.values())
    else:
        rows = [
            (
                p.name,
                getattr(p.definition.title, LANG),
                say(f"cli.playbooks.trigger.{p.definition.trigger.subject}", LANG) + _where(p),
                " → ".join(getattr(s.title, LANG) for s in p.definition.steps),
            )
            for p in found.values()
        ]
        heads = ("name", "title", "trigger", "step")
        context.output.table([say(f"cli.column.{c}", LANG) for c in heads], rows, wrap=(1, 2, 3))
    for error in errors:
        context.output.tell(safe(error.told(LANG)))
    return WRONG if errors else 0


def _where(playbook: Playbook) -> str:
    where = playbook.definition.trigger.where
    return f": {where}" if where else ""


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise failure(BadInput, "common.error.read", place=Place(str(file)), why=cause(error)) from error


@playbooks.command("lint", help=say("cli.playbooks.lint", LANG))
def lint(ctx: typer.Context, files: list[Path]) -> int:
    context: Context = ctx.obj
    for file in files:
        read(_text(file), str(file))
    context.output.tell(say("cli.playbooks.lint_ok", LANG, count=len(files)))
    return 0


@playbooks.command("test", help=say("cli.playbooks.test", LANG))
def test(ctx: typer.Context, scripts: list[Path]) -> int:
    context: Context = ctx.obj
    found, errors = load(playbooks_folder(context))
    for error in errors:
        context.output.tell(safe(error.told(LANG)))
    world = World(open_database("sqlite://"), context.clock)
    files = [f for s in scripts for f in (sorted(s.glob("*.yml")) if s.is_dir() else [s])]
    cases, problems = 0, []
    for file in files:
        script = read_script(_text(file), str(file))
        if script.playbook not in found:
            raise failure(NotFound, "playbook.error.unknown", place=Place(str(file)), name=script.playbook[:80])
        for number, case in enumerate(script.cases, 1):
            cases += 1
            for problem in check(found[script.playbook], case, world, context.clock.now()):
                problems.append((str(file), case.title or number, problem))
    if context.output.as_json:
        found_wrong = [{"file": at, "case": title, "problem": said["en"]} for at, title, said in problems]
        context.output.one({"cases": cases, "problems": found_wrong})
    else:
        for at, title, said in problems:
            context.output.one(None, safe(f"{at}: {title}: {said[LANG]}"))
        context.output.tell(say("cli.playbooks.tested", LANG, count=cases, problems=len(problems)))
    return FAILED if problems or not cases else 0


@playbooks.command("run", help=say("cli.playbooks.run", LANG))
def run(
    ctx: typer.Context,
    name: str,
    incident: str,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=say("cli.playbooks.dry", LANG))] = False,
) -> int:
    from kydai.working import drain

    context: Context = ctx.obj
    context.need_data()
    playbook = _named(context, name)
    with context.database.write() as session:
        started = control.start(
            session, cli_actor(), playbook, find(session, incident), now=context.clock.now(), is_dry=dry_run
        )
    drain(context)
    return _show(context, started.id)


@playbooks.command("runs", help=say("cli.playbooks.runs", LANG))
def runs(
    ctx: typer.Context,
    waiting: Annotated[bool, typer.Option("--waiting", help=say("cli.playbooks.waiting", LANG))] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000)] = 100,
) -> None:
    context: Context = ctx.obj
    context.need_data()
    query = select(Run).order_by(Run.id.desc())
    if waiting:
        query = query.where(Run.status.in_((RunStatus.WAITING_APPROVAL, RunStatus.WAITING_PERSON, RunStatus.UNKNOWN)))
    with context.database.read() as session:
        found, total = first_of(session, query, limit)
        documents = [run_document(session, r) for r in found]
    context.output.cut(len(found), total)
    if context.output.as_json:
        context.output.lines(documents)
        return
    rows = [
        (
            str(r.id),
            control.title_of(r, LANG),
            say(f"common.run_status.{r.status}", LANG)
            + (f" · {say('common.dry_run', LANG)}" if r.is_dry else "")
            + "".join(f" · {words}" for s in d["steps"] if (words := _undone(context, s))),
            moment(r.created_at, LANG, context.settings.zone),
            str(d["waiting_step"] or "–"),
        )
        for r, d in zip(found, documents, strict=True)
    ]
    heads = ("number", "playbook", "status", "time", "step")
    context.output.table([say(f"cli.column.{c}", LANG) for c in heads], rows, right=(0,), wrap=(1,))


def run_document(session: Session, row: Run) -> dict[str, Any]:
    """A run with its steps and effects as JSON."""
    steps = control.steps_of(session, row.id)
    waiting = next((s.step for s in steps if s.status in _WAITING), None)
    number = select(Incident.number).where(Incident.id == row.incident_id)
    return {
        "id": row.id,
        "playbook": row.playbook,
        "version": row.version,
        "status": row.status,
        "incident": session.scalar(number),
        "is_dry": row.is_dry,
        "started_by": row.started_by,
        "created_at": iso(row.created_at),
        "waiting_step": waiting,
        "error": recalled(row.error),
        "steps": [_step_document(s) for s in steps],
        "effects": [
            {"id": e.id, "action": e.action, "class": e.effect_class, "state": e.state, "result": e.result}
            for e in session.scalars(select(Effect).where(Effect.run_id == row.id).order_by(Effect.id))
        ],
    }


_WAITING = (RunStatus.WAITING_APPROVAL, RunStatus.WAITING_PERSON, RunStatus.UNKNOWN)


def _step_document(step: StepRun) -> dict[str, Any]:
    return {
        "step": step.step,
        "status": step.status,
        "preview": step.preview,
        "preview_version": step.preview_version,
        "newcomers": step.newcomers,
        "result": step.result,
        "approved_by": step.approved_by,
        "self_approved": step.is_self_approved,
        "due_at": iso(step.due_at) if step.due_at is not None else None,
        "error": recalled(step.error),
    }


def _undone(context: Context, step: dict[str, Any]) -> str:
    """``block undone at …``, once it is."""
    at = step["result"].get("undone_at")
    zone = context.settings.zone
    return "" if at is None else say("cli.playbooks.undone", LANG, step=step["step"], at=moment(at, LANG, zone))


def _details(step: dict[str, Any]) -> list[str]:
    """What a step does or did, for a person: what is asked of them, addresses, commands, texts."""
    result = step["result"]
    shown = result.get("dry_run") or (result if "undoing" in result or not step["preview"] else step["preview"])
    is_dry = result.get("is_dry", shown.get("is_dry"))
    lines = [say("common.dry_run", LANG)] if is_dry else []
    lines += [shown["instruction"][LANG]] if "instruction" in shown else []
    for key in ("block", "commands", "text", "to", "tags", "url", "subject"):
        value = shown.get(key)
        lines += [str(v) for v in value] if isinstance(value, list) else [str(value)] if value else []
    return lines + [f"{address}: {why[LANG]}" for address, why in shown.get("refused", {}).items()]


def _show(context: Context, run_id: int) -> int:
    """Show a run; the command's status says whether it failed."""
    with context.database.read() as session:
        row = session.get_one(Run, run_id)
        document = run_document(session, row)
    status = FAILED if row.status == RunStatus.FAILED else 0
    if context.output.as_json:
        context.output.one(document)
        return status
    out = context.output
    heads = (str(row.id), control.title_of(row, LANG), say(f"common.run_status.{row.status}", LANG))
    out.one(None, " · ".join((*heads, say("common.dry_run", LANG)) if row.is_dry else heads))
    gone: list[str] = []
    for step in document["steps"]:
        words = say("common.run_status." + step["status"], LANG)
        error = step["error"][LANG]
        out.one(None, f"  {step['step']}: {words} {safe(error)}".rstrip())
        if words := _undone(context, step):
            out.one(None, f"    {words}")
            gone.append(step["step"])
        elif gone and step["status"] in _WAITING and "undoing" not in step["result"]:
            out.one(None, "    " + say("cli.playbooks.undone_before", LANG, step=", ".join(gone)))
        for line in _details(step):
            out.one(None, f"    {safe(line)}")
        if came := step["newcomers"]:
            out.one(None, "    " + say("common.newcomers", LANG, count=len(came)) + ": " + safe(", ".join(came)))
            again = f"kydai playbooks run {row.playbook} {document['incident']}"
            out.one(None, "    " + say("cli.playbooks.block_newcomers", LANG, command=again))
    return status


def _ask_for_step(context: Context, run_id: int) -> int:
    """Show what waits, so that a person decides what they saw and not what waits by then."""
    with context.database.read() as session:
        if session.get(Run, run_id) is None:
            raise failure(NotFound, "playbook.error.no_run", run=str(run_id))
        waiting = next((s for s in control.steps_of(session, run_id) if s.status in _WAITING), None)
    if waiting is None:
        raise failure(NotFound, "playbook.error.not_waiting", step="–")
    _show(context, run_id)
    preview = f" --preview {waiting.preview_version}" if waiting.preview_version > 1 else ""
    context.output.tell(say("cli.playbooks.name_step", LANG, step=waiting.step + preview))
    return WRONG


def _decide(context: Context, run_id: int, step: str | None, decide: Callable[..., object], **how: Any) -> int:
    """Write a decision about a step and show what came of it; without a step only show what waits."""
    from kydai.working import drain

    context.need_data()
    if step is None:
        return _ask_for_step(context, run_id)
    with context.database.write() as session:
        decide(session, _person(), run_id, step, now=context.clock.now(), **how)
    drain(context)
    return _show(context, run_id)


@playbooks.command("approve", help=say("cli.playbooks.approve", LANG))
def approve(
    ctx: typer.Context,
    run: RunId,
    step: StepName = None,
    preview: Seen = 1,
    refuse: Annotated[bool, typer.Option("--refuse", help=say("cli.playbooks.refuse", LANG))] = False,
    reason: Reason = "",
) -> int:
    if refuse:
        return _decide(ctx.obj, run, step, control.refuse, reason=reason)
    return _decide(ctx.obj, run, step, control.approve, reason=reason, preview=preview)


@playbooks.command("done", help=say("cli.playbooks.done", LANG))
def done(
    ctx: typer.Context,
    run: RunId,
    step: StepName = None,
    not_done: Annotated[bool, typer.Option("--not-done", help=say("cli.playbooks.not_done", LANG))] = False,
    reason: Reason = "",
) -> int:
    status = _decide(ctx.obj, run, step, control.not_done if not_done else control.done, reason=reason)
    return status if step is None else 0  # what was said is written, whatever the run has come to


@playbooks.command("undo", help=say("cli.playbooks.undo", LANG))
def undo(ctx: typer.Context, run: RunId, step: UndoneStep = None, reason: Reason = "") -> None:
    from kydai.working import drain

    context: Context = ctx.obj
    context.need_data()
    with context.database.write() as session:
        control.undo(session, _person(), run, step, now=context.clock.now(), reason=reason)
    drain(context)
    _show(context, run)
