"""Configurations on the command line."""

from __future__ import annotations

import re

import pytest

from kydai.source_config import products
from tests.kydai.cli.conftest import Run


def test_a_configuration_with_a_token_made_for_it(kydai: Run) -> None:
    ran = kydai("sources", "config", "fluent-bit-windows", "--address", "10.20.1.50", "--token", "dc01")
    assert re.search("Authorization Bearer kydai_[0-9]+_", ran.out)
    assert "PASTE" not in ran.out
    assert "dc01 --revoke" in ran.err
    again = kydai("sources", "config", "fluent-bit-windows", "--address", "10.20.1.50", "--token", "dc01")
    assert again.status != 0, "a token that is there is not shown again"
    assert kydai("sources", "config", "rsyslog", "--token", "x", "--address", "10.20.1.50").status == 2


def test_a_ready_configuration(kydai: Run) -> None:
    ran = kydai("sources", "config", "rsyslog", "--address", "10.20.1.50")
    assert (ran.status, ran.err) == (0, "")
    assert 'target="10.20.1.50"' in ran.out
    (document,) = kydai("sources", "config", "fortigate", "--address", "10.20.1.50", "--json").documents
    assert document["product"] == "fortigate"
    assert "set port 5514" in document["text"]
    assert "--listen" in kydai("sources", "config", "nginx").err, "loopback is of use here only, and that is said"
    assert kydai("sources", "config").out.split() == products()


@pytest.mark.parametrize("arguments", [["windows"], ["nginx", "--address", "0.0.0.0"]])
def test_no_configuration_for_what_is_not_there(kydai: Run, arguments: list[str]) -> None:
    ran = kydai("sources", "config", *arguments)
    assert (ran.status, ran.out) == (2, "")
    assert "nxlog" in ran.err or "--address" in ran.err
