"""What the command line prints: tables for people, JSON for programs; hostile text is disarmed in both."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

import orjson

from core.errors import BadInput, Place, cause, failure
from core.words import say

if TYPE_CHECKING:
    from rich.console import Console

# C0 and C1 controls, bidi embeddings, overrides and isolates, and the invisible characters
_HOSTILE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")

LONG = 60
"""A value of more characters breaks into lines, so that it pushes no other column out."""


def safe(text: object) -> str:
    """Text that may go to a terminal: what moves the cursor or turns the reading direction is shown escaped."""
    return _HOSTILE.sub(lambda m: f"\\x{ord(m[0]):02x}" if ord(m[0]) < 256 else f"\\u{ord(m[0]):04x}", str(text))


@contextmanager
def placing(path: Path) -> Iterator[IO[bytes]]:
    """A file beside ``path`` to write to, which takes its place when the block ends well.

    So the journal's entry can be written when the data are on disk and before they bear the name. Raises BadInput.
    """
    target = path.resolve()
    is_special = target.exists() and not target.is_file()
    # a device or pipe is written to, never replaced
    partial = target if is_special else target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb" if is_special else "xb") as file:
            yield file
        if not is_special:
            if target.exists():
                shutil.copymode(target, partial)
            partial.replace(target)
    except OSError as error:
        raise failure(BadInput, "common.error.write", place=Place(str(path)), why=cause(error)) from error
    finally:
        if not is_special:
            partial.unlink(missing_ok=True)


class Output:
    """Standard output is the answer; words, progress and warnings go to standard error.

    Rich is loaded when first used: a process of ``kydai up``, which prints nothing, does without its memory.
    """

    def __init__(self, as_json: bool, lang: str) -> None:
        self.as_json = as_json
        self.lang = lang

    @cached_property
    def err(self) -> Console:
        from rich.console import Console

        return Console(stderr=True, highlight=False)

    def tell(self, text: str) -> None:
        """A sentence for the person; what is hostile in it is shown escaped."""
        from rich.text import Text

        self.err.print(Text(safe(text)), soft_wrap=True)

    def cut(self, shown: int, total: int, *, is_least: bool = False) -> None:
        """Say that a list is cut, if it is, and how to see more of it; ``is_least``: there may be more than that."""
        if shown < total:
            count = say("common.at_least", self.lang, count=total) if is_least else total
            self.tell(say("cli.list_cut", self.lang, shown=shown, count=count))

    def one(self, document: Any, text: str | None = None) -> None:
        """One answer: a JSON document, or the text for people."""
        if self.as_json or text is None:
            sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE))
        else:
            sys.stdout.write(safe(text) + "\n")

    def lines(self, documents: Iterable[Any]) -> None:
        """One JSON document a line."""
        write = sys.stdout.buffer.write
        for document in documents:
            write(orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE))

    def table(
        self,
        heads: Sequence[str],
        rows: Iterable[Sequence[object]],
        *,
        right: Sequence[int] = (),
        wrap: Sequence[int] = (),
    ) -> None:
        """A plain table; columns in ``right`` are numbers, those in ``wrap`` and those with a long value may break."""
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
        cells = [[cell if isinstance(cell, Text) else Text(safe(cell)) for cell in row] for row in rows]
        for index, head in enumerate(heads):
            may_break = index in wrap or any(len(row[index]) > LONG for row in cells)
            side: Literal["left", "right"] = "right" if index in right else "left"
            table.add_column(Text(head), justify=side, no_wrap=not may_break, overflow="fold")
        for row in cells:
            table.add_row(*row)
        width = None if sys.stdout.isatty() else 200
        Console(file=sys.stdout, highlight=False, width=width).print(table)
