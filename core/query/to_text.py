"""Query tree → query text: a rule, an exception or a stored condition shown as a query.

``parse(explain_text(node))`` means the same as ``node``, for every tree that the language or a Sigma rule gives.
The few leaves that no operator says (a folded comparison of a field that does not fold, two fields compared, a
regular expression that not every engine can look for) are shown between ⟨ and ⟩, which the language refuses.
"""

from __future__ import annotations

import re

from core.ecs import FieldType, is_folded, type_of
from core.errors import BadInput
from core.query.leaf import (
    compares_address,
    escape,
    folds,
    is_empty,
    is_texty,
    pattern_of,
    pattern_regex,
    regex_text,
    wanted,
)
from core.query.meaning import merged
from core.query.regex_lucene import to_lucene
from core.query.tree import (
    And,
    Cidr,
    Comparison,
    Equals,
    Exists,
    FieldEquals,
    Leaf,
    Like,
    Node,
    Not,
    Or,
    Pattern,
    Phrase,
    Range,
    Regex,
    Wild,
)
from core.query.values import looks_like_network, to_text

_SIMPLE = re.compile(r"[A-Za-z0-9_@.][A-Za-z0-9_@.-]*")
_SPECIAL = re.compile(r'[\\():"*?{}\[\]/+\-!^~&|=<>@,;\s]')
_LISTED = re.compile(r'((?:"(?:[^"\\]|\\.)*"|[^\s":⟨]+)(?::| ==?| ~)) (.+)', re.DOTALL)
"""A field with its operator, and a value that may stand in a list of values."""
_KEYWORDS = frozenset({"and", "or", "not", "to"})
_WHOLE = re.compile(r"\\A\(\?:(.*)\)\\z", re.DOTALL)


def explain_text(node: Node) -> str:
    """The query text of a tree."""
    if isinstance(node, And | Or) and len(node.children) > 1:
        return _joined(node, _parts(node))
    return _text(node)


def _text(node: Node) -> str:
    if isinstance(node, And | Or):
        if not node.children:
            return "*" if isinstance(node, And) else "not *"
        parts = _parts(node)
        return parts[0] if len(parts) == 1 else f"({_joined(node, parts)})"
    if isinstance(node, Not):
        return f"not {_text(node.child)}"
    return _leaf(node)


def _joined(node: And | Or, parts: list[str]) -> str:
    return (" and " if isinstance(node, And) else " or ").join(parts)


def _parts(node: And | Or) -> list[str]:
    """The texts of the children; values of one field and operator stand in one list behind it."""
    lists: dict[str, list[str]] = {}
    for child in node.children:
        listed = None if isinstance(child, And | Or | Not) else _LISTED.fullmatch(_leaf(child))
        if listed is None:
            lists.setdefault(_text(child), [])
        else:
            lists.setdefault(listed[1], []).append(listed[2])
    parts: list[str] = []
    for start, values in lists.items():
        if len(values) > 1:
            parts.append(f"{start} ({_joined(node, values)})")
        else:
            parts.append(f"{start} {values[0]}" if values else start)
    return parts


def _leaf(leaf: Leaf) -> str:
    field = _name(leaf.field)
    if isinstance(leaf, Exists):
        return f"{field}: *"
    if isinstance(leaf, Cidr):
        listed = type_of(leaf.field) in (FieldType.KEYWORD, FieldType.IP)
        return f"{field}: {leaf.network}" if listed else f"⟨{field} in {leaf.network}⟩"
    if isinstance(leaf, Range):
        return _range(field, leaf)
    if isinstance(leaf, FieldEquals):
        return f"⟨{field} {leaf.how} {_name(leaf.other)} {leaf.comparison.value}⟩"
    if isinstance(leaf, Phrase):
        if is_texty(type_of(leaf.field)) and leaf.comparison is _natural(leaf.field):
            return f"{field} ~ {_quoted(leaf.text)}"
        return f"⟨{field} {leaf.comparison.value} ~ {_quoted(leaf.text)}⟩"
    if isinstance(leaf, Regex):
        return _shown(_operated(leaf, field, ""), _slashed(leaf))
    if isinstance(leaf, Like):
        return _like(leaf, field)
    return _equals(leaf, field)


def _equals(leaf: Equals, field: str) -> str:
    type_ = type_of(leaf.field)
    value = to_text(leaf.value) or ""
    is_no_network = type_ is FieldType.IP and not compares_address(leaf) and looks_like_network(value)
    if wanted(leaf) is None or is_no_network:
        return f"⟨{field}: {_quoted(value)}⟩"
    if type_ is FieldType.DATE:
        return f"{field}: {_quoted(value)}"
    if not is_texty(type_) or compares_address(leaf):
        return f"{field}: {_plain(value)}"
    if type_ is FieldType.TEXT and leaf.comparison is Comparison.FOLD and value:
        return _shown(f"{field}: ", _for_slashes(escape(value)))
    if type_ is FieldType.TEXT and leaf.comparison is Comparison.FOLD:
        return f'{field}: ""'
    return _operated(leaf, field, _quoted(value) if type_ is FieldType.IP else _plain(value))


