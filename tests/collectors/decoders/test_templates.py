from __future__ import annotations

import pytest

from collectors.decoders import templates as t
from collectors.decoders.templates import (
    NO_SAMPLING,
    Domain,
    Field,
    Sampling,
    Template,
    TemplateCache,
    TemplateKey,
    add_rates,
)
from collectors.sequence import Hole, Line
from core.clock import HOUR

KEY = TemplateKey("192.0.2.1", 9, 0, 256)
DOMAIN = Domain("192.0.2.1", 9, 0)
ONE = Template((Field(0, 8, 4), Field(0, 1, 4)))
TWO = Template((Field(0, 8, 4),))
OPTIONS = Template((Field(t.SCOPE, 1, 4), Field(0, 34, 4)), scopes=1)


def test_only_real_changes_are_told() -> None:
    cache = TemplateCache()
    first = cache.learn(KEY, ONE)
    assert first is not None and first.what == "new"
    assert cache.learn(KEY, ONE) is None
    changed = cache.learn(KEY, TWO)
    assert changed is not None and changed.what == "changed"


def test_a_copy_is_independent() -> None:
    cache = TemplateCache()
    copy = cache.copy()
    copy.learn(KEY, ONE)
    copy.expect(DOMAIN, (Line("", 7),))
    assert not cache.templates and not cache.sequences


def test_withdrawal_of_one_and_of_all_of_a_kind() -> None:
    cache = TemplateCache()
    cache.learn(KEY, ONE)
    cache.learn(KEY._replace(number=257), ONE)
    cache.learn(KEY._replace(number=300), OPTIONS)
    cache.learn(KEY._replace(domain=5), ONE)
    assert [c.key.number for c in cache.withdraw(DOMAIN, 256, options=False)] == [256]
    assert cache.withdraw(DOMAIN, 256, options=False) == []
    assert [c.key.number for c in cache.withdraw(DOMAIN, 2, options=False)] == [257]
    assert set(cache.templates) == {KEY._replace(number=300), KEY._replace(domain=5)}


def test_dump_and_load_give_the_same_back() -> None:
    cache = TemplateCache()
    cache.learn(KEY, ONE)
    cache.learn(KEY._replace(number=300), OPTIONS)
    cache.learn(KEY._replace(exporter="198.51.100.1"), TWO)
    cache.set_sampling(DOMAIN, Sampling(100, "domain", ((1, 10), (2, 20)), ((3, 30),)))
    cache.expect(DOMAIN, (Line("2055", 12, 900, (Hole(3, 4, HOUR),)), Line("2056")))
    cache.expect(DOMAIN._replace(number=4), ())
    again = TemplateCache()
    dumped = cache.dump(cache.exporters)
    assert dumped.keys() == {"192.0.2.1", "198.51.100.1"}
    for data in dumped.values():
        again.load(data)
    again.load_sequences(cache.dump_sequences())
    assert again == cache


@pytest.mark.parametrize("data", [b"", b"[]", b'{"format": 9, "exporter": "x", "templates": [], "sampling": []}'])
def test_saved_bytes_of_another_make_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        TemplateCache().load(data)


def test_rates_merge_and_the_first_told_may_be_kept() -> None:
    one = add_rates(NO_SAMPLING, [("domain", 0, 100), ("sampler", 2, 20), ("interface", 7, 70)])
    assert one == Sampling(100, "domain", ((2, 20),), ((7, 70),))
    two = add_rates(one, [("domain", 0, 5), ("sampler", 2, 5), ("sampler", 1, 10)], only_missing=True)
    assert two == Sampling(100, "domain", ((1, 10), (2, 20)), ((7, 70),))
    assert add_rates(one, [("domain", 0, 5)]).rate == 5


def test_a_flood_of_templates_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(t, "MAX_TEMPLATES", 100)
    cache = TemplateCache()
    for n in range(1000):
        cache.learn(KEY._replace(domain=n), ONE)
        if n % 5 == 0:
            cache.learn(KEY._replace(domain=0), ONE)
    assert len(cache.templates) <= 100
    assert KEY in cache.templates, "what is repeated stays"


def test_a_flood_of_rates_stays_bounded() -> None:
    full = add_rates(NO_SAMPLING, [("sampler", n, 10) for n in range(t.MAX_RATES + 50)])
    assert len(full.samplers) == t.MAX_RATES
