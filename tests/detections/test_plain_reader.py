"""Rules read without pySigma are the rules that pySigma's reading gives, and what is wrong is left to it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from detections.plain_reader import plain_rule
from detections.rule import Rule
from detections.sigma_reader import read_file
from tests.detections.sigma_samples import rule_text
from tests.samples import sample

ODD = [*"'\"|:-#*?\\%()~&![]{}<>@`, \t\n\u2028\x85\ufdd0\ufeffđ", " #", ": ", "- ", "|all", "|re", "|cased", "not "]
VALUES = ("''", "~", "yes", "0x1F", "1.5", "2024-01-01", "[a]", "|", "-1", "%a%", "10.0.0.0/8", "'(a'", "'?a*b\\\\*'")


def thorough(data: bytes) -> Rule | None:
    """What the thorough reader makes of a file; None when it is not one good rule."""
    found, errors = read_file(data, "f")
    return found[0] if len(found) == 1 and isinstance(found[0], Rule) and not errors else None


@pytest.fixture(scope="module")
def sigmahq() -> Sequence[Path]:
    return sorted(sample("sigmahq").rglob("*.yml"))


def test_all_of_sigmahq_is_read_alike(sigmahq: Sequence[Path]) -> None:
    left = []
    for path in sigmahq:
        data = path.read_bytes()
        plain = plain_rule(data)
        if plain is None:
            left.append(path.name)
        else:
            assert plain == thorough(data), path.name
    assert not left, "read slowly"


def test_mutilated_rules_are_read_alike_or_left(sigmahq: Sequence[Path]) -> None:
    """One to three things are changed in a rule; what is read of it all the same, pySigma must read, too."""
    dice = random.Random(5)
    read = 0
    for _ in range(2_500):
        text = dice.choice(sigmahq).read_text("utf-8")
        for _ in range(dice.randint(1, 3)):
            text = mutilated(text, dice)
        data = text.encode("utf-8", "surrogatepass")
        plain = plain_rule(data)
        if plain is not None:
            read += 1
            assert plain == thorough(data), text
    assert read > 400, "the mutilations are too harsh to show anything"


def mutilated(text: str, dice: random.Random) -> str:
    lines = text.split("\n")
    # what detects is what matters
    first = next((at for at, line in enumerate(lines) if line.startswith("detection:")), 0)
    at = dice.randrange(first if dice.random() < 0.7 else 0, len(lines))
    line = lines[at]
    place = dice.randint(0, len(line))
    way = dice.randrange(9)
    if way == 0:
        del lines[at]
    elif way == 1:
        lines.insert(at, dice.choice(lines))
    elif way == 2:
        lines[at] = line[:place] + dice.choice(ODD) + line[place:]
    elif way == 3:
        lines[at] = line[:place] + line[place + 1 :]
    elif way == 4:
        lines[at] = " " * dice.randint(1, 4) + line if dice.random() < 0.5 else line[dice.randint(1, 4) :]
    elif way == 5:
        key = line.partition(":")[0]
        lines[at] = f"{key}: {dice.choice(VALUES)}"
    elif way == 6:
        words = line.split(" ")
        dice.shuffle(words)
        lines[at] = " ".join(words)
    elif way == 7:
        lines[at] = line.replace("'", "", 1) if dice.random() < 0.5 else line.replace("contains", "re", 1)
    else:
        key, dash, _ = line.partition("- ")
        lines[at] = key + dash + dice.choice(VALUES) if dash else line
    return "\n".join(lines)


@pytest.mark.parametrize(
    "detection",
    [
        "s: {a: 1}\ncondition: s\n",
        "s:\n  a|cased: x\ncondition: s\n",
        "s:\n  a|re: '(?=x)'\ncondition: s\n",
        "s:\n  a|re: '(x'\ncondition: s\n",
        "s:\n  a|contain: x\ncondition: s\n",
        "s:\n  a: x\ncondition: t\n",
        "s:\n  a: x\ncondition: s and\n",
        "s:\n  a: x\ncondition: s | count() > 3\n",
        "s:\n  a: x\ntimeframe: 5m\ncondition: s\n",
        "s:\n  a|cidr: 10.0.0.1/8\ncondition: s\n",
        "s:\n  a|fieldref: b*\ncondition: s\n",
        "s:\n  a|contains: 5\ncondition: s\n",
        "s:\n  - ''\ncondition: s\n",
        "s:\n  a: x\nt:\n  a|nothing: y\ncondition: s\n",
        "s:\n  a: x\ncondition: 1 of x*\n",
    ],
)
def test_what_is_not_plain_is_left(detection: str) -> None:
    assert plain_rule(rule_text(1, detection, "\n  product: windows").encode()) is None


@pytest.mark.parametrize(
    "detection",
    [
        "s:\n  a|contains|windash: ' -x /y'\ncondition: s\n",
        "s:\n  a|expand: '%x%\\%y*'\ncondition: s\n",
        "s:\n  a|wide|base64offset|contains: 'ăx'\ncondition: s\n",
        "s:\n  a|base64|contains: 'x?'\ncondition: s\n",
        "s:\n  a|startswith: ''\n  b|contains|all:\n    - '*'\n    - 'a*b'\ncondition: s\n",
        "s:\n  - x\n  - 5\n  - 'a*b'\nt:\n  - a: null\n    b:\n  - c: true\n_u:\n  d: 1\n"
        "condition: not s or (1 of t* and not _u)\n",
        "s:\n  a: x\n  b: x\nt:\n  a: x\ncondition:\n  - all of them\n  - s and t\n",
        "note:\n  a: x\nnot_b:\n  a: y\ncondition: note and not not_b\n",
        "s:\n  a: x\ncondition: not not s\n",
        "s:\n  a: x\ncondition: S or s\n",
    ],
)
def test_what_is_plain_means_the_same(detection: str) -> None:
    data = rule_text(1, detection, "\n  product: windows").encode()
    plain = plain_rule(data)
    assert plain is None or plain == thorough(data)
