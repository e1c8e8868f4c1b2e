"""``kydai demo``: a provincial data centre played through real sockets."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from typing import Annotated

import typer

from core.words import say
from kydai.cli.main import LANG
from kydai.cli.output import safe
from kydai.context import Context
from kydai.demo import stage, story_text
from kydai.demo.run import Demonstration
from kydai.process import Stop

STOP_SECONDS = 60

Once = Annotated[bool, typer.Option("--once", help=say("cli.demo.once", LANG))]
StopIt = Annotated[bool, typer.Option("--stop", help=say("cli.demo.stop", LANG))]


def register(app: typer.Typer) -> None:
    app.command("demo", help=say("cli.demo.help", LANG))(demo)


def demo(ctx: typer.Context, once: Once = False, stop: StopIt = False) -> None:
    context: Context = ctx.obj
    if stop:
        _stop(context)
        return
    asked = Stop()
    signal.signal(signal.SIGTERM, asked)

    def tell(line: str) -> None:
        sys.stdout.write(safe(line) + "\n")
        sys.stdout.flush()

    show = Demonstration(context, LANG, tell, context.output.tell)
    try:
        show.set_stage()
        show.open()
        show.past()
        show.live()
        show.answer()
        show.confess()
        for line in _closing(context, show, once=once):
            tell(line)
        if not once:
            signal.signal(signal.SIGINT, asked)
            tell(say("cli.up.stop", LANG))
            show.stay(asked.wait)
    finally:
        show.close()


def _closing(context: Context, show: Demonstration, *, once: bool) -> list[str]:
    """What to do next, with commands that work as printed; without the system, what works without it."""
    program = os.path.relpath(sys.argv[0]) if sys.argv[0].endswith("kydai") else "kydai"
    folder = f"--data {os.path.relpath(context.settings.data)}"
    waiting = show.waiting
    approve = f"{program} playbooks runs --waiting {folder}"
    report = f"{program} report period --from now-1d --to now -o bao-cao.pdf {folder}"
    if waiting is not None:
        approve = f"{program} playbooks approve {waiting.run_id} --step {waiting.step} {folder}"
        report = f"{program} report incident {waiting.incident} -o vu-viec.pdf {folder}"
    last = [("report", [report]), ("start", [f"{program} up"])]
    if once:
        return story_text.closing(LANG, [("console", [f"{program} demo {folder}"]), *last])
    own_line = [
        f"logger -n 127.0.0.1 -P {show.facts.gateway['syslog']} -d 'xin chào Kỳ Đài'",
        f"{program} search 'xin chào' {folder}",
    ]
    steps = [("approve", [approve]), ("line", own_line), *last]
    return story_text.closing(LANG, steps, console=show.facts.url, link=show.sign_in_link())


def _stop(context: Context) -> None:
    """End a running demonstration and remove what it made."""
    data = context.settings.data
    pid_file = data / "up.pid"
    if pid_file.is_file():
        pid = int(pid_file.read_text("ascii").strip() or 0)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
            for _ in range(STOP_SECONDS * 10):
                os.kill(pid, 0)
                time.sleep(0.1)
    if (data / stage.MARK).is_file():
        shutil.rmtree(data)
