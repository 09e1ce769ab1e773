"""One call of the machine: what was declared, where the rollout stands, what was seen; and the ways to answer.

Every answer of the machine is built here, so that what holds for all of them holds: edges are those of the table,
decisions are the difference between desired and observed, and a wait is told once.
"""

from typing import Any, Final

from attrs import evolve

from canary_core.capacity import pods_needed
from canary_core.decisions import (
    Decision,
    PromotePrimary,
    RemovePrimary,
    RestorePrimary,
    ScaleCanary,
    ScalePrimary,
    SetTraffic,
    Step,
)
from canary_core.desired import Pods, desired, difference, drained_s
from canary_core.notices import (
    CanaryNotReady,
    CanaryRescaled,
    Notice,
    PrimaryNotReady,
    PrimaryRescaled,
    PrimaryRestored,
    RoutesCorrected,
    RoutesRedeclared,
)
from canary_core.observation import Observation
from canary_core.obstacle import Source
from canary_core.phases import Phase, check_edge
from canary_core.policy import Policy
from canary_core.questions import Answer, Question
from canary_core.rollout import Rollout, Wait, Waiting
from canary_core.traffic import Traffic
from canary_core.workload import Readiness, Trouble, Workload, readiness

__all__ = ["Situation", "corrections"]

_READINESS = frozenset({Wait.PRIMARY, Wait.CANARY, Wait.LOST})


class Situation:
    """What one call of the machine goes by. It lives as long as the call, so nobody could see it change."""

    __slots__ = ("policy", "rollout", "seen")

    def __init__(self, policy: Policy, rollout: Rollout, seen: Observation) -> None:
        self.policy: Final = policy
        self.rollout: Final = rollout
        self.seen: Final = seen

    @property
    def revision(self) -> str | None:
        """Fingerprint of what the target declares now."""
        canary = self.seen.canary
        return canary.revision if canary is not None else None

    @property
    def due_s(self) -> float:
        """When the present measurement is complete."""
        return self.rollout.since_s + self.policy.interval_s

    @property
    def is_due(self) -> bool:
        """Whether the present measurement is complete."""
        return self.seen.now_s >= self.rollout.since_s + self.policy.interval_s

    @property
    def is_overdue(self) -> bool:
        """Whether the phase has lasted for as long as a wait in it may take."""
        return self.seen.now_s - self.rollout.changed_s >= self.policy.progress_deadline_s

    @property
    def is_refused(self) -> bool:
        """Whether something that was tried is still being refused."""
        told = self.rollout.obstacle
        return told is not None and told.source is Source.ACTED

    @property
    def primary_can_serve(self) -> bool:
        """Whether the primary has any pod that can answer."""
        return self.seen.primary is not None and self.seen.primary.can_serve

    @property
    def canary_can_serve(self) -> bool:
        """Whether the canary has any pod that can answer."""
        return self.seen.canary is not None and self.seen.canary.can_serve

    @property
    def away_s(self) -> float:
        """For how long, in this analysis, a workload was without its traffic because it could not serve."""
        waiting = self.rollout.waiting
        lost = waiting is not None and waiting.on is Wait.LOST
        return max(0.0, self.seen.now_s - waiting.since_s) if waiting is not None and lost else self.rollout.away_s

    def primary_readiness(self) -> Readiness:
        """Whether the primary is ready; no longer worth waiting for if its deadline has passed."""
        policy = self.policy
        return self._patiently(
            readiness(
                self.seen.primary,
                percent=policy.primary_ready_percent,
                deadline_s=policy.progress_deadline_s,
                now_s=self.seen.now_s,
            )
        )

    def canary_readiness(self) -> Readiness:
        """Whether the canary is ready; no longer worth waiting for if its deadline has passed."""
        policy = self.policy
        return self._patiently(
            readiness(
                self.seen.canary,
                percent=policy.canary_ready_percent,
                deadline_s=policy.progress_deadline_s,
                now_s=self.seen.now_s,
            )
        )

    def _patiently(self, found: Readiness) -> Readiness:
        """Waiting for either workload counts: one that is unready by turns would be waited for for ever."""
        waiting = self.rollout.waiting
        if found.ready or waiting is None or waiting.on not in _READINESS:
            return found
        late = self.seen.now_s - waiting.since_s >= self.policy.progress_deadline_s
        return evolve(found, retriable=False) if late else found

    def draining_until_s(self) -> float | None:
        """Until when the canary is left alone before it is scaled down. None: it is not, or need not be."""
        canary = self.seen.canary
        if canary is None or canary.replicas == 0:
            return None
        until_s = drained_s(self.policy, self.rollout)
        if self.seen.now_s >= until_s:
            return None
        return until_s if desired(self.policy, self.rollout).pods is Pods.DOWN else None

    def answer(self, question: Question) -> Answer | None:
        """What was answered to this very question, if it was asked."""
        kind = type(question)
        for answered in self.seen.answers:
            asked = answered.question
            if asked is question or (type(asked) is kind and asked == question):
                return answered.answer
        return None

    def changed(self, **changes: Any) -> Rollout:
        """The rollout with other values, in the same phase."""
        return self.rollout.but(**changes)

    def entering(self, phase: Phase, **changes: Any) -> Rollout:
        """The rollout in another phase (or in the same one, begun anew).

        Raises:
            IllegalTransitionError: The table has no such edge.
        """
        check_edge(self.rollout.phase, phase)
        replicas = self._replicas(phase)
        now_s = self.seen.now_s
        fresh: dict[str, Any] = {"changed_s": now_s, "since_s": now_s, "attempt": 0, "waiting": None, "reverted": False}
        fresh["away_s"] = 0.0 if phase in Phase.settled() else self.away_s
        return self.rollout.but(phase=phase, replicas=replicas, **{**fresh, **changes})

    def _replicas(self, phase: Phase) -> int:
        """How many pods a primary needs: what it has; in the course of a rollout also what it and the canary needed."""
        primary, rollout = self.seen.primary, self.rollout
        if rollout.phase in Phase.settled() or phase in Phase.settled():
            return primary.replicas if primary is not None and primary.replicas > 0 else rollout.replicas
        return pods_needed(rollout, self.seen)

    def go(self, after: Rollout, reason: Notice, *notices: Notice, next_s: float | None = None) -> Step:
        """Answer with another state; the decisions are what it still lacks.

        Whoever puts another split in force, and for whatever reason, its measurement begins now.

        Args:
            after: The state to store.
            reason: Why.
            notices: To be told, besides nothing: the reason is told only if it stands here as well.
            next_s: When to call again; None: at once.
        """
        decisions = difference(self.policy, after, self.seen)
        if any(isinstance(decision, RemovePrimary) for decision in decisions):
            next_s = None  # it is made again as soon as it has gone
        stuck = self.is_refused  # it begins when what is in the way is gone
        if decisions and after.since_s != self.seen.now_s and any(map(_reroutes, decisions)) and not stuck:
            after = after.but(since_s=self.seen.now_s)
        return Step(
            rollout=after,
            decisions=decisions,
            notices=notices,
            reason=reason,
            next_s=self.seen.now_s if next_s is None else next_s,
        )

    def again(self, reason: Notice, *notices: Notice, **changes: Any) -> Step:
        """Answer that this step is to be tried again after another interval."""
        now_s = self.seen.now_s
        attempt = self.rollout.attempt + 1
        anew = {"since_s": now_s, "attempt": attempt, "waiting": None, "away_s": self.away_s, **changes}
        after = self.rollout.but(**anew)
        return self.go(after, reason, *notices, next_s=now_s + self.policy.interval_s)

    def hold(self, reason: Notice, *, next_s: float | None = None) -> Step:
        """Answer that nothing is to be done before ``next_s``, or before something changes."""
        return Step(rollout=self.rollout, reason=reason, next_s=next_s)

    def wait(self, on: Wait, reason: Notice) -> Step:
        """Answer that something must change outside first. Told when the wait begins; its deadline runs from then.

        Told once more when it becomes known what keeps the pods from running.

        A workload that becomes unready while the other one is waited for does not start the clock anew.
        """
        waiting = self.rollout.waiting
        now_s = self.seen.now_s
        later = now_s + self.policy.interval_s
        if waiting is not None and waiting.on is on:
            end = waiting.since_s + self.policy.progress_deadline_s
            next_s = min(later, end) if on in _READINESS and end > now_s else later
            trouble = _trouble(reason)
            if trouble is None or (waiting.trouble is not None and waiting.trouble.reason == trouble.reason):
                return self.hold(reason, next_s=next_s)
            after = self.changed(waiting=evolve(waiting, trouble=trouble))
            return Step(rollout=after, notices=(reason,), reason=reason, next_s=next_s)
        same = waiting is not None and {waiting.on, on} <= _READINESS
        since_s = waiting.since_s if waiting is not None and same else now_s
        after = self.changed(waiting=Waiting(on=on, since_s=since_s, trouble=_trouble(reason)))
        return Step(rollout=after, notices=(reason,), reason=reason, next_s=later)


