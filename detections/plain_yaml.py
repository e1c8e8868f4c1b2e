"""The YAML that rules are nearly always written in, read four times as fast: blocks of keys, lists and scalars.

Whatever is outside of that (flow collections, anchors, tags, quoted texts over several lines, numbers that are not
plain, a fault) is *odd*, and left to ``strict_yaml``, which reads all of YAML and says what is wrong. What is read here
must be what it reads; a test holds the two together over all rules, whole and mutilated.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any

Block = dict[str, tuple[int, Any]]
"""Key → (its line from 1, value). A value is a scalar, a Block, or a list of (line, value)."""


class OddError(Exception):
    """Not plain: the thorough reader must look."""


_UNPLAIN = re.compile(
    "[^\t\n -~\u00a0-\u2027\u202a-\ud7ff\ue000-\ufdcf\ufdf0-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_USUAL = bytes((0x09, 0x0A, *range(0x20, 0x7F)))
"""None of these is unplain, and most files have no others."""
_FOLDED = re.compile(r": +[|>]")
_TAB = re.compile(r"^ *[^# \n].*\t", re.MULTILINE)
_KEY = re.compile(r"( *)([A-Za-z_][\w.@/$-]*(?:\|[a-z0-9]+)*|'\|all'):(?: +(.*))?", re.ASCII)
_SKIPPED = re.compile(r" *(?:#.*)?")
_SINGLE = re.compile(r"'((?:[^']|'')*)' *(?: #.*)?")
_DOUBLE = re.compile(r'"((?:[^"\\]|\\[\\"]|\\u[0-9a-cA-C][0-9a-fA-F]{3})*)" *(?: #.*)?')
_ESCAPE = re.compile(r"\\(?:u(.{4})|(.))")
_PLAIN = re.compile(r"[A-Za-z_][\w ./\\$(),;<>@+=!?&*%\"'|{}\[\]^~`-]*", re.ASCII)
"""Sure to be a text of one line, but for the words below."""
_SIMPLE = re.compile(rf"'([^']*)' *|(?![_]){_PLAIN.pattern}", re.ASCII)
"""Nine scalars of ten: quoted without a quote inside, or plain."""
_FIRST = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_/\\.$(^;+<")
_AFTER_SIGN = re.compile(r"[-?:][^ ]")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_OTHERWISE = re.compile(
    r"""[-+]?0b[0-1_]+ | [-+]?0[0-7_]+ | [-+]?(?:0|[1-9][0-9_]*) | [-+]?0x[0-9a-fA-F_]+
    | [-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+
    | [-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+][0-9]+)? | \.[0-9][0-9_]*(?:[eE][-+][0-9]+)?
    | [-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]* | [-+]?\.(?:inf|Inf|INF) | \.(?:nan|NaN|NAN)
    | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.* | << | = | ~""",
    re.VERBOSE,
)
"""What YAML takes for numbers, times and the like."""
_WORDS = frozenset({"yes", "no", "true", "false", "on", "off", "null"})
_BOOLEANS = {"true": True, "false": False}
_FOLDS = frozenset({"|", "|-", "|+", ">", ">-", ">+"})
_TEXTS = frozenset({"description", "definition"})
"""Keys whose texts are read as words, so that it does not matter how their lines are folded."""


def plain_document(data: bytes) -> Block:
    """The one document of a file. Raises OddError."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise OddError from error
    if (data.translate(None, _USUAL) and _UNPLAIN.search(text)) or ("\t" in text and not _tabs_are_comments(text)):
        raise OddError
    lines = text.split("\n")
    found, at = _mapping(lines, 0, 0)
    if at < len(lines) or not found:
        raise OddError
    return found


def _tabs_are_comments(text: str) -> bool:
    head, _, detection = text.partition("\ndetection:")
    return "\t" not in head and not _FOLDED.search(detection) and not _TAB.search(detection)


def _mapping(lines: list[str], at: int, indent: int) -> tuple[Block, int]:
    found: Block = {}
    deeper = " " * (indent + 1)
    while at < len(lines):
        line = lines[at]
        key = _KEY.fullmatch(line)
        if key is None:
            if _SKIPPED.fullmatch(line):
                at += 1
                continue
            if _indent(line) < indent:
                break
            raise OddError
        spaces, name, rest = key.groups()
        if len(spaces) < indent:
            break
        name = name.strip("'")
        if len(spaces) > indent or name in found or name.lower() in _WORDS:
            raise OddError
        at += 1
        place = at
        value: Any
        if not rest or rest[0] == "#":
            value, at = _nested(lines, at, indent)
        elif name in _TEXTS and rest in _FOLDS:
            value, at = _words(lines, at, indent)
        else:
            value = _simple(rest) if at == len(lines) or not lines[at].startswith(deeper) else None
            if value is None:
                rest, at = _whole(lines, at, indent, rest)
                value = _scalar(rest) if indent or not _DATE.fullmatch(rest) else _date(rest)
        found[name] = (place, value)
    return found, at


