"""Saying what is in the way: each obstacle is told once, and kept with the rollout for as long as it is there."""

from canary_core.decisions import Step
from canary_core.desired import difference
from canary_core.notices import Obstructed
from canary_core.obstacle import Obstacle, Source
from canary_core.situation import Situation

__all__ = ["blocked", "note"]


def note(at: Situation) -> Step | None:
    """Take note of an obstacle that is new, or of one that is gone. Nothing else follows from it here."""
    told, worst = at.rollout.obstacle, _worst(at)
    if worst == told:
        return None
    if worst is None:
        return None if told is None else _noted(at, None, Obstructed(obstacle=told))
    reason = Obstructed(obstacle=worst)
    is_news = told is None or (told.reason, told.message) != (worst.reason, worst.message)
    return _noted(at, worst, reason, *((reason,) if is_news else ()))


def _noted(at: Situation, worst: Obstacle | None, reason: Obstructed, *notices: Obstructed) -> Step:
    """A measurement begins anew when what was refused is in force at last."""
    is_over = at.is_refused and (worst is None or worst.source is Source.SEEN)
    since_s = at.seen.now_s if is_over else at.rollout.since_s
    return Step(
        rollout=at.changed(obstacle=worst, since_s=since_s), notices=notices, reason=reason, next_s=at.seen.now_s
    )


def _worst(at: Situation) -> Obstacle | None:
    """What was refused, until all that was wanted is in force: only then is it known to be gone. Else what is seen."""
    seen = at.seen.obstacles
    refused = next((each for each in seen if each.source is Source.ACTED), None)
    if refused is None and at.is_refused and difference(at.policy, at.rollout, at.seen):
        refused = at.rollout.obstacle
    return refused if refused is not None else next(iter(seen), None)


def blocked(at: Situation) -> Step | None:
    """Nothing new begins while anything is in the way that was found beforehand."""
    found = next((each for each in at.seen.obstacles if each.source is Source.SEEN), None)
    return None if found is None else at.hold(Obstructed(obstacle=found), next_s=at.seen.now_s + at.policy.interval_s)
