"""Planted bugs of the machine that leave the primary with too few pods, or its autoscaler with too many."""

from collections.abc import Callable

from attrs import evolve

from canary_core import Ask, HoldPrimary, Observation, Phase, Policy, Rollout, Step, step
from planted_bugs.planting import machine


def _without(found: Ask | Step, unwanted: Callable[[HoldPrimary], bool]) -> Ask | Step:
    """A decision that is never made."""
    if isinstance(found, Ask):
        return found
    kept = tuple(each for each in found.decisions if not (isinstance(each, HoldPrimary) and unwanted(each)))
    return evolve(found, decisions=kept)


@machine("fluxcd/flagger#1600", "argoproj/argo-rollouts#4369")
def never_holds_the_autoscaler(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """Idle pods of the primary go while the canary has their traffic, and are missing when it comes back."""
    return _without(step(policy, rollout, seen), lambda hold: hold.replicas is not None)


@machine("fluxcd/flagger#1934")
def never_lets_go_of_the_autoscaler(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """What was to be kept for the time of a rollout is kept for good."""
    primary = seen.primary
    if primary is not None and rollout.phase in Phase.settled():
        return step(policy, rollout, evolve(seen, primary=evolve(primary, held=None)))
    return _without(step(policy, rollout, seen), lambda hold: hold.replicas is None)


@machine("fluxcd/flagger#1600", "argoproj/argo-rollouts#3077")
def gives_traffic_back_before_the_primary_has_grown(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """That the autoscaler was asked for more pods counts as if they were there."""
    primary = seen.primary
    if rollout.phase is Phase.PROMOTING and primary is not None and primary.floor is not None and primary.available:
        pods = max(primary.replicas, primary.floor)
        grown = evolve(primary, replicas=pods, updated=pods, total=pods, available=pods)
        if primary.updated == primary.replicas == primary.total:
            return step(policy, rollout, evolve(seen, primary=grown))
    return step(policy, rollout, seen)


@machine("fluxcd/flagger#381")
def holds_anew_at_each_step_what_is_there_just_then(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """What the primary had in the beginning is forgotten with the first step."""
    found = step(policy, rollout, seen)
    primary = seen.primary
    if (
        isinstance(found, Ask)
        or primary is None
        or primary.floor is None
        or found.rollout.phase is not Phase.PROGRESSING
    ):
        return found
    hold = HoldPrimary(replicas=primary.replicas)
    return evolve(found, rollout=found.rollout.but(replicas=primary.replicas), decisions=(*found.decisions, hold))


@machine("fluxcd/flagger#1600")
def counts_the_pods_of_the_canary_only_once(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """What the canary has come to need is looked at when the promotion begins, and not when the traffic goes back."""
    canary, primary = seen.canary, seen.primary
    scaled = primary is not None and primary.floor is not None
    if rollout.phase is Phase.PROMOTING and scaled and canary is not None and canary.all_ready:
        pods = max(1, min(canary.replicas, rollout.replicas))
        smaller = evolve(canary, replicas=pods, updated=pods, total=pods, available=pods)
        return step(policy, rollout, evolve(seen, canary=smaller))
    return step(policy, rollout, seen)


@machine("fluxcd/flagger#1600")
def takes_the_larger_of_two_for_the_sum(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """A primary and a canary that both have come to need more pods need no more of them together."""
    canary, primary = seen.canary, seen.primary
    if primary is not None and primary.floor is not None and canary is not None and rollout.traffic.canary_weight:
        return step(policy, rollout, evolve(seen, primary=evolve(primary, floor=max(primary.floor, primary.replicas))))
    return step(policy, rollout, seen)
