"""From a Canary to the core's `Policy`: strategy, checks and hooks, as Flagger would take them.

A policy holds no addresses and no queries. Adapters find them again by the ids that `check_sources` and
`hook_sources` give: both functions and the policy come from the same place, so they always agree.
"""

import enum
import math
from collections.abc import Iterable
from typing import Final

from attrs import frozen

from canary_adapters.manifests.analysis import (
    REQUEST_DURATION,
    REQUEST_SUCCESS_RATE,
    Analysis,
    Metric,
    Webhook,
)
from canary_adapters.manifests.declare import wire
from canary_adapters.manifests.durations import MINIMUM_INTERVAL_S, duration_s, interval_s
from canary_adapters.manifests.objects import Canary
from canary_adapters.manifests.relations import refusal, relations
from canary_core.errors import PolicyError
from canary_core.policy import (
    ABTest,
    BlueGreen,
    Bound,
    Check,
    CheckKind,
    Hook,
    HookType,
    Mirror,
    Policy,
    Progressive,
    SessionAffinity,
    Strategy,
    weights_by_step,
)

__all__ = [
    "CheckOrigin",
    "CheckSource",
    "HookSource",
    "bound_of",
    "check_sources",
    "hook_sources",
    "policy_of",
    "provider_of",
]

ITERATIONS_WITHOUT_MESH: Final = 10
"""What Flagger assumes where no mesh can move traffic and no number is declared."""
_WINDOW_S: Final = 60.0
_KINDS: Final = {REQUEST_SUCCESS_RATE: CheckKind.SUCCESS_RATE, REQUEST_DURATION: CheckKind.DURATION}


class CheckOrigin(enum.Enum):
    """Where the query of a check comes from."""

    BUILT_IN = "built-in"
    QUERY = "query"
    TEMPLATE = "template"


@frozen(kw_only=True)
class CheckSource:
    """A check of the policy and the metric that it was declared by."""

    id: str
    """As in `canary_core.Check.id`."""
    origin: CheckOrigin
    metric: Metric


@frozen(kw_only=True)
class HookSource:
    """A hook of the policy and the webhook that it was declared by."""

    id: str
    """As in `canary_core.Hook.id`."""
    webhook: Webhook


def provider_of(canary: Canary, mesh_provider: str = "istio") -> str:
    """What moves the traffic of a canary: its own provider, or else that of the controller."""
    return canary.spec.provider or mesh_provider


def policy_of(
    canary: Canary, *, mesh_provider: str = "istio", minimum_interval_s: float = MINIMUM_INTERVAL_S
) -> Policy:
    """What a canary declares, normalised.

    Args:
        canary: As read.
        mesh_provider: What moves the traffic of canaries that do not say.
        minimum_interval_s: Shorter analysis intervals become this one, seconds.

    Raises:
        ManifestError: The canary cannot be used with this provider, or was not made by the reader and has a
            mistake that the reader would have found.
    """
    faults = list(relations(canary))
    if not _advances(canary, mesh_provider):
        given = canary.spec.analysis.iterations
        name = "stepWeight" if given is None else "iterations"
        value: object = canary.spec.analysis.step_weight if given is None else given
        faults.append((("spec", "analysis", name), value, "must be at least 1: with 0 nothing ever advances"))
    if canary.spec.analysis.match and canary.spec.service.is_tcp and provider_of(canary, mesh_provider) != "kubernetes":
        match = [wire(each) for each in canary.spec.analysis.match]
        why = "must be absent with appProtocol tcp: connections have no headers, and all would go to the canary"
        faults.append((("spec", "analysis", "match"), match, why))
    if faults:
        raise refusal(canary, faults)
    try:
        return _policy(canary, mesh_provider, minimum_interval_s)
    except PolicyError as error:
        raise refusal(canary, [(("spec",), error.value, f"{error.path} must be {error.allowed}")]) from error


def _policy(canary: Canary, mesh_provider: str, minimum_interval_s: float) -> Policy:
    spec, analysis = canary.spec, canary.spec.analysis
    # Connections have no cookies, nor can they be copied: a router could never make it so, and the rollout would wait
    # for that for ever.
    affinity = None if spec.service.is_tcp else analysis.session_affinity
    return Policy(
        strategy=_strategy(canary, mesh_provider),
        interval_s=interval_s(analysis.interval, minimum_interval_s),
        threshold=max(analysis.threshold, 1),
        no_data_threshold=analysis.no_data_threshold,
        error_threshold=analysis.error_threshold,
        promotion_step=analysis.step_weight_promotion or None,
        session_affinity=None
        if affinity is None
        else SessionAffinity(cookie_name=affinity.cookie_name, primary_cookie_name=affinity.primary_cookie_name),
        checks=tuple(_check(source) for source in check_sources(canary)),
        hooks=tuple(_hook(source) for source in hook_sources(canary)),
        primary_ready_percent=analysis.primary_ready_threshold,
        canary_ready_percent=analysis.canary_ready_threshold,
        progress_deadline_s=float(spec.progress_deadline_seconds),
        approval_deadline_s=duration_s(analysis.approval_deadline) if analysis.approval_deadline else None,
        drain_s=duration_s(analysis.drain_time or "0") or 0.0,
        skip_analysis=spec.skip_analysis,
        suspend=spec.suspend,
        revert_on_deletion=spec.revert_on_deletion,
    )


