"""Saying what is in the way: each obstacle is told once, and kept with the rollout for as long as it is there."""

from canary_core.decisions import Step
from canary_core.desired import difference
from canary_core.notices import Obstructed
from canary_core.obstacle import Source
from canary_core.situation import Situation

__all__ = ["blocked", "note"]


def note(at: Situation) -> Step | None:
    """Take note of an obstacle that is new, or of one that is gone. Nothing else follows from it here."""
    told, seen = at.rollout.obstacle, at.seen.obstacles
    if not seen:
        return _let_go(at) if told is not None else None
    worst = seen[0]
    if told == worst:
        return None
    reason = Obstructed(obstacle=worst)
    return Step(rollout=at.changed(obstacle=worst), notices=(reason,), reason=reason, next_s=at.seen.now_s)


def _let_go(at: Situation) -> Step | None:
    """What was refused is in the way until all that was wanted is in force: only then is it known to be gone."""
    told = at.rollout.obstacle
    if told is None or (at.is_refused and difference(at.policy, at.rollout, at.seen)):
        return None
    since_s = at.seen.now_s if at.is_refused else at.rollout.since_s
    after = at.changed(obstacle=None, since_s=since_s)
    return Step(rollout=after, reason=Obstructed(obstacle=told), next_s=at.seen.now_s)


def blocked(at: Situation) -> Step | None:
    """Nothing new begins while anything is in the way that was found beforehand."""
    found = next((each for each in at.seen.obstacles if each.source is Source.SEEN), None)
    return None if found is None else at.hold(Obstructed(obstacle=found), next_s=at.seen.now_s + at.policy.interval_s)
