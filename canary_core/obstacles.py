"""Saying what is in the way: each obstacle is told once, and kept with the rollout for as long as it is there."""

from canary_core.decisions import Step
from canary_core.desired import difference
from canary_core.notices import Obstructed
from canary_core.obstacle import Obstacle, Source
from canary_core.situation import Situation

__all__ = ["blocked", "note"]


def note(at: Situation) -> Step | None:
    """Take note of an obstacle that is new, or of one that is gone. Nothing else follows from it here."""
    known: Obstacle | None = at.rollout.obstacle
    current: Obstacle | None = _current(at)
    if current is not None:
        return None if current == known else _remember(at, current)
    return None if known is None else _noted(at, None, Obstructed(obstacle=known))


def _remember(at: Situation, current: Obstacle) -> Step:
    """People hear of it if it says anything new, however it was found."""
    known, reason = at.rollout.obstacle, Obstructed(obstacle=current)
    is_news = known is None or (known.reason, known.message) != (current.reason, current.message)
    return _noted(at, current, reason, notices=(reason,) if is_news else ())


def _noted(at: Situation, current: Obstacle | None, reason: Obstructed, notices: tuple[Obstructed, ...] = ()) -> Step:
    """A measurement begins anew when what was refused is in force at last."""
    is_in_force = at.is_refused and (current is None or current.source is Source.SEEN)
    since_s = at.seen.now_s if is_in_force else at.rollout.since_s
    after = at.changed(obstacle=current, since_s=since_s)
    return Step(rollout=after, notices=notices, reason=reason, next_s=at.seen.now_s)


def _current(at: Situation) -> Obstacle | None:
    """What is in the way: first what is refused, then the worst of what is seen.

    What was refused stays until all that was wanted is in force: only then is it known to be gone. Were it forgotten
    for what is seen besides, the two would take turns, each time stored and reported as news.
    """
    seen: tuple[Obstacle, ...] = at.seen.obstacles
    refused: Obstacle | None = next((each for each in seen if each.source is Source.ACTED), None)
    if refused is not None:
        return refused
    if at.is_refused and difference(at.policy, at.rollout, at.seen):
        return at.rollout.obstacle
    return next(iter(seen), None)


def blocked(at: Situation) -> Step | None:
    """Nothing new begins while anything is in the way that was found beforehand."""
    found = next((each for each in at.seen.obstacles if each.source is Source.SEEN), None)
    return None if found is None else at.hold(Obstructed(obstacle=found), next_s=at.seen.now_s + at.policy.interval_s)
