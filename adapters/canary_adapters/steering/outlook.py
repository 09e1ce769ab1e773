"""How a rollout goes on from what its Canary says: the machine run forward, at best and at worst."""

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import evolve, frozen

from canary_adapters.kubernetes.resources import Obj
from canary_adapters.kubernetes.store.memory import as_meant
from canary_adapters.kubernetes.store.records import read_rollout
from canary_adapters.manifests import ManifestError, policy_of, read_object
from canary_core import (
    Answer,
    Answers,
    BlueGreen,
    Forecast,
    MetricQuestion,
    Observation,
    Phase,
    Policy,
    Progressive,
    Rollout,
    Sample,
    Stage,
    Workload,
    at_best,
    forecast,
)
from canary_ports import RefusedError

__all__ = ["Outlook", "described", "outlook"]

_UNSEEN = "'"
"""Appended to the fingerprint that is known, for one that is not: another revision, made by the same rules."""


@frozen(kw_only=True)
class Outlook:
    """How a rollout goes on."""

    at_best: Forecast
    """If every check passes and every hook agrees."""
    at_worst: Forecast
    """If every check fails, and every hook agrees."""
    policy: Policy
    """By which it goes on."""


def outlook(obj: Obj, now_s: float) -> Outlook | str:
    """How the rollout of a Canary goes on, if pods become ready at once.

    Args:
        obj: As read.
        now_s: The present time, seconds since the epoch.

    Returns:
        A text: why nothing can be foretold.
    """
    try:
        (canary,) = read_object({**obj, "apiVersion": "flagger.app/v1beta1", "kind": "Canary"}).canaries
        policy = policy_of(canary)
    except (ManifestError, ValueError):
        return "its spec is invalid"
    status = obj.get("status")
    record = as_meant(status).get("rollout") if isinstance(status, Mapping) else None
    try:
        rollout = read_rollout(record) if isinstance(record, dict) and record else None
    except RefusedError:
        return "its record was written by another release"
    if rollout is None:
        return "no controller has written a record of it yet"
    if rollout.settled:
        return "no rollout is under way"
    seen = _seen(rollout, now_s)
    best = at_best(policy)
    return Outlook(
        at_best=forecast(policy, rollout, seen, best),
        at_worst=forecast(policy, rollout, seen, _failing(policy, best)),
        policy=policy,
    )


def _seen(rollout: Rollout, now_s: float) -> Observation:
    """The outside as the record wants it to be."""
    pods = _pods(max(1, rollout.replicas))
    applied = rollout.applied or _UNSEEN
    declared = f"{applied}{_UNSEEN}" if rollout.phase is Phase.WAITING else applied
    first = rollout.phase is Phase.INITIALIZING
    return Observation(
        now_s=now_s,
        canary=evolve(pods, revision=declared),
        primary=None if first else evolve(pods, revision=rollout.promoted or applied),
        routes=None if first else rollout.traffic,
        obstacles=(rollout.obstacle,) if rollout.obstacle is not None else (),
        deleting=rollout.phase is Phase.TERMINATING,
    )


def _pods(count: int) -> Workload:
    return Workload(replicas=count, updated=count, total=count, available=count)


def _failing(policy: Policy, best: Answers) -> Answers:
    checks = {check.id: check for check in policy.checks}

    def answer(question: Any) -> Answer:
        if not isinstance(question, MetricQuestion):
            return best(question)
        check = checks[question.check]
        low, high = check.bound.minimum, check.bound.maximum
        value = low - 1.0 if low is not None else high + 1.0 if high is not None else 0.0
        return Sample(value=value, count=check.min_samples)

    return answer


def described(stage: Stage, policy: Policy) -> str:
    """A stage in a few words: what the canary has."""
    if stage.phase not in {Phase.PROGRESSING, Phase.PROMOTING}:
        return ""
    return ", ".join(_parts(stage, policy))


def _parts(stage: Stage, policy: Policy) -> Iterator[str]:
    traffic, strategy = stage.traffic, policy.strategy
    if not isinstance(strategy, Progressive) and stage.phase is Phase.PROGRESSING and stage.iterations:
        extra = isinstance(strategy, BlueGreen) and stage.iterations > strategy.iterations
        yield "after the last iteration" if extra else f"iteration {stage.iterations} of {strategy.iterations}"
    yield "copies of requests" if traffic.mirrored else f"{traffic.canary_weight} %"
