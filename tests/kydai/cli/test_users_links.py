"""Where the console is reached, as it is printed."""

from __future__ import annotations

import pytest

from kydai.cli.users_links import link_lines, links, tunnel


def test_one_link_under_several_addresses_says_that_it_is_one() -> None:
    found = links(["https://10.0.0.5:8470", "https://127.0.0.1:8470"], "s3cret")
    assert found == ["https://10.0.0.5:8470/sign-in#s3cret", "https://127.0.0.1:8470/sign-in#s3cret"]
    told = link_lines("admin", found).splitlines()
    assert len(told) == 4
    assert "admin" in told[0]
    assert link_lines("admin", found[:1]).count("\n") == 0


@pytest.mark.parametrize(
    ("url", "environment", "expected"),
    [
        ("http://127.0.0.1:8470", {"SSH_CONNECTION": "10.0.0.9 50022 10.0.0.5 22", "SUDO_USER": "an"}, "an@10.0.0.5"),
        ("http://127.0.0.1:8470", {"SUDO_USER": "an"}, "ssh -L 8470:127.0.0.1:8470 an@"),
        ("http://127.0.0.1:8470", {"DISPLAY": ":0"}, None),
        ("https://10.0.0.5:8470", {"SUDO_USER": "an"}, None),
    ],
)
def test_the_way_to_a_console_on_loopback(url: str, environment: dict[str, str], expected: str | None) -> None:
    told = tunnel(url, environment)
    assert (told is None) if expected is None else (told is not None and expected in told)
