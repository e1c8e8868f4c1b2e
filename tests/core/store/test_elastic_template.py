"""What the template of the indices maps."""

from __future__ import annotations

from core.ecs import FIELDS
from core.store.elastic_template import template


def test_the_template_maps_every_declared_field() -> None:
    mappings = template(has_wildcard=False)["mappings"]
    assert not mappings["subobjects"]
    assert mappings["_source"] == {"excludes": ["kydai.index.*"]}
    fields = mappings["properties"]
    assert not set(FIELDS) - set(fields) - {"event.id", "message", "event.original", "error.message"}
    assert len(fields) < 1_500


def test_wildcard_fields_only_where_the_server_has_them() -> None:
    name = "kydai.index.lower.process.command_line"
    types = [template(has_wildcard=has)["mappings"]["properties"][name]["type"] for has in (True, False)]
    assert types == ["wildcard", "keyword"]
