"""What the template of the indices maps."""

from __future__ import annotations

from hashlib import sha256

import orjson

from core.ecs import FIELDS
from core.store.elastic_setup import LAYOUT
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


def test_a_change_of_the_mapping_raises_the_layout() -> None:
    """Else an older version writes to indices of a newer one. With the new print put the raised LAYOUT."""
    made = template(has_wildcard=False)
    described = [made["mappings"], made["settings"]["index"]["analysis"]]
    print_ = sha256(orjson.dumps(described, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
    assert (LAYOUT, print_) == (1, "8ce69f4c931d9905")
