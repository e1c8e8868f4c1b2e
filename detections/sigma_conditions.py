"""pySigma's grammar of conditions with words that end where names do: it reads a selection ``note`` as ``not e``."""

from __future__ import annotations

import sigma.conditions
from pyparsing import Keyword, alphanums, infix_notation, opAssoc
from sigma.conditions import ConditionAND, ConditionNOT, ConditionOR, operand

_IN_NAMES = alphanums + "_-*"


def _word(text: str) -> Keyword:
    return Keyword(text, ident_chars=_IN_NAMES)


sigma.conditions.condition = infix_notation(  # type: ignore[no-untyped-call]
    operand,
    [
        (_word("not"), 1, opAssoc.RIGHT, ConditionNOT.from_parsed),
        (_word("and"), 2, opAssoc.LEFT, ConditionAND.from_parsed),
        (_word("or"), 2, opAssoc.LEFT, ConditionOR.from_parsed),
    ],
)
