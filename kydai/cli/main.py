"""The command ``kydai``: one module a noun beside this file, found by itself.

The common options stand anywhere on the line: ``--data DIR``, ``--config FILE``, ``--json``. Status 0 done, 1 failed,
2 wrong usage or bad input, 3 done with rejects or incomplete. Standard output holds the answer and nothing else.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
import sys
from pathlib import Path
from typing import NoReturn

import typer
from typer import _click as click  # Typer carries its own; its errors are these

import kydai.cli
from core.errors import BadConfig, BadInput, KydaiError, NotFound, failure, reason
from core.query.problems import QueryError
from core.words import language, say
from kydai.cli.help import speaking
from kydai.cli.output import Output, safe
from kydai.context import Context
from kydai.memory import leave

LANG = language()
FAILED, WRONG, INCOMPLETE = 1, 2, 3
INTERRUPTED = 130


def build(wanted: str = "") -> typer.Typer:
    """The command line; only the module of the noun ``wanted`` is loaded when there is one, else all of them."""
    app = typer.Typer(
        help=say("cli.help", LANG),
        epilog=say("cli.epilog", LANG),
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    # a module with a _ in its name is a verb of another's
    found = {m.name for m in pkgutil.iter_modules(kydai.cli.__path__) if "_" not in m.name}
    names = sorted(found - {"help", "main", "output"})
    for name in [wanted] if wanted in names else names:
        importlib.import_module(f"kydai.cli.{name}").register(app)
    if wanted in names:
        app.callback()(_program)
    return app


def _program() -> None:
    """A lone command would else become the program itself."""


def common_options(arguments: list[str]) -> tuple[list[str], Path | None, Path | None, bool]:
    """Take ``--data``, ``--config`` and ``--json`` from anywhere before ``--``. Raises BadInput."""
    rest: list[str] = []
    values: dict[str, Path | None] = {"--data": None, "--config": None}
    as_json = False
    todo = iter(arguments)
    for argument in todo:
        name, equals, value = argument.partition("=")
        if argument == "--":
            rest += [argument, *todo]
        elif argument == "--json":
            as_json = True
        elif name in values:
            given = value if equals else next(todo, None)
            if not given:
                raise failure(BadInput, "cli.option_needs_value", option=name)
            values[name] = Path(given)
        else:
            rest.append(argument)
    return rest, values["--data"], values["--config"], as_json


# what the library says of a wrong command line, and our words for it
_USAGE = (
    ("choice", r"(?:error, |: )'(?P<value>.*)' is not one of (?P<names>.*?)\.?$"),
    ("no_option", r"No such option: (?P<name>[^\s.]+)(?:.*?(?P<names>-[^)?]*))?"),
    ("no_command", r"No such command '(?P<name>.*?)'(?:.*?mean (?P<names>[^?]*))?"),
    ("missing", r"Missing \w+ '?(?P<name>[^'.]*)"),
    ("extra", r"unexpected extra argument.*?\s\((?P<name>.*)\)"),
    ("takes_none", r"Option '(?P<name>.*?)' does not take a value"),
    ("needs_value", r"Option '(?P<name>.*?)' requires an argument"),
    ("integer", r"valid integer"),
    ("at_least", r"greater than or equal to (?P<value>\S+)"),
    ("at_most", r"less than or equal to (?P<value>\S+)"),
)


def usage(error: click.ClickException) -> str:
    """What is wrong with a command line, and where to read on, in the reader's language."""
    message = error.format_message()
    where = re.match(r"Invalid value for '?(?P<where>.*?)'?: ", message)
    text = reason(message.removeprefix(where[0]) if where else message)[LANG]
    for key, pattern in _USAGE:
        if found := re.search(pattern, message):
            values = {name: (value or "").replace("'", "") for name, value in found.groupdict().items()}
            text = say(f"cli.usage.{key}", LANG, **values)
            if key.startswith("no_") and values["names"]:
                text += " " + say("cli.usage.perhaps", LANG, names=values["names"])
            break
    if where is not None:
        text = f"{where['where']}: {text}"
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "kydai"
    return f"{text}\n{say('cli.usage.help', LANG, path=path)}"


def safe_lines(text: str) -> str:
    """Disarmed, line by line."""
    return "\n".join(safe(line) for line in text.split("\n"))


def run() -> NoReturn:
    """The entry point; ends the process with the status."""
    leave(main(sys.argv[1:]))


def main(arguments: list[str]) -> int:
    """Run one command and return its status; errors become one sentence each on standard error."""
    output = Output(False, LANG)
    try:
        rest, data, config, as_json = common_options(arguments)
        output = Output(as_json, LANG)
        context = Context(data, config, output)
        try:
            command = speaking(typer.main.get_command(build(rest[0] if rest else "")), LANG)
            result = command.main(rest, prog_name="kydai", standalone_mode=False, obj=context)
        finally:
            context.close()
        sys.stdout.flush()
        if result == INTERRUPTED:  # what the library makes of Ctrl-C
            output.tell(say("cli.interrupted", LANG))
        return result if isinstance(result, int) else 0
    except typer.Exit as stop:
        return stop.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        sys.stderr.write(error.format_message() + "\n")
        return WRONG
    except click.ClickException as error:
        output.tell(safe_lines(usage(error)))
        return WRONG
    except (typer.Abort, KeyboardInterrupt):
        output.tell(say("cli.interrupted", LANG))
        return INTERRUPTED
    except BrokenPipeError:
        # the reader (head, less) has seen enough; keep Python from complaining about the closed pipe at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KydaiError as error:
        output.tell(safe(error.told(LANG)) if not isinstance(error, QueryError) else safe_lines(error.pretty(LANG)))
        return WRONG if isinstance(error, BadInput | BadConfig | NotFound) else FAILED