def _trouble(reason: Notice) -> Trouble | None:
    return reason.readiness.trouble if isinstance(reason, PrimaryNotReady | CanaryNotReady) else None


def _reroutes(decision: Decision) -> bool:
    return isinstance(decision, SetTraffic)


def corrections(at: Situation, decisions: tuple[Decision, ...]) -> tuple[Notice, ...]:
    """What to tell of decisions that only put back, or finish, what was intended before; of what is refused, once."""
    notices: list[Notice] = []
    if at.is_refused:
        return ()
    for decision in decisions:
        if isinstance(decision, SetTraffic):
            notices.append(_rerouted(at, decision.traffic))
        elif isinstance(decision, ScaleCanary) and at.seen.canary is not None:
            notices.append(CanaryRescaled(found=at.seen.canary.replicas, wanted=decision.replicas))
        elif isinstance(decision, ScalePrimary):
            notices.append(PrimaryRescaled(wanted=decision.replicas))
        elif _restores(decision, at.seen.primary):
            notices.append(PrimaryRestored())
    return tuple(notices)


def _restores(decision: Decision, primary: Workload | None) -> bool:
    """Whether it puts back what the primary has had already: in a promotion, what that has just given it."""
    if isinstance(decision, RestorePrimary):
        return True
    again = isinstance(decision, PromotePrimary) and primary is not None and primary.revision == decision.revision
    return again and primary is not None and primary.edited


def _rerouted(at: Situation, wanted: Traffic) -> Notice:
    """What is declared says how routes look, not how much goes where: another split is somebody else's doing."""
    found = at.seen.routes
    by_owner = found is None and at.seen.redeclared
    return RoutesRedeclared(wanted=wanted) if by_owner else RoutesCorrected(found=found, wanted=wanted)
