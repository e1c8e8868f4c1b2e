"""``--help`` in the reader's language: the headings, notes and placeholders that the library writes in English."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from typer import _click as click  # Typer carries its own

from core.words import entries, number, say

_LIBRARY = {"Arguments": "arguments", "Options": "options", "Commands": "commands"}
_TYPED = re.compile(r" <(?:str|int|path)>(?= |$)")
_RANGE = re.compile(r"(?:(?P<low>\d+)<=)?x(?:>=(?P<least>\d+))?(?:<=(?P<high>\d+))?(?=[];])")


def _places(text: str, lang: str) -> str:
    """Placeholders for what the person writes: ``[OPTIONS]``, ``FILE``, ``NAME``."""
    text = re.sub(r"\{(.*?)\}", lambda m: m[1], text).replace("[[", "[")
    text = text.replace("]]", "]").replace("<int range>", "N").replace("<int>", "N").replace("<str>", "TEXT")

    def told(found: re.Match[str]) -> str:
        key = f"cli.place.{found[0]}"
        return say(key, lang) if key in entries() else found[0]

    return re.sub(r"(?<!-)\b[A-Z]+\b", told, text)


def _range(found: re.Match[str], lang: str) -> str:
    low, least, high = (number(int(value), lang) if value else "" for value in found.group("low", "least", "high"))
    return f"{low}–{high}" if low else f"≥ {least}" if least else f"≤ {high}"


def _note(text: str, lang: str) -> str:
    """What stands behind an option: ``[default: 100; 1<=x<=1000]``, ``[required]``."""
    if text == "Show this message and exit.":
        return say("cli.help.this", lang)
    words, bracket, note = text.rpartition("[")
    if not bracket or not note.endswith("]"):
        return text
    note = note.replace("default: ", say("cli.help.default", lang) + " ").replace(
        "required", say("cli.help.required", lang)
    )
    return f"{words}[{_RANGE.sub(partial(_range, lang=lang), note)}"


class _Formatter(click.HelpFormatter):
    lang = ""
    heading = ""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        pieces = re.sub(r"[\[{][a-z_]+[\]}]", lambda m: m[0].upper(), args)
        super().write_usage(prog, _places(pieces, self.lang), say("cli.help.usage", self.lang) + " ")

    def write_heading(self, heading: str) -> None:
        self.heading = heading
        super().write_heading(say(f"cli.help.{_LIBRARY[heading]}", self.lang) if heading in _LIBRARY else heading)

    def write_dl(self, rows: Sequence[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        told = []
        for term, text in rows:
            if self.heading == "Arguments":
                term = _TYPED.sub("", term).strip("[]").upper()
            shown = term if self.heading == "Commands" else _places(term, self.lang)
            told.append((shown, _note(text, self.lang)))
        super().write_dl(told, col_max, col_spacing)


class _English(_Formatter):
    lang = "en"


class _Vietnamese(_Formatter):
    lang = "vi"


class _InEnglish(click.Context):
    formatter_class = _English


class _InVietnamese(click.Context):
    formatter_class = _Vietnamese


def speaking(command: click.Command, lang: str, noun: str = "") -> click.Command:
    """The command, and all below it, with help in the language; what one noun's verbs share is told here once."""
    command.context_class = _InVietnamese if lang == "vi" else _InEnglish
    for parameter in command.params:
        if not getattr(parameter, "help", None):
            own, shared = (f"cli.argument.{part}{parameter.name.strip('_')}" for part in (f"{noun}.", ""))
            parameter.help = say(own if own in entries() else shared, lang)  # type: ignore[attr-defined]
    for name, below in getattr(command, "commands", {}).items():
        speaking(below, lang, noun or name)
    return command
