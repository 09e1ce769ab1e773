"""What the fields of an object say together: rules that no single field can hold."""

import json
from collections.abc import Iterable, Iterator
from typing import Final

from canary_adapters.manifests.analysis import BUILT_IN, REQUEST_SUCCESS_RATE, Analysis, Metric
from canary_adapters.manifests.declare import Format, Rule, wire
from canary_adapters.manifests.mistakes import ManifestError, Mistake, shown
from canary_adapters.manifests.objects import AlertProvider, Canary, MetricTemplate
from canary_adapters.manifests.queries import PROMETHEUS, query_of
from canary_adapters.manifests.structure import ABSENT, Fault, Path, render
from canary_adapters.manifests.templates import TemplateError
from canary_adapters.manifests.values import WrongValueError, obeys

__all__ = ["refusal", "relations"]

LARGEST_CONDITIONS: Final = 512 * 1024
"""Characters of the conditions of a route; an object of 1.5 MiB is more than an API server stores."""


def relations(built: Canary | MetricTemplate | AlertProvider) -> Iterator[Fault]:
    """The faults of an object whose fields, each for itself, are right."""
    if isinstance(built, Canary):
        yield from _spec(built)
        yield from _analysis(built.spec.analysis, ("spec", "analysis"))
        yield from _queries(built)
        yield from _conditions(built)
    elif isinstance(built, MetricTemplate):
        yield from _provider(built)


def refusal(built: Canary | MetricTemplate, faults: Iterable[Fault]) -> ManifestError:
    """The error for faults that were found in an object after it was read."""
    source, metadata = built.source, built.metadata
    return ManifestError(
        Mistake(
            file=source.file,
            document=source.document,
            line=source.line,
            kind=built.kind,
            name="/".join(filter(None, (metadata.namespace, metadata.name))),
            path=render(path),
            value=None if value is ABSENT else shown(value),
            allowed=allowed,
        )
        for path, value, allowed in faults
    )


def _spec(canary: Canary) -> Iterator[Fault]:
    service = canary.spec.service
    if service.delegation:
        for name, value in (("hosts", service.hosts), ("gateways", service.gateways)):
            if value:
                yield ("spec", "service", name), list(value), "must be absent with delegation: true"
    scaler = canary.spec.autoscaler_ref
    limits = scaler.primary_scaler_replicas if scaler else None
    if limits and limits.min_replicas and limits.max_replicas and limits.min_replicas > limits.max_replicas:
        path = ("spec", "autoscalerRef", "primaryScalerReplicas", "minReplicas")
        yield path, limits.min_replicas, f"must be at most maxReplicas ({limits.max_replicas})"


def _analysis(analysis: Analysis, path: Path) -> Iterator[Fault]:
    weights = analysis.step_weights
    if weights is not None and not weights:
        yield (*path, "stepWeights"), [], "must hold at least one weight"
    for index, (before, weight) in enumerate(zip(weights or (), (weights or ())[1:], strict=False), start=1):
        if weight <= before:
            yield (*path, "stepWeights", index), weight, f"must be above the weight before it ({before})"
    affinity = analysis.session_affinity
    if affinity and affinity.cookie_name == affinity.primary_cookie_name:
        where = (*path, "sessionAffinity", "primaryCookieName")
        yield where, affinity.primary_cookie_name, "must be different from cookieName"
    for index, metric in enumerate(analysis.metrics):
        yield from _metric(metric, (*path, "metrics", index))


def _metric(metric: Metric, path: Path) -> Iterator[Fault]:
    if metric.name not in BUILT_IN and not metric.query and metric.template_ref is None:
        yield path, ABSENT, f"must have a templateRef or a query, or be named {' or '.join(sorted(BUILT_IN))}"
    bounds = metric.threshold_range
    if bounds is None:
        judged = metric.name != REQUEST_SUCCESS_RATE or metric.query or metric.template_ref
        if metric.threshold is None and judged:
            yield path, ABSENT, "needs thresholdRange or threshold: without them no value above zero would pass"
    elif bounds.min is not None and bounds.max is not None and bounds.min > bounds.max:
        yield (*path, "thresholdRange", "min"), bounds.min, f"must be at most max ({bounds.max:g})"


def _queries(canary: Canary) -> Iterator[Fault]:
    for index, metric in enumerate(canary.spec.analysis.metrics):
        if metric.query:
            try:
                query_of(canary, metric, metric.template)
            except TemplateError as error:
                yield ("spec", "analysis", "metrics", index, "query"), metric.query, str(error)


def _conditions(canary: Canary) -> Iterator[Fault]:
    """A route gets each of the analysis' conditions together with each of the service's: more than both lists say."""
    analysis = [len(json.dumps(wire(each))) for each in canary.spec.analysis.match]
    service = [len(json.dumps(wire(each))) for each in canary.spec.service.match]
    size = sum(analysis) * len(service) + sum(service) * len(analysis)
    if size > LARGEST_CONDITIONS:
        made = f"makes {size // 1024} KiB of conditions together with the {len(service)} entries of spec.service.match"
        yield ("spec", "analysis", "match"), ABSENT, f"{made}; a route takes at most {LARGEST_CONDITIONS // 1024} KiB"


def _provider(template: MetricTemplate) -> Iterator[Fault]:
    provider = template.spec.provider
    if provider.type != PROMETHEUS:
        return
    try:
        _ = template.spec.template
    except TemplateError as error:
        yield ("spec", "query"), template.spec.query, str(error)
    path = ("spec", "provider", "address")
    if provider.address is None:
        yield path, ABSENT, "is missing, but must be given for type prometheus"
        return
    try:
        obeys(provider.address, Rule(doc="", format=Format.URL), "a text")
    except WrongValueError as error:
        yield path, error.value, error.allowed
