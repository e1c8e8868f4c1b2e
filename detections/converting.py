"""Rules as queries of other tools, by the backends of pySigma and sigma-cli with our own pipeline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sigma.conversion.base import Backend
from sigma.exceptions import SigmaError
from sigma.plugins import InstalledSigmaPlugins
from sigma.rule import SigmaRule

from core.errors import BadInput, Place, failure, reason
from core.words import LANGUAGES, Text, both
from detections.rule import Correlation, Filter, Rule
from detections.sigma_pipeline import kydai
from detections.sigma_reader import read_document
from detections.strict_yaml import documents

TARGETS = ("lucene",)
"""Query languages whose rules our pipeline is made for: that of ``kydai search`` and Hunt, and Elasticsearch's."""


@dataclass(frozen=True, slots=True)
class Converted:
    """A rule and its queries, one for each of its conditions; or why there are none."""

    title: str
    id: str
    queries: tuple[str, ...] = ()
    error: Text | None = None


def convert(data: bytes, file: str, target: str = "lucene") -> Iterator[Converted]:
    """The rules of a YAML file, in its order; filters are none. Raises BadInput for a target that is not there, or with
    the place in the file for what is no rule file."""
    if target not in TARGETS:
        raise failure(BadInput, "convert.target", target=target[:100], targets=", ".join(TARGETS))
    backend = _backend(target)
    found = documents(data, file)
    if not all(isinstance(document.value, dict) for document in found):
        raise failure(BadInput, "convert.no_rules", place=Place(file), reason="no mapping")
    for document in found:
        try:
            rule = read_document(document, file)  # pySigma breaks on some of what this refuses
        except BadInput as error:
            title, id_ = (str(document.value.get(key) or "") for key in ("title", "id"))
            yield Converted(title, id_, error={lang: error.told(lang) for lang in LANGUAGES})
        else:
            if not isinstance(rule, Filter):
                yield _converted(rule, document.value, backend)


def _converted(rule: Rule | Correlation, value: dict[str, Any], backend: Backend) -> Converted:
    if isinstance(rule, Correlation):
        return Converted(rule.title, rule.id, error=both("convert.correlation", rules=", ".join(rule.rules)))
    try:
        queries = backend.convert_rule(SigmaRule.from_dict(value))
    except (SigmaError, NotImplementedError) as error:
        return Converted(rule.title, rule.id, error=reason(error))
    return Converted(rule.title, rule.id, tuple(map(str, queries)))


@cache
def _backend(target: str) -> Backend:
    found: Mapping[str, Any] = InstalledSigmaPlugins.autodiscover().backends
    made: Backend = found[target](kydai())
    return made
