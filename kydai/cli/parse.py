"""``kydai parse``: lines in, ECS events out, nothing stored."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from collectors.parser import ParserSet
from collectors.unpacking import BREAKS, unpacked
from core.errors import BadInput, Place, cause, failure
from core.event import Frame
from core.words import say
from kydai.cli.main import INCOMPLETE, LANG
from kydai.cli.output import safe
from kydai.context import Context

MAX_LINE = 16 << 20

File = Annotated[str, typer.Argument(metavar="[FILE|-]")]
ParserName = Annotated[str | None, typer.Option("--parser", help=say("cli.parse.parser", LANG), metavar="NAME")]


def register(app: typer.Typer) -> None:
    app.command("parse", help=say("cli.parse.help", LANG))(parse)


def parse(ctx: typer.Context, file: File = "-", parser: ParserName = None) -> int:
    context: Context = ctx.obj
    parsers = ParserSet.load()
    if parser is not None:
        parsers.get(parser)
    unparsed = 0
    for line in _lines(file):
        now = context.clock.now()
        source = "file:-" if file == "-" else f"file:{Path(file).name}"
        frame = Frame(source, now, line, meta={"receiver": "file", "replay": "1"})
        result = parsers.parse(frame, zone=context.settings.zone, forced=parser)
        unparsed += result.unparsed
        proven = not result.unparsed and parsers.get(result.parser).proven
        for event in result.events:
            if context.output.as_json:
                facts = {"parser": result.parser or None, "why": result.why, "proven": proven}
                context.output.lines([{**event, "kydai.parse": facts}])
            else:
                _show(event, result.parser, result.why, proven=proven)
    return INCOMPLETE if unparsed else 0


def _show(event: dict[str, Any], parser: str, why: str, *, proven: bool) -> None:
    head = f"{parser or say('cli.parse.none', LANG)} · {why}"
    if parser and not proven:
        head += f" · {say('cli.parse.unproven', LANG)}"
    width = max(map(len, event))
    body = "\n".join(f"  {name:<{width}}  {safe(value)}" for name, value in sorted(event.items()))
    sys.stdout.write(f"{safe(head)}\n{body}\n\n")


def _lines(file: str) -> Iterator[bytes]:
    if file == "-":
        yield from _split(sys.stdin.buffer)
        return
    try:
        with Path(file).open("rb") as opened:
            yield from _split(unpacked(opened))
    except BREAKS as error:
        raise failure(BadInput, "common.error.read", place=Place(file), why=cause(error)) from error


def _split(stream: BinaryIO) -> Iterator[bytes]:
    while line := stream.readline(MAX_LINE):
        if stripped := line.rstrip(b"\r\n"):
            yield stripped
