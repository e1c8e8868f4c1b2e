from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.event import Event, EventId
from core.store.integrity import BLOCK, FIRST_PREV, Ids, Root, Tree, canonical, fold, ids_in, leaf, split
from tests.core.store.conformance import event, spool

SPOOLS = [spool(number=n) for n in range(3)]


def rfc_6962(leaves: list[bytes]) -> bytes:
    """The tree as the RFC defines it."""
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + rfc_6962(leaves[:k]) + rfc_6962(leaves[k:])).digest()


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 9, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK + 17])
def test_the_tree_is_that_of_the_rfc_however_it_is_cut_into_blocks(count: int) -> None:
    events = [event(i) for i in range(count)]
    tree = Tree()
    for each in events:
        tree.add(each)
    grown = tree.done()
    leaves = [leaf(e) for e in events]
    assert bytes.fromhex(grown.root) == rfc_6962(leaves) == fold(leaves)
    assert split(grown.blocks) == [rfc_6962(leaves[at : at + BLOCK]) for at in range(0, count, BLOCK)]
    assert (grown.count, grown.first, grown.last) == (count, events[0]["event.id"], events[-1]["event.id"])
    assert grown.ids == (f"{spool()} 0-{count - 1}" if count > 1 else f"{spool()} 0")


def test_a_leaf_is_the_hash_of_id_and_canonical_json() -> None:
    made: Event = {"event.id": f"{spool()}.0.0", "b": "Huế", "a": [1, 2.5, None, True]}
    text = f'{{"a":[1,2.5,null,true],"b":"Huế","event.id":"{spool()}.0.0"}}'
    assert canonical(made) == canonical(dict(reversed(made.items()))) == text.encode()
    assert leaf(made) == hashlib.sha256(b"\0" + f"{spool()}.0.0\n{text}".encode()).digest()
    assert leaf(made | {"b": "hue"}) != leaf(made)


IDS = st.sets(st.tuples(st.sampled_from(SPOOLS), st.integers(0, 12), st.integers(0, 4)), min_size=1)


@given(IDS)
def test_runs_say_exactly_which_ids(found: set[tuple[str, int, int]]) -> None:
    ids = Ids()
    for each in sorted(found):
        ids.add(*each)
    assert list(ids_in(ids.text())) == sorted(found)


def test_runs_are_short() -> None:
    ids = Ids()
    for segment in SPOOLS[:2]:
        for record in range(1000):
            for n in range(30):
                ids.add(segment, record, n)
    ids.add(SPOOLS[2], 7, 1)
    text = ids.text()
    assert text == f"{SPOOLS[0]} 0-999/0-29\n{SPOOLS[1]} 0-999/0-29\n{SPOOLS[2]} 7/1"
    assert next(ids_in(text)) == EventId(SPOOLS[0], 0, 0)


def test_a_root_is_another_with_anything_in_it_changed() -> None:
    root = Root(1, 2, "level3", 1, 5, "a", "b", "ids", "root", 9, "key", FIRST_PREV)
    others = [
        replace(root, seq=2), replace(root, hour=3), replace(root, class_="x"), replace(root, number=2),
        replace(root, count=6), replace(root, first="x"), replace(root, last="x"), replace(root, ids="x"),
        replace(root, root="x"), replace(root, at=1), replace(root, key="x"), replace(root, prev="x"),
    ]  # fmt: skip
    assert len({r.hash() for r in [root, *others]}) == 1 + len(others)
    assert root.hash() == hashlib.sha256(root.body()).hexdigest()
