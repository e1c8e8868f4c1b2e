"""``kydai worker``: a worker by itself, beside the one that ``kydai up`` starts."""

from __future__ import annotations

import signal
from typing import Annotated

import typer

from core.errors import BadConfig, failure
from core.words import say
from kydai.cli.main import LANG
from kydai.context import Context
from kydai.log import configure
from kydai.process import Stop

OnBell = Annotated[bool, typer.Option("--on-bell", help=say("cli.worker.on_bell", LANG))]


def register(app: typer.Typer) -> None:
    app.command("worker", help=say("cli.worker.help", LANG))(worker)


def worker(ctx: typer.Context, on_bell: OnBell = False) -> None:
    from kydai import worker_process, working  # rules and correlations weigh 100 MB

    context: Context = ctx.obj
    context.need_data()
    configure("worker")
    if on_bell:
        from kydai.worker_celery import listen

        broker = context.settings.worker.broker
        if not broker:
            raise failure(BadConfig, "cli.worker.no_broker")
        context.output.tell(say("cli.worker.listening", LANG))
        listen(working.shop_of(context), broker)
        return
    stop = Stop()
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    worker_process.run(context, stop, announce=lambda **facts: context.output.tell(say("cli.worker.working", LANG)))
