from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import pytest

from detections.binding import FieldMap
from detections.ir import Kind, Predicate, holds
from detections.numbering import Numbering
from detections.predicates import holds as is_true_of
from detections.predicates import texts_of

OWN = FieldMap()
RENAMED = FieldMap({"Image": ("process.executable",)})
EITHER = FieldMap({"Image": ("first", "second"), "User": ("user", "account")})


def test_what_two_ways_of_naming_make_the_same_has_one_number() -> None:
    numbering = Numbering()
    asked = Predicate("Image", Kind.ENDS, "\\x.exe")
    there = asked._replace(field="process.executable")
    assert numbering.under(RENAMED, {"Image"})[asked] == numbering.under(OWN, {"process.executable"})[there]
    assert numbering.under(OWN, {"Image"})[asked] != numbering[there]
    assert numbering.predicates == [there, asked]
    assert len(numbering.costs) == 2


def test_a_keyword_is_asked_of_the_whole_text_under_any_names() -> None:
    numbering = Numbering()
    keyword = Predicate(None, Kind.CONTAINS, "mimikatz")
    assert numbering.under(EITHER, {"Image"})[keyword] == numbering.under(OWN, set())[keyword]


@pytest.mark.parametrize(
    "predicate",
    [
        Predicate("Image", Kind.EQUALS, "a"),
        Predicate("Image", Kind.NULL),
        Predicate("Image", Kind.EXISTS),
        Predicate("Image", Kind.FIELD, "User"),
    ],
)
def test_of_several_keys_the_first_that_is_there_counts(predicate: Predicate) -> None:
    numbering = Numbering()
    expr = numbering.under(EITHER, {"Image", "User"})[predicate]
    for image, second, user, account in product((None, "a", "b"), repeat=4):
        event = {"first": image, "second": second, "user": user, "account": account}
        true = {number for number, each in enumerate(numbering.predicates) if _holds(each, event)}
        plain = {"Image": second if image is None else image, "User": account if user is None else user}
        assert holds(expr, true.__contains__) is _holds(predicate, plain), event


def _holds(predicate: Predicate, event: Mapping[str, str | None]) -> bool:
    return is_true_of(predicate, texts_of(event[str(predicate.field)]), texts_of(event.get(predicate.value)))