def _like(leaf: Like, field: str) -> str:
    pieces = merged(tuple(piece for piece in leaf.pattern if piece != ""))
    if type_of(leaf.field) is FieldType.TEXT and leaf.comparison is Comparison.FOLD:
        if len(pieces) > 1 and pieces[0] is Wild.MANY and pieces[-1] is Wild.MANY:
            return f"{field}: {_pattern(pieces)}"
        regex = pattern_regex(pattern_of(leaf)).replace(r"\A", "^").replace(r"\z", "$")
        return _shown(f"{field}: ", _for_slashes(f"(?s:.*)(?:{regex})(?s:.*)"))
    if not any(isinstance(p, Wild) for p in pieces):
        return _equals(Equals(leaf.field, "".join(str(p) for p in pieces), leaf.comparison), field)
    if pieces == (Wild.MANY,) and is_texty(type_of(leaf.field)):
        return f"{field}: *"
    if pieces == (Wild.MANY,) or type_of(leaf.field) is FieldType.DATE:
        return f"⟨{field}: {_pattern(pieces)}⟩"
    return _operated(leaf, field, _pattern(pieces))


def _operated(leaf: Equals | Like | Regex, field: str, value: str) -> str:
    """The value behind the operator that compares as the leaf does."""
    is_text = type_of(leaf.field) is FieldType.TEXT and not isinstance(leaf, Regex)
    if leaf.comparison is _natural(leaf.field) and not is_text:
        return f"{field}: {value}"
    if leaf.comparison is Comparison.FOLD and (is_folded(leaf.field) or not folds(leaf)):
        return f"{field}: {value}"
    signs = {Comparison.CI: "=", Comparison.EXACT: "=="}
    if leaf.comparison not in signs:
        return f"⟨{field} fold {value}⟩"
    return f"{field} {signs[leaf.comparison]} {value}"


def _range(field: str, leaf: Range) -> str:
    low = leaf.gte if leaf.gte is not None else leaf.gt
    high = leaf.lte if leaf.lte is not None else leaf.lt
    both_low = leaf.gte is not None and leaf.gt is not None
    both_high = leaf.lte is not None and leaf.lt is not None
    if both_low or both_high or (low is None and high is None) or is_empty(leaf):
        return f"⟨{field} > {leaf.gt} >= {leaf.gte} < {leaf.lt} <= {leaf.lte}⟩"
    if high is None:
        return f"{field} {'>=' if leaf.gte is not None else '>'} {low}"
    if low is None:
        return f"{field} {'<=' if leaf.lte is not None else '<'} {high}"
    return f"{field}: {'[' if leaf.gte is not None else '{'}{low} TO {high}{']' if leaf.lte is not None else '}'}"


def _slashed(leaf: Regex) -> str:
    pattern = leaf.pattern
    whole = _WHOLE.fullmatch(pattern)
    if whole is not None and leaf.dotall and not leaf.multiline:
        return _for_slashes(whole[1])
    flags = ("m" if leaf.multiline else "") + ("s" if leaf.dotall else "-s")
    return _for_slashes(f"(?s:.*)(?{flags}:{pattern})(?s:.*)")


def _shown(operated: str, regex: str) -> str:
    """A regular expression behind its field and operator; as what no operator says when the language refuses it."""
    try:
        typed = Regex("x", rf"\A(?:{regex})\z", dotall=True)
        regex_text(typed)
        to_lucene(typed)
    except BadInput:
        return f"⟨{operated}/{regex}/⟩"
    return f"⟨{operated[1:-1]}/{regex}/⟩" if operated.startswith("⟨") else f"{operated}/{regex}/"


def _for_slashes(pattern: str) -> str:
    """A regular expression between slashes: without bare slashes and line ends."""
    return re.sub(r"\\.|/", lambda m: r"\/" if m[0] == "/" else m[0], pattern, flags=re.DOTALL).replace("\n", r"\n")


def _natural(field: str) -> Comparison:
    return Comparison.FOLD if is_folded(field) else Comparison.CI


def _name(field: str) -> str:
    return field if _SIMPLE.fullmatch(field) and field.lower() not in _KEYWORDS else _quoted(field)


def _plain(text: str) -> str:
    return text if _SIMPLE.fullmatch(text) and text.lower() not in _KEYWORDS else _quoted(text)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _pattern(pieces: Pattern) -> str:
    return "".join(
        piece.value if isinstance(piece, Wild) else _SPECIAL.sub(lambda m: "\\" + m[0], piece) for piece in pieces
    )
