"""Windows' own XML of events, as the evtx crate would nest it in JSON."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

MAX_XML = 1 << 20


def from_xml(text: str) -> dict[str, Any] | None:
    """Windows' own XML as the evtx crate would nest it. Entities and external references are refused."""
    if not text.startswith("<Event") or len(text) > MAX_XML:
        return None
    try:
        root = fromstring(text, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, RecursionError):
        return None
    event: dict[str, Any] = {}
    for part in root:
        name = _local(part)
        if name in ("EventData", "UserData"):
            event[name] = _xml_data(part)
        elif name in ("System", "RenderingInfo"):
            event[name] = {_local(child): _xml_value(child) for child in part}
    return {"Event": event}


def _local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _xml_value(element: Element) -> Any:
    text = (element.text or "").strip()
    if element.attrib:
        found: dict[str, Any] = {"#attributes": dict(element.attrib)}
        if text:
            found["#text"] = text
        return found
    return text or None


def _xml_data(part: Element) -> dict[str, Any]:
    out: dict[str, Any] = {}
    unnamed: list[str] = []
    for child in part:
        name = child.attrib.get("Name")
        if name:
            out[name] = child.text or ""
        elif _local(child) == "Data":
            unnamed.append(child.text or "")
        elif len(child):
            out[_local(child)] = {_local(inner): (inner.text or "") for inner in child}
        else:
            out[_local(child)] = child.text or ""
    if unnamed:
        out["Data"] = unnamed
    return out
