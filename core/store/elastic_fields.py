"""The names of the fields of documents in Elasticsearch: where each field of an event is indexed, and how."""

from __future__ import annotations

import hashlib

import orjson

from core.ecs import FIELDS, FieldType, type_of
from core.query.meaning import FREE_TEXT

INDEX = "kydai.index."
KV = INDEX + "kv"
KEYS = INDEX + "keys"
MISFIT = INDEX + "misfit"
SEGMENT, RECORD, N = INDEX + "segment", INDEX + "record", INDEX + "n"
WHOLE, TEXTS, FOLDED_TEXTS = "kydai.whole", "kydai.texts", "kydai.folded"

WILDCARD = frozenset(
    {
        "dll.path",
        "file.path",
        "file.target_path",
        "http.request.referrer",
        "process.args",
        "process.command_line",
        "process.executable",
        "process.parent.args",
        "process.parent.command_line",
        "process.parent.executable",
        "process.working_directory",
        "registry.data.strings",
        "registry.path",
        "registry.value",
        "url.full",
        "url.original",
        "url.path",
        "url.query",
        "user_agent.original",
    }
)
"""Keywords of many and long values, searched by their parts."""

_TEXT_FIELDS = frozenset(name for name, type_ in FIELDS.items() if type_ is FieldType.TEXT)
WORDS = _TEXT_FIELDS | frozenset(FREE_TEXT)
"""Fields whose words are indexed: folded where the field folds, else lowered."""

TIME = INDEX + "time."
TIMESTAMP = TIME + "@timestamp"
"""``@timestamp`` in microseconds: what events are ordered by, before SEGMENT, RECORD and N."""

_MAX_NAME = 500


def searched(name: str) -> str:
    """Where the lowered text of a mapped keyword or address is searched."""
    if name in WILDCARD:
        return f"{INDEX}lower.{name}"
    return f"{held(name)}.lower"


def held(name: str) -> str:
    """Where a mapped keyword or address is held as it was written, one value a member."""
    return f"{INDEX}ip.{name}" if type_of(name) is FieldType.IP else name


def folded(name: str) -> str:
    """Where the folded text of a keyword that folds is searched."""
    return f"{INDEX}fold.{name}"


def words(name: str) -> str:
    """Where the words of a field are searched."""
    return f"{INDEX}words.{name}"


def time(name: str) -> str:
    """Where a date is held in microseconds."""
    return TIME + name


def is_mapped(name: str) -> bool:
    """Whether the field has a mapping of its own; others stand in KV."""
    return name in FIELDS and name != "event.id" and not is_ours(name)


def is_ours(name: str) -> bool:
    """Whether the document uses the name for itself; an event's own field of that name is kept aside."""
    return name.startswith(INDEX) or name in (WHOLE, TEXTS, FOLDED_TEXTS)


def is_aside(name: str) -> bool:
    """Whether no document can have a field of that name."""
    return not name.strip() or name.startswith("_") or is_ours(name)


def short(name: str) -> str:
    """A name as it is indexed: very long ones by their digest."""
    if len(name) <= _MAX_NAME // 4 or len(name.encode("utf-8", "replace")) <= _MAX_NAME:
        return name
    return "sha256:" + hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()


def kv_prefix(name: str) -> str:
    """What the lowered texts of a field begin with in KV."""
    return short(name).replace("%", "%25").replace("=", "%3D").replace("\x01", "%01") + "="


def address_prefix(name: str) -> str:
    """What the addresses of a field begin with in KV; 32 hexadecimal digits follow."""
    return kv_prefix(name)[:-1] + "\x01"


def key_of(name: str) -> str:
    """How a name stands in KEYS, between others."""
    return orjson.dumps(short(name)).decode()