# -- Strategy -------------------------------------------------------------------------------------------------------


def _advances(canary: Canary, mesh_provider: str) -> bool:
    analysis = canary.spec.analysis
    moves = analysis.iterations or analysis.step_weight or analysis.step_weights
    return bool(moves) or canary.spec.skip_analysis or provider_of(canary, mesh_provider) == "kubernetes"


def _strategy(canary: Canary, mesh_provider: str) -> Strategy:
    analysis = canary.spec.analysis
    if provider_of(canary, mesh_provider) == "kubernetes":
        return BlueGreen(iterations=analysis.iterations or ITERATIONS_WITHOUT_MESH, shift=False)
    mirrored = analysis.mirror and not canary.spec.service.is_tcp
    mirror = Mirror(percent=analysis.mirror_weight or 100) if mirrored else None
    if analysis.iterations:
        if analysis.match:
            return ABTest(iterations=analysis.iterations)
        return BlueGreen(iterations=analysis.iterations, mirror=mirror)
    return Progressive(weights=_weights(analysis), mirror=mirror, matched=bool(analysis.match))


def _weights(analysis: Analysis) -> tuple[int, ...]:
    if analysis.step_weights:
        return analysis.step_weights
    maximum = analysis.max_weight if analysis.max_weight > 0 else 100
    # Without a step there is only a canary that skips its analysis, and so never gets a weight.
    return weights_by_step(analysis.step_weight, maximum) if analysis.step_weight else (maximum,)


# -- Checks and hooks -----------------------------------------------------------------------------------------------


def check_sources(canary: Canary) -> tuple[CheckSource, ...]:
    """The checks in the order in which they are asked: built-in ones and queries first, then templates.

    A metric that has several of these takes part several times, as with Flagger. The id is the name of the
    metric; further ones of the same name become ``name#2``, ``name#3``.
    """
    metrics = canary.spec.analysis.metrics
    found: list[tuple[CheckOrigin, Metric]] = []
    for metric in metrics:
        if metric.name in _KINDS:
            found.append((CheckOrigin.BUILT_IN, metric))
        if metric.query:
            found.append((CheckOrigin.QUERY, metric))
    found += [(CheckOrigin.TEMPLATE, metric) for metric in metrics if metric.template_ref is not None]
    ids = _unique(metric.name for _, metric in found)
    return tuple(
        CheckSource(id=identity, origin=origin, metric=metric)
        for identity, (origin, metric) in zip(ids, found, strict=True)
    )


def hook_sources(canary: Canary) -> tuple[HookSource, ...]:
    """The hooks in the order in which they are declared; ids are made as for checks."""
    webhooks = canary.spec.analysis.webhooks
    ids = _unique(webhook.name for webhook in webhooks)
    return tuple(HookSource(id=identity, webhook=webhook) for identity, webhook in zip(ids, webhooks, strict=True))


def _unique(names: Iterable[str]) -> list[str]:
    """The names, made different: whoever comes later gets the next number that is free."""
    wanted = list(names)
    all_names, taken = frozenset(wanted), set[str]()
    counts: dict[str, int] = {}
    ids = []
    for name in wanted:
        identity = name
        while identity in taken or (identity != name and identity in all_names):
            counts[name] = counts.get(name, 1) + 1
            identity = f"{name}#{counts[name]}"
        taken.add(identity)
        ids.append(identity)
    return ids


def _check(source: CheckSource) -> Check:
    metric = source.metric
    return Check(
        id=source.id,
        kind=_kind(source),
        bound=bound_of(source),
        window_s=duration_s(metric.interval) or _WINDOW_S if metric.interval else _WINDOW_S,
        min_samples=metric.min_samples,
    )


def _kind(source: CheckSource) -> CheckKind:
    return _KINDS[source.metric.name] if source.origin is CheckOrigin.BUILT_IN else CheckKind.VALUE


def bound_of(source: CheckSource) -> Bound:
    """What the value of a check must keep to."""
    metric, kind = source.metric, _kind(source)
    declared = metric.threshold_range
    if declared is not None:
        low, high = declared.min, declared.max
    elif kind is CheckKind.SUCCESS_RATE:
        low, high = metric.threshold, None
    else:
        low, high = None, metric.threshold
    if kind is CheckKind.DURATION:
        # Flagger compares durations in whole milliseconds.
        low, high = (None if side is None else float(math.trunc(side)) for side in (low, high))
    return Bound(minimum=low, maximum=high)


def _hook(source: HookSource) -> Hook:
    kind = HookType(source.webhook.type or HookType.ROLLOUT.value)
    return Hook(id=source.id, type=kind, mute_alert=source.webhook.mute_alert)
