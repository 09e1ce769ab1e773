"""What a canary declares that will not have the effect that its author may expect. None of it stops a rollout."""

from collections.abc import Iterator
from typing import Final

from canary_adapters.manifests.analysis import REQUEST_SUCCESS_RATE
from canary_adapters.manifests.declare import wire
from canary_adapters.manifests.durations import MINIMUM_INTERVAL_S, duration_s
from canary_adapters.manifests.hosts import MESH, SEVERAL, foreign_namespace_of
from canary_adapters.manifests.istio_rules import ISTIO, without_effect
from canary_adapters.manifests.mistakes import shown
from canary_adapters.manifests.objects import Canary
from canary_adapters.manifests.policies import (
    ITERATIONS_WITHOUT_MESH,
    CheckOrigin,
    bound_of,
    check_sources,
    provider_of,
)
from canary_core.policy import Bound

__all__ = ["policy_warnings"]

_OF_REQUESTS: Final = frozenset({"corsPolicy", "headers", "retries", "rewrite", "timeout"})
_OF_OTHER_MESHES: Final = frozenset({"backendTimeout", "backends", "gatewayRefs", "meshName", "mirror"})
_OF_ISTIO: Final = _OF_REQUESTS | {"delegation", "gateways", "hosts", "match", "trafficPolicy"}
_WITHOUT_EFFECT: Final = {"istio": _OF_OTHER_MESHES, "kubernetes": _OF_OTHER_MESHES | _OF_ISTIO}
"""Fields of ``service``, by provider."""


def policy_warnings(
    canary: Canary, *, mesh_provider: str = "istio", minimum_interval_s: float = MINIMUM_INTERVAL_S
) -> tuple[str, ...]:
    """One sentence per surprise, those that Flagger would report first and in its words.

    Args:
        canary: As read.
        mesh_provider: What moves the traffic of canaries that do not say.
        minimum_interval_s: As for `policy_of`.
    """
    provider = provider_of(canary, mesh_provider)
    found = list(_without_mesh(canary)) if provider == "kubernetes" else list(_of_traffic(canary))
    found += _of_fields(canary, provider)
    if provider == ISTIO:
        found += (*_of_hosts(canary), *without_effect(canary))
    if canary.spec.service.is_tcp and provider != "kubernetes":
        found += _of_connections(canary)
    found += (*_of_times(canary, minimum_interval_s), *_of_threshold(canary), *_of_alerts(canary))
    return (*found, *_of_metrics(canary), *_of_bounds(canary))


def _without_mesh(canary: Canary) -> Iterator[str]:
    analysis = canary.spec.analysis
    if analysis.match:
        yield "A/B testing is not supported when using the kubernetes provider"
    if not analysis.iterations:
        yield "Progressive traffic is not supported when using the kubernetes provider"
        yield f"Setting canaryAnalysis.iterations: {ITERATIONS_WITHOUT_MESH}"
    if analysis.mirror:
        yield "mirror has no effect with the kubernetes provider"
    if analysis.session_affinity is not None:
        yield "sessionAffinity has no effect with the kubernetes provider"


def _of_fields(canary: Canary, provider: str) -> Iterator[str]:
    """What is for another mesh. What a third party's router makes of a field, nobody knows here."""
    declared = wire(canary.spec.service).keys()
    for name in sorted(_WITHOUT_EFFECT.get(provider, frozenset()) & declared):
        yield f"service.{name} has no effect with the {provider} provider"


def _of_hosts(canary: Canary) -> Iterator[str]:
    """What the controller refuses by default. Without a namespace, nobody knows whose Services they name."""
    service, place = canary.spec.service, canary.metadata.namespace
    in_mesh = MESH in (service.gateways or (MESH,))
    for host in service.hosts if place else ():
        foreign = foreign_namespace_of(host, place or "")
        if foreign is not None and (foreign != SEVERAL or in_mesh):
            whose = "other namespaces" if foreign == SEVERAL else f"namespace {foreign}"
            yield (
                f"service.hosts {shown(host)} names Services of {whose}: the controller refuses it, unless it runs "
                "with -allow-cross-namespace-hosts"
            )


