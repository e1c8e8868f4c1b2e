"""Events as XML: what comes out, and what is refused."""

from __future__ import annotations

import time

import pytest

from collectors.parser_windows_xml import MAX_XML, from_xml

HEAD = '<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System><Provider Name="P"/></System>'


def test_named_and_unnamed_data() -> None:
    assert from_xml(HEAD + '<EventData><Data Name="a">1</Data><Data Name="b"/></EventData></Event>') == {
        "Event": {"System": {"Provider": {"#attributes": {"Name": "P"}}}, "EventData": {"a": "1", "b": ""}}
    }
    found = from_xml(HEAD + "<EventData><Data>x</Data><Data>đ</Data><Binary>00</Binary></EventData></Event>")
    assert found is not None
    assert found["Event"]["EventData"] == {"Data": ["x", "đ"], "Binary": "00"}


def test_user_data_keep_their_element() -> None:
    found = from_xml(HEAD + "<UserData><LogFileCleared><Channel>System</Channel></LogFileCleared></UserData></Event>")
    assert found is not None
    assert found["Event"]["UserData"] == {"LogFileCleared": {"Channel": "System"}}


@pytest.mark.parametrize(
    "text",
    [
        "", "<Events/>x", "<Event", "<Event></Evnt>", "no XML", '<Event a="1" a="2"/>', "<Event>\0</Event>",
        "<Event>" + "<a>" * 5000, "<Event>" + " " * MAX_XML + "</Event>",
    ],
)  # fmt: skip
def test_what_is_not_xml(text: str) -> None:
    assert from_xml(text) is None


def test_entities_are_refused() -> None:
    bomb = "".join(f'<!ENTITY x{i} "{f"&x{i - 1};" * 10}">' for i in range(1, 12))
    began = time.process_time()
    assert from_xml(f'<!DOCTYPE Event [<!ENTITY x0 "ha">{bomb}]><Event>&x11;</Event>') is None
    assert from_xml("<Event>&x11;</Event>") is None
    assert time.process_time() - began < 1
