"""Walking a tree."""

from __future__ import annotations

from core.query.tree import TRUE, And, Equals, Exists, FieldEquals, Not, Or, fields_of, walk


def test_every_node_once_parents_first_and_the_fields_read() -> None:
    leaf, other = Equals("a", 1), Exists("b")
    tree = And((leaf, Or((Not(other), FieldEquals("c", "d")))))
    assert list(walk(tree)) == [tree, leaf, tree.children[1], Not(other), other, FieldEquals("c", "d")]
    assert fields_of(tree) == {"a", "b", "c", "d"}
    assert fields_of(TRUE) == set()