def _of_connections(canary: Canary) -> Iterator[str]:
    """What only requests have."""
    for name in sorted(_OF_REQUESTS & wire(canary.spec.service).keys()):
        yield f"service.{name} has no effect with appProtocol tcp"
    if canary.spec.analysis.mirror:
        yield "mirror has no effect with appProtocol tcp"
    if canary.spec.analysis.session_affinity is not None:
        yield "sessionAffinity has no effect with appProtocol tcp"


def _of_traffic(canary: Canary) -> Iterator[str]:
    analysis = canary.spec.analysis
    step, maximum = analysis.step_weight, analysis.max_weight
    if step and 0 < maximum < 100 and maximum % step:
        yield f"maxWeight {maximum} is no multiple of stepWeight {step}: the weight will go up to {_top(step, maximum)}"
    if analysis.step_weights and maximum > 0:
        yield "maxWeight has no effect with stepWeights, whose last weight is the maximum"
    if analysis.iterations and maximum > 0:
        yield "maxWeight has no effect with iterations"
    if analysis.match and analysis.iterations and analysis.mirror:
        yield "mirror has no effect in an A/B test"
    if analysis.mirror_weight and not analysis.mirror:
        yield "mirrorWeight has no effect without mirror: true"
    if analysis.step_weight_promotion and analysis.iterations and not analysis.match:
        yield "stepWeightPromotion gives traffic back from 100 %, which takes several intervals"


def _top(step: int, maximum: int) -> int:
    return min(100, -(-maximum // step) * step)


def _of_times(canary: Canary, minimum_interval_s: float) -> Iterator[str]:
    declared = canary.spec.analysis.interval
    if (duration_s(declared) or 0.0) < minimum_interval_s:
        yield f"interval {declared} is below the minimum and becomes {minimum_interval_s:g}s"


def _of_threshold(canary: Canary) -> Iterator[str]:
    threshold = canary.spec.analysis.threshold
    if threshold < 1:
        yield f"threshold {threshold} becomes 1: the first failed check rolls back"


def _of_alerts(canary: Canary) -> Iterator[str]:
    for alert in canary.spec.analysis.alerts:
        if not alert.severity:
            yield f"alert {alert.name} has no severity: all are sent, of which Flagger sends none"


def _of_metrics(canary: Canary) -> Iterator[str]:
    for metric in canary.spec.analysis.metrics:
        bounds = metric.threshold_range
        if bounds is not None and bounds.min is None and bounds.max is None:
            yield f"metric {metric.name} has an empty thresholdRange, so every value passes"
        elif bounds is None and metric.threshold is None:
            yield f"metric {metric.name} has no thresholdRange, so every value passes"
        if metric.min_samples is not None and (metric.query or metric.template_ref is not None):
            yield f"minSamples of metric {metric.name} is never reached: only built-in queries tell how many there were"


def _of_bounds(canary: Canary) -> Iterator[str]:
    """Bounds of built-in checks that no good canary could keep to."""
    for source in check_sources(canary):
        if source.origin is CheckOrigin.BUILT_IN:
            yield from _impossible(source.metric.name, bound_of(source))


def _impossible(name: str, bound: Bound) -> Iterator[str]:
    low, high = bound.minimum, bound.maximum
    if name == REQUEST_SUCCESS_RATE:
        if low is not None and low > 100:
            yield f"metric {name} can never reach min {low:g}: it is a percentage, so every check fails"
        if high is not None and high < 100:
            yield f"metric {name} has max {high:g}, so that a canary without errors fails: its bound is min"
    elif high is not None and high < 1:
        yield f"metric {name} has max {high:g}: it is in whole milliseconds, which no request keeps to"
