"""Somebody serves if anybody can: the side that cannot answer gives its share to the side that can, at once.

This waits for no deadline and asks nobody. A workload cannot answer when it has no ready pod at all, or when its
Service leads to none; while some pod answers, nothing is moved, so that a pod that comes and goes moves no routes.
"""

from typing import Any

from canary_core.decisions import Step
from canary_core.notices import CanaryLost, PrimaryLost
from canary_core.rollout import KnownGood, Rollout, Wait, Waiting
from canary_core.situation import Situation
from canary_core.split import everything_to_canary, everything_to_primary
from canary_core.traffic import Traffic

__all__ = ["give_to_canary", "give_to_primary", "lost", "safest", "waits_for_lost", "without_canary"]


def give_to_canary(at: Situation, **changes: Any) -> Step | None:
    """All traffic to a canary that can serve, proven or not, if the primary cannot.

    Args:
        at: A rollout whose split leaves something to the primary.
        changes: Other values that the rollout has then.
    """
    if at.primary_can_serve or not at.canary_can_serve or at.rollout.traffic.leaves_primary_nothing:
        return None
    reason = PrimaryLost(readiness=at.primary_readiness())
    anew = {"waiting": None, "away_s": at.away_s, "attempt": 0, **changes}
    after = at.changed(traffic=everything_to_canary(at.rollout), **anew)
    return at.go(after, reason, reason, next_s=at.seen.now_s + at.policy.interval_s)


def give_to_primary(at: Situation) -> Step | None:
    """The canary's share to the primary, if the canary cannot serve. It is measured anew when it can again."""
    if at.canary_can_serve or not at.primary_can_serve or not at.rollout.traffic.reaches_canary:
        return None
    reason = CanaryLost(readiness=at.canary_readiness())
    after = without_canary(at, at.rollout).but(known_good=KnownGood.PRIMARY, attempt=0)
    return at.go(after, reason, reason, next_s=at.seen.now_s + at.policy.interval_s)


def without_canary(at: Situation, rollout: Rollout) -> Rollout:
    """A rollout whose canary has lost its traffic until it can serve."""
    return rollout.but(traffic=everything_to_primary(at.policy, at.rollout), iterations=0, waiting=lost(at))


def lost(at: Situation) -> Waiting:
    """The wait for whoever cannot serve. All such times of an analysis count together, so that flapping has an end."""
    return Waiting(on=Wait.LOST, since_s=at.seen.now_s - at.away_s)


def safest(at: Situation) -> Traffic:
    """The split for a canary that is to have no traffic: all to the primary, or to whoever can serve, or as it is."""
    if at.primary_can_serve or not (at.rollout.traffic.reaches_canary or at.canary_can_serve):
        return everything_to_primary(at.policy, at.rollout)
    return everything_to_canary(at.rollout) if at.canary_can_serve else at.rollout.traffic


def waits_for_lost(at: Situation) -> bool:
    """Whether the canary's share is on the primary because the canary could not serve."""
    waiting = at.rollout.waiting
    return waiting is not None and waiting.on is Wait.LOST