def _nested(lines: list[str], at: int, indent: int) -> tuple[Any, int]:
    while at < len(lines):
        line = lines[at]
        depth = _indent(line)
        if depth >= indent and line.startswith("- ", depth):
            return _sequence(lines, at, depth)
        if depth > indent and _KEY.fullmatch(line):
            return _mapping(lines, at, depth)
        if _SKIPPED.fullmatch(line):
            at += 1
            continue
        if depth <= indent:
            break
        text, at = _whole(lines, at + 1, indent, line.strip(" "))
        return _scalar(text), at
    return None, at


def _sequence(lines: list[str], at: int, depth: int) -> tuple[list[tuple[int, Any]], int]:
    prefix, deeper = " " * depth + "- ", " " * (depth + 1)
    found: list[tuple[int, Any]] = []
    while at < len(lines):
        line = lines[at]
        if line.startswith(prefix):
            item = line[depth + 2 :].lstrip(" ")
            place = at + 1
            simple = _simple(item) if place == len(lines) or not lines[place].startswith(deeper) else None
            if simple is not None:
                at = place
                found.append((place, simple))
            elif (item[:1] not in "'\"" or item.startswith("'|")) and _KEY.fullmatch(item):
                # a mapping that begins behind the dash: its other keys stand below the first
                inner = len(line) - len(item)
                lines[at] = " " * inner + item
                value, at = _mapping(lines, at, inner)
                found.append((place, value))
            else:
                item, at = _whole(lines, place, depth, item)
                found.append((place, _scalar(item)))
        elif _SKIPPED.fullmatch(line):
            at += 1
        elif (_indent(line) <= depth and not line.startswith("-", _indent(line))) or _indent(line) < depth:
            break
        else:
            raise OddError
    return found, at


def _simple(text: str) -> str | None:
    """A scalar that is sure to be a text, if no line goes on with it."""
    simple = _SIMPLE.fullmatch(text)
    if simple is None:
        return None
    if simple[1] is not None:
        return simple[1]
    text = text.rstrip(" ")
    return None if text.lower() in _WORDS else text


def _whole(lines: list[str], at: int, indent: int, text: str) -> tuple[str, int]:
    """A scalar with the lines that go on with it, which are indented more than its key or dash."""
    first = at
    while at < len(lines) and lines[at].startswith(" ", indent) and not lines[at][:indent].strip(" "):
        line = lines[at].strip(" ")
        if not line or line[0] == "#":
            break
        text = f"{text.rstrip(' ')} {line}"
        at += 1
    if at > first and (text[0] in "'\"" or " #" in text):
        raise OddError
    return text, at


def _words(lines: list[str], at: int, indent: int) -> tuple[str, int]:
    """The words of a text over several lines, which is indented more than its key."""
    depth = None
    words: list[str] = []
    while at < len(lines):
        line = lines[at]
        if line.strip(" "):
            own = _indent(line)
            if own <= indent:
                break
            depth = own if depth is None else depth
            if own < depth:
                raise OddError
            words.extend(line.split())
        elif line and depth is None:
            raise OddError
        at += 1
    if not words:
        raise OddError
    return " ".join(words), at


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _date(text: str) -> date:
    """Of the document's own keys; deeper, what looks like a date is odd."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise OddError from error


def _scalar(text: str) -> Any:
    """A scalar as YAML 1.1 resolves it, or OddError when that is not plain to see."""
    first = text[:1]
    if first == "'":
        if text.count("'") == 2 and text[-1] == "'":
            return text[1:-1]
        quoted = _SINGLE.fullmatch(text)
        if quoted is None:
            raise OddError
        return quoted[1].replace("''", "'")
    if first == '"':
        quoted = _DOUBLE.fullmatch(text)
        if quoted is None:
            raise OddError
        return (
            _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else found[2], quoted[1])
            if "\\" in quoted[1]
            else quoted[1]
        )
    if first not in _FIRST and not first > "\x7f" and not _AFTER_SIGN.match(text):
        raise OddError
    if not _PLAIN.fullmatch(text):
        text = text.split(" #", 1)[0]
        if ": " in text or text.rstrip(" ")[-1] == ":":
            raise OddError
    text = text.rstrip(" ")
    if first.isalpha() and text.lower() not in _WORDS:
        return text
    return _resolved(text)


def _escaped(found: re.Match[str]) -> str:
    return chr(int(found[1], 16)) if found[1] else found[2]


def _resolved(text: str) -> Any:
    if _NUMBER.fullmatch(text):
        return int(text)
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if text == "null":
        return None
    if text.lower() in _WORDS or _OTHERWISE.fullmatch(text):
        raise OddError
    return text
