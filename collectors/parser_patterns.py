"""Patterns of packs: regular expressions whose groups are fields, dispatched by their first word."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from collectors.parser_contract import Record
from collectors.parser_values import put
from collectors.parser_when import Action, Out, constants_of, only
from core.ecs import FieldType, type_of
from core.errors import BadConfig, failure

MACROS: Mapping[str, str] = {
    "WORD": r"\w+",
    "NOTSPACE": r"\S+",
    "SPACE": r"\s*",
    "DATA": r"(?s:.*?)",
    "GREEDY": r"(?s:.*)",
    "INT": r"[+-]?\d{1,19}",
    "NUMBER": r"[+-]?\d{1,19}(?:\.\d{1,19})?",
    "HEX": r"(?:0[xX])?[0-9A-Fa-f]+",
    "IP": r"(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f:]{0,40}:[0-9A-Fa-f:.]{0,40}(?:%\w{1,16})?)",
    "HOST": r"[A-Za-z0-9_](?:[A-Za-z0-9_.:-]*[A-Za-z0-9_])?",
    "USER": r"[^\s,;:\"']+",
    "QUOTED": r"[^\"]*",
    "MAC": r"[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}",
    "PATH": r"/[^\s\"']*",
}

_FIELD = r"[A-Za-z@_][\w.@-]*"
_MACRO = re.compile(r"%\{([A-Z]+)(?::(" + _FIELD + r"))?\}")
_NAMED = re.compile(r"\(\?<(" + _FIELD + r")>")
_LITERAL = re.compile(r"[A-Za-z0-9 _,/@%&=:;'\"<>~!#-]|\\[.()\[\]{}|*+?^$\\/ -]")


def expand(pattern: str) -> tuple[str, list[str]]:
    """A pattern with macros and dotted names as a plain regular expression, and the field of each group."""
    fields: list[str] = []
    text = pattern
    out = ""
    while text:
        macro, named = _MACRO.search(text), _NAMED.search(text)
        first = min((m for m in (macro, named) if m), key=lambda m: m.start(), default=None)
        if first is None:
            out += text
            break
        out += text[: first.start()]
        if first is macro:
            if first.group(1) not in MACROS:
                raise failure(BadConfig, "collectors.pack.macro", name=first.group(1))
            body = MACROS[first.group(1)]
            if first.group(2):
                fields.append(first.group(2))
                out += f"({body})"
            else:
                out += f"(?:{body})"
        else:
            fields.append(first.group(1))
            out += "("
        text = text[first.end() :]
    if re.compile(out, re.ASCII).groups != len(fields):
        raise failure(BadConfig, "collectors.pack.group", pattern=repr(pattern))
    return out, fields


def first_word(pattern: str) -> str:
    """The word, up to and with its space, that every match starts with; empty when there is none."""
    literal = ""
    at = 0
    while True:
        found = _LITERAL.match(pattern, at)
        if found is None:
            return ""
        after = pattern[found.end() : found.end() + 1]
        if after and after in "*+?{":
            return ""
        literal += found.group().lstrip("\\")
        if literal.endswith(" "):
            return literal
        at = found.end()


def regex_function(pattern: str, empty: frozenset[str]) -> Callable[[str, Out], bool]:
    """A pattern as a function that puts its groups into the fields, converted, and says whether it matched."""
    text, fields = expand(pattern)
    if "|" in pattern and _top_level_bar(pattern):
        raise failure(BadConfig, "collectors.pack.alternatives", pattern=repr(pattern))
    match = re.compile(text, re.ASCII).match
    names = tuple(fields)
    typed = tuple((i, f) for i, f in enumerate(names) if is_typed(f))
    plain = tuple((i, f) for i, f in enumerate(names) if not is_typed(f))

    def apply(subject: str, out: Out) -> bool:
        found = match(subject)
        if found is None:
            return False
        groups = found.groups()
        for i, name in plain:
            value = groups[i]
            if value is not None and value not in empty:
                out[name] = value
        for i, name in typed:
            value = groups[i]
            if value is not None and value not in empty:
                put(out, name, value)
        return True

    return apply


def _top_level_bar(pattern: str) -> bool:
    depth = 0
    in_class = False
    escaped = False
    for c in pattern:
        if escaped:
            escaped = False
        elif c == "\\":
            escaped = True
        elif in_class:
            in_class = c != "]"
        elif c == "[":
            in_class = True
        elif c == "(":
            depth += 1
        elif c == ")":
            depth -= 1
        elif c == "|" and depth == 0:
            return True
    return False


def is_typed(name: str) -> bool:
    return type_of(name) not in (FieldType.KEYWORD, FieldType.TEXT)


def patterns(specs: list[Any], on: str, accept_unmatched: bool, empty: frozenset[str]) -> Action:
    """Try in order, but only those whose first word fits; the first match wins."""
    general: list[tuple[int, Callable[[str, Out], bool], tuple[tuple[str, Any], ...]]] = []
    by_word: dict[str, list[tuple[int, Callable[[str, Out], bool], tuple[tuple[str, Any], ...]]]] = {}
    for number, spec in enumerate(specs):
        if isinstance(spec, str):
            spec = {"regex": spec}
        only(spec, {"regex", "set"}, "patterns")
        pattern = spec["regex"].strip()
        entry = (number, regex_function(pattern, empty), constants_of(spec.get("set", {})))
        word = first_word(pattern)
        if word:
            by_word.setdefault(word, []).append(entry)
        else:
            general.append(entry)
    table = {word: tuple(sorted([*entries, *general], key=lambda e: e[0])) for word, entries in by_word.items()}
    rest = tuple(general)

    def apply(out: Out, record: Record) -> bool:
        subject = record.message if on == "message" else record.text if on == "text" else out.get(on)
        if subject is None:
            return accept_unmatched
        for _, match, constants in table.get(subject[: subject.find(" ") + 1], rest):
            if match(subject, out):
                for name, value in constants:
                    out[name] = value.copy() if value.__class__ is list else value
                break
        else:
            if not accept_unmatched:
                return False
        if on != "text" and "message" not in out:
            out["message"] = subject
        return True

    return apply
