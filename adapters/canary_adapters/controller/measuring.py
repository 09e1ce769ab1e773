"""The checks of a canary, each asked of the metric source that its template names."""

from collections.abc import Iterator, Mapping
from typing import Final

from canary_adapters.extensions import Extension, Given
from canary_adapters.manifests import CheckOrigin, CheckSource, check_sources
from canary_core import Measurement, MetricQuestion, SourceError, SourcesOnline
from canary_ports import MetricSource

__all__ = ["metric_source"]

USUAL: Final = "prometheus"
"""Who is asked what no template names a source for; it refuses what nobody serves."""


def metric_source(given: Given, extensions: Mapping[str, Extension[MetricSource]]) -> MetricSource:
    """What all checks of a canary are asked of, for one tick."""
    if set(extensions) == {USUAL}:
        return extensions[USUAL].make(given)
    return _Several(given, extensions)


class _Several:
    def __init__(self, given: Given, extensions: Mapping[str, Extension[MetricSource]]) -> None:
        self._given, self._extensions = given, extensions
        self._checks = {source.id: source for source in check_sources(given.canary)}
        self._made: dict[str, MetricSource] = {}

    def measure(self, question: MetricQuestion) -> Measurement:
        return self._source(self._type(self._checks[question.check])).measure(question)

    def online(self) -> SourcesOnline | SourceError:
        for each in self._types():
            found = self._source(each).online()
            if isinstance(found, SourceError):
                return found
        return SourcesOnline()

    def _types(self) -> Iterator[str]:
        yield from dict.fromkeys(self._type(source) for source in self._checks.values())

    def _type(self, source: CheckSource) -> str:
        ref = source.metric.template_ref if source.origin is CheckOrigin.TEMPLATE else None
        if ref is None:
            return USUAL
        here = self._given.canary.namespace
        namespace = ref.namespace or here
        if namespace != here and self._given.options.no_cross_namespace_refs:
            return USUAL
        template = self._given.references.template(namespace, ref.name)
        named = template.spec.provider.type if template is not None else USUAL
        return named if named in self._extensions else USUAL

    def _source(self, kind: str) -> MetricSource:
        if kind not in self._made:
            self._made[kind] = self._extensions[kind].make(self._given)
        return self._made[kind]
