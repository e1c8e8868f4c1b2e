"""Ground truth: labels and counts."""

from __future__ import annotations

from kydai.demo.emission import Emission, Transport
from kydai.demo.truth import counts, digest, labels


def _one(data: bytes, story: str | None) -> Emission:
    return Emission(0, "dc01", Transport.HTTP, "10.20.2.11", data, story)


def test_labels_hold_the_stories_only() -> None:
    emissions = [_one(b"a", "ssh"), _one(b"b", None), _one(b"c", "ransom")]
    assert labels(emissions) == {digest(b"a"): "ssh", digest(b"c"): "ransom"}
    assert counts(emissions) == {"ssh": 1, "quiet": 1, "ransom": 1}
