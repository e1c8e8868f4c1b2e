"""Entries of our own journal, as kydai/following.py hands them in: nobody else's raw is taken for one.

``user.name`` is the person behind the actor: the owner of a token, who logged in before su or sudo. What stood before
and after keeps its names below ``kydai.audit``; of changes to many things at once, whose numbers stand as names, the
values stand together. ``kydai.audit.changed`` names what is not the same before and after.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collectors.parser_contract import Hint, Record
from collectors.parser_time import read_iso
from collectors.parser_values import flatten, put, put_address
from core import followed
from core.audit import people

Out = dict[str, Any]

_KINDS: Mapping[str, tuple[list[str], list[str]]] = {
    "sign_in": (["authentication"], ["start"]),
    "sign_in.failed": (["authentication"], ["start"]),
    "sign_out": (["authentication"], ["end"]),
    "user.add": (["iam"], ["user", "creation"]),
    "token.add": (["iam"], ["user", "creation"]),
    "token.revoke": (["iam"], ["user", "deletion"]),
}
_KINDS_BY_OBJECT: Mapping[str, tuple[list[str], list[str]]] = {
    "user": (["iam"], ["user", "change"]),
    **dict.fromkeys(
        ("exception", "hold", "keys", "package", "retention", "rule", "source", "store", "tls"),
        (["configuration"], ["change"]),
    ),
}
"""By what is changed: the object before its colon."""
_OWN = ("seq", "hash", "actor", "channel", "session", "object", "problem", "is_demo")


class KydaiAudit:
    """An entry of the journal as JSON (core/audit.py)."""

    name = followed.PARSER
    title: Mapping[str, str] = {"vi": "Nhật ký thao tác của Kỳ Đài", "en": "Kỳ Đài's own journal"}
    proven = True
    hint = Hint()

    def parse(self, record: Record) -> Out | None:
        entry = record.document
        if entry is None or record.source != followed.SOURCE or not isinstance(entry.get("action"), str):
            return None
        action, obj = entry["action"], str(entry.get("object") or "")
        kind, _, name = obj.partition(":")
        out: Out = {"event.module": "kydai", "event.dataset": followed.DATASET, "event.action": action}
        if (at := read_iso(str(entry.get("at")), record.zone)) is not None:
            out["@timestamp"] = at[0]
        found = _KINDS.get(action) or _KINDS_BY_OBJECT.get(kind)
        if found is not None:
            out["event.category"], out["event.type"] = found
        _put_people(out, str(entry.get("actor") or ""))
        if kind == "user" and name:
            out["user.target.name"] = name
        elif kind == "rule" and name:
            out["rule.id"] = name
        if reason := entry.get("reason"):
            out["event.reason"] = reason
        for each in _OWN:
            value = entry.get(each)
            if value is not None and value != "" and value is not False:
                put(out, f"kydai.audit.{each}", value)
        before, after = (_facts(entry.get(side)) for side in ("before", "after"))
        out |= flatten(before, "kydai.audit.before.") | flatten(after, "kydai.audit.after.")
        if changed := sorted(n for n in before if before[n] != after.get(n, before[n])):
            out["kydai.audit.changed"] = changed
        if isinstance(address := after.get("address"), str) and address:
            put_address(out, "source", address)
        is_bad = action.endswith(".failed") or after.get("is_whole") is False or "problem" in entry
        out["event.outcome"] = "failure" if is_bad else "success"
        out["message"] = " ".join(filter(None, (entry.get("actor"), action, obj)))
        return out


def _put_people(out: Out, actor: str) -> None:
    account = actor.partition(" (")[0].removeprefix("os:")
    login = sorted(people(actor) - {account})
    if login:
        out["user.name"], out["user.effective.name"] = login[0], account
    elif account:
        out["user.name"] = account


def _facts(side: Any) -> dict[str, Any]:
    """What stood before or after, by name. ``{"12": {"status": …}, "13": …}`` is about several things: of each name
    there are the values."""
    if not isinstance(side, dict):
        return {}
    if not all(key.isdecimal() and isinstance(value, dict) for key, value in side.items()):
        return side
    found: dict[str, list[Any]] = {}
    for each in side.values():
        for name, value in each.items():
            values = found.setdefault(name, [])
            if value is not None and value not in values:
                values.append(value)
    return found


PARSER = KydaiAudit()
