"""Terminating: give back what was changed before the object goes, without leaving the app without pods."""

from canary_core.decisions import Step
from canary_core.notices import CanaryNotReady, Settled, Terminated, Terminating
from canary_core.phases import Phase
from canary_core.rollout import Wait
from canary_core.situation import Situation

__all__ = ["be_deleted", "terminate"]

_ENDING = frozenset({Phase.TERMINATING, Phase.TERMINATED})


def be_deleted(at: Situation) -> Step | None:
    """Begin to give back, from whatever phase."""
    if not at.seen.deleting or at.rollout.phase in _ENDING:
        return None
    after = at.entering(Phase.TERMINATING, pending=())
    return at.go(after, Terminating(), Terminating())


def terminate(at: Situation) -> Step:
    """Scale the target up, wait until it is ready, give the routes back, let the object go.

    A target that does not become ready in time has to do with what pods it has; one that is gone is not waited for.
    """
    if at.rollout.phase is Phase.TERMINATED:
        return at.go(at.rollout, Terminated()) if at.seen.deleting else at.hold(Settled())
    if not at.policy.revert_on_deletion or at.seen.routes is None:
        return at.go(at.entering(Phase.TERMINATED), Terminated(), Terminated())
    canary = at.seen.canary
    found = at.canary_readiness()
    up = canary is not None and canary.replicas > 0
    if up and not found.ready and (found.retriable or not at.canary_can_serve):
        return at.wait(Wait.CANARY, CanaryNotReady(readiness=found))
    return at.go(at.rollout, Terminating(), next_s=at.seen.now_s + (0 if up else at.policy.interval_s))
