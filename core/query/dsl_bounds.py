"""Numbers, booleans, times and addresses as queries of Elasticsearch: the index has them in their order."""

from __future__ import annotations

from ipaddress import IPv6Address
from typing import Any

from core.ecs import FieldType, type_of
from core.query.leaf import Bounds, bounds_of, long_bounds, micros_bounds
from core.query.tree import Cidr, Range
from core.query.values import ip_bounds
from core.store import elastic_fields as at
from core.store.elastic_document import micros

Dict = dict[str, Any]

NEVER: Dict = {"match_none": {}}


def typed(name: str, values: list[Any]) -> Dict:
    """Any of the values, which are of the field's type; addresses as 32 hexadecimal digits."""
    type_ = type_of(name)
    if type_ is FieldType.DATE:
        values = [at_ for value in values if (at_ := micros(value)) is not None]
        name = at.time(name)
    elif type_ is FieldType.IP:
        values = [_address(value) for value in values]
    elif type_ is FieldType.DOUBLE:
        values = [value + 0.0 for value in values]  # -0.0 is 0.0
    return {"terms": {name: values}} if values else NEVER


def network(leaf: Cidr) -> Dict:
    low, high = ip_bounds(leaf.network)
    if type_of(leaf.field) is FieldType.IP and at.is_mapped(leaf.field):
        return _between(leaf.field, gte=_address(low), lte=_address(high))
    prefix = at.address_prefix(leaf.field)
    return _between(at.KV, gte=prefix + low, lte=prefix + high)


def within(leaf: Range) -> Dict | None:
    """A range of what has an order in the index; None for texts: numbers among them have none there."""
    name, type_ = leaf.field, type_of(leaf.field)
    if type_ is FieldType.LONG:
        longs = long_bounds(leaf)
        return NEVER if longs is None else _between(name, gte=longs[0], lte=longs[1])
    if type_ is FieldType.DATE:
        times = micros_bounds(leaf)
        return NEVER if times is None else _between(at.time(name), gte=times[0], lte=times[1])
    given = strictest(bounds_of(leaf))
    if type_ is FieldType.BOOLEAN:
        return NEVER
    if type_ is FieldType.IP:
        return _between(name, **{side: _address(bound) for side, bound in given.items()})
    if type_ is FieldType.DOUBLE:
        return _between(name, **{side: bound + 0.0 for side, bound in given.items()})
    return None


def strictest(bounds: Bounds) -> dict[str, Any]:
    """The bounds without what another says already: the server takes one of each side."""
    given: dict[str, Any] = {side: getattr(bounds, side) for side in ("gt", "gte", "lt", "lte")}
    given = {side: bound for side, bound in given.items() if bound is not None}
    if "gt" in given and "gte" in given:
        del given["gte" if given["gt"] >= given["gte"] else "gt"]
    if "lt" in given and "lte" in given:
        del given["lte" if given["lt"] <= given["lte"] else "lt"]
    return given


def _address(digits: str) -> str:
    return str(IPv6Address(int(digits, 16)))


def _between(field: str, **bounds: Any) -> Dict:
    return {"range": {field: bounds}} if bounds else {"exists": {"field": field}}
