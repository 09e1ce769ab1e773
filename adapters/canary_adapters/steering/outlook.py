"""How a rollout goes on from what its Canary says: the machine run forward."""

from collections.abc import Iterator

from attrs import frozen

from canary_adapters.kubernetes.resources import CANARIES, Obj
from canary_adapters.manifests import policy_of, read_object
from canary_adapters.steering.view import recorded, remembered
from canary_core import (
    BlueGreen,
    Forecast,
    Phase,
    Policy,
    Progressive,
    Stage,
    as_now,
    as_recorded,
    at_best,
    at_worst,
    forecast,
)
from canary_ports import RefusedError

__all__ = ["Outlook", "described", "outlook", "policy_declared"]


@frozen(kw_only=True)
class Outlook:
    """How a rollout goes on."""

    at_best: Forecast
    """If every check passes and every hook agrees."""
    at_worst: Forecast
    """If every check fails, and every hook agrees."""
    as_now: Forecast | None
    """If checks and hooks come out as they did last. None: nothing was checked yet."""
    policy: Policy
    """By which it goes on."""


def policy_declared(obj: Obj) -> Policy:
    """The policy that a Canary declares.

    Raises:
        ValueError: It has mistakes.
    """
    (canary,) = read_object({**obj, "apiVersion": CANARIES.api_version, "kind": CANARIES.kind}).canaries
    return policy_of(canary)


def outlook(obj: Obj, now_s: float) -> Outlook | str:
    """How the rollout of a Canary goes on, if pods become ready at once.

    Args:
        obj: As read.
        now_s: The present time, seconds since the epoch.

    Returns:
        A text: why nothing can be foretold.
    """
    try:
        policy = policy_declared(obj)
    except ValueError:  # of the manifest, or of the policy
        return "its spec is invalid"
    try:
        rollout = recorded(obj.get("status"))
    except RefusedError:
        return "its record was written by another release"
    if rollout is None:
        return "no controller has written a record of it yet"
    if rollout.settled:
        return "no rollout is under way"
    seen, rounds = as_recorded(rollout, now_s), remembered(obj.get("status")).rounds
    return Outlook(
        at_best=forecast(policy, rollout, seen, at_best(policy)),
        at_worst=forecast(policy, rollout, seen, at_worst(policy)),
        as_now=forecast(policy, rollout, seen, as_now(policy, rounds)) if rounds else None,
        policy=policy,
    )


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
