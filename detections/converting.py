"""Rules as queries of other tools, by the backends of pySigma and sigma-cli with our own pipeline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sigma.collection import SigmaCollection
from sigma.conversion.base import Backend
from sigma.correlations import SigmaCorrelationRule
from sigma.exceptions import SigmaError
from sigma.plugins import InstalledSigmaPlugins

from core.errors import BadInput, Place, failure
from detections.sigma_pipeline import kydai
from detections.strict_yaml import documents

TARGETS = ("lucene",)
"""Query languages whose rules our pipeline is made for: that of ``kydai search`` and Hunt, and Elasticsearch's."""


@dataclass(frozen=True, slots=True)
class Converted:
    """A rule and its queries, one for each of its conditions; or why there are none."""

    title: str
    id: str
    queries: tuple[str, ...] = ()
    error: str = ""


def convert(data: bytes, file: str, target: str = "lucene") -> Iterator[Converted]:
    """The rules of a YAML file, in its order. Raises BadInput for a target that is not there, or with the place in the
    file for what is no rule file."""
    if target not in TARGETS:
        raise failure(BadInput, "convert.target", target=target[:100], targets=", ".join(TARGETS))
    backend = _backend(target)
    found = documents(data, file)
    if not all(isinstance(document.value, dict) for document in found):
        raise failure(BadInput, "convert.no_rules", place=Place(file), reason="no mapping")
    try:
        rules = SigmaCollection.from_dicts(
            [document.value for document in found], collect_errors=True, resolve_references=False
        )
    except SigmaError as error:
        raise failure(BadInput, "convert.no_rules", place=Place(file), reason=str(error)) from error
    for rule in rules.rules:
        title, id_ = str(rule.title or ""), str(rule.id or "")
        if rule.errors:
            yield Converted(title, id_, error="; ".join(map(str, rule.errors)))
            continue
        try:
            if isinstance(rule, SigmaCorrelationRule):
                queries = backend.convert_correlation_rule(rule)
            else:
                queries = backend.convert_rule(rule)
        except (SigmaError, NotImplementedError) as error:
            yield Converted(title, id_, error=str(error))
        else:
            yield Converted(title, id_, tuple(map(str, queries)))


@cache
def _backend(target: str) -> Backend:
    found: Mapping[str, Any] = InstalledSigmaPlugins.autodiscover().backends
    made: Backend = found[target](kydai())
    return made
