"""Progressing and WaitingPromotion: from the canary's first traffic to the promotion, or back."""

from collections.abc import Callable
from typing import Final

from attrs import evolve

from canary_core.advance import advance, promote
from canary_core.analysis import analyse, blame, count, exhausted
from canary_core.decisions import SetTraffic, Step
from canary_core.desired import difference, is_in_force
from canary_core.ending import roll_back
from canary_core.gates import Closed, ask_in_turn, first_approval, passed
from canary_core.notices import (
    AnalysisRestarted,
    AnalysisStarted,
    ApprovalExpired,
    CanaryNotReady,
    Measuring,
    NoKnownGood,
    Notice,
    Paused,
    PrimaryNotReady,
    PrimaryRecovered,
    RevisionWithdrawn,
    RollbackSignalled,
    RoutesNotInForce,
    ThresholdReached,
)
from canary_core.phases import Phase
from canary_core.policy import HookType
from canary_core.questions import Ask
from canary_core.rescue import give_to_canary, give_to_primary, lost, safest, waits_for_lost
from canary_core.rollout import Counts, KnownGood, Outcome, Rollout, Wait, Waiting
from canary_core.situation import Situation, corrections
from canary_core.split import everything_to_primary
from canary_core.verdict import Verdict
from canary_core.workload import Unready

__all__ = ["correct_routes", "progress", "restart", "withdraw"]

_Answer = Ask | Step


def progress(at: Situation) -> Ask | Step:
    """Go by the first rule that applies."""
    for rule in _WHEN_WELL if _goes_well(at) else RULES:
        answer = rule(at)
        if answer is not None:
            return answer
    return _judge(at)


# -- What ends or restarts the analysis -----------------------------------------------------------------------------


def _withdrawn(at: Situation) -> _Answer | None:
    revision = at.revision
    if revision is None or revision != at.rollout.promoted:
        return None
    if at.primary_can_serve or not at.rollout.traffic.reaches_canary:
        return withdraw(at)
    return _rescue(at) or correct_routes(at) or _wait_for_primary(at)


def withdraw(at: Situation) -> Step:
    """The promoted revision is declared again: take the canary out of traffic and end the rollout."""
    after = at.entering(
        Phase.FINALISING,
        traffic=everything_to_primary(at.policy, at.rollout),
        iterations=0,
        counts=Counts(),
        started=False,
        skipped=False,
        known_good=KnownGood.PRIMARY,
        applied=at.revision,
        outcome=Outcome.WITHDRAWN,
    )
    return at.go(after, RevisionWithdrawn(), RevisionWithdrawn())


def _restarted(at: Situation) -> _Answer | None:
    revision = at.revision
    return None if revision is None or revision == at.rollout.applied else restart(at)


def restart(at: Situation) -> Step:
    """A newer revision is declared: take the canary out of traffic, if possible, and begin anew with it."""
    possible = at.primary_can_serve
    after = at.entering(
        Phase.PROGRESSING,
        traffic=safest(at),
        iterations=0,
        counts=Counts(),
        started=False,
        skipped=False,
        away_s=0.0,
        applied=at.revision,
        known_good=KnownGood.PRIMARY if possible else KnownGood.NONE,
    )
    told: tuple[Notice, ...] = () if possible else (NoKnownGood(),)
    later = at.seen.now_s + at.policy.interval_s
    return at.go(after, AnalysisRestarted(), AnalysisRestarted(), *told, next_s=later)


def _primary_is_back(at: Situation) -> _Answer | None:
    """All traffic was on the canary for want of a primary; now that there is one, the analysis begins properly."""
    if at.rollout.known_good is not KnownGood.NONE or not at.primary_readiness().ready:
        return None
    rolled_back = _roll_back_if_used_up(at)
    if rolled_back is not None:
        return rolled_back
    after = at.entering(
        Phase.PROGRESSING,
        traffic=everything_to_primary(at.policy, at.rollout),
        iterations=0,
        started=False,
        known_good=KnownGood.PRIMARY,
    )
    return at.go(after, PrimaryRecovered(), PrimaryRecovered())


def _budget_used_up(at: Situation) -> _Answer | None:
    at_once = at.policy.skip_analysis or at.rollout.skipped  # or else what has failed would be promoted meanwhile
    return _roll_back_if_used_up(at) if at_once or at.is_due else None


def _roll_back_if_used_up(at: Situation) -> Step | None:
    found = exhausted(at.policy, at.rollout.counts)
    if found is None:
        return None
    verdict, used, budget = found
    return roll_back(at, Outcome.CHECKS, ThresholdReached(verdict=verdict, count=used, threshold=budget))


# -- What must be the case before anything is judged ----------------------------------------------------------------


def _never_began(at: Situation) -> _Answer | None:
    """A canary that could not even be scaled up: what should have done it was refused, or lost, all the time."""
    if at.rollout.started or not at.is_overdue:
        return None
    found = at.canary_readiness()
    if found.cause is not Unready.SCALED_DOWN:
        return None
    return roll_back(at, Outcome.DEADLINE, CanaryNotReady(readiness=evolve(found, retriable=False)))


def _rescue(at: Situation) -> _Answer | None:
    """Traffic goes at once to whoever can answer. From an unproven canary there is no way back yet."""
    rescued = give_to_canary(at, known_good=KnownGood.NONE, waiting=lost(at)) or give_to_primary(at)
    if rescued is None or at.away_s < at.policy.progress_deadline_s:
        return rescued
    found = evolve(at.canary_readiness(), retriable=False)
    return roll_back(at, Outcome.DEADLINE, CanaryNotReady(readiness=found))


def correct_routes(at: Situation) -> _Answer | None:
    """Finish what the stored intent still lacks; what is measured until then does not count."""
    decisions = difference(at.policy, at.rollout, at.seen)
    if not decisions:
        return None
    notices = corrections(at, decisions)
    later = at.seen.now_s + at.policy.interval_s
    after = _awaiting_routes(at) if any(isinstance(decision, SetTraffic) for decision in decisions) else at.rollout
    return at.go(after, notices[0] if notices else Measuring(until_s=later), *notices, next_s=later)


def _awaiting_routes(at: Situation) -> Rollout:
    """Since when a split has been asked for that is not in force."""
    if at.rollout.waiting is not None:
        return at.rollout
    return at.changed(waiting=Waiting(on=Wait.ROUTES, since_s=at.seen.now_s))


def _never_routed(at: Situation) -> _Answer | None:
    """A split that is refused, or put back by somebody, again and again must not keep a canary where it is."""
    waiting, wanted = at.rollout.waiting, at.rollout.traffic
    if waiting is None or waiting.on is not Wait.ROUTES or at.seen.routes == wanted:
        return None
    if at.seen.now_s - waiting.since_s < at.policy.progress_deadline_s:
        return None
    return roll_back(at, Outcome.DEADLINE, RoutesNotInForce(wanted=wanted))


def _primary_unready(at: Situation) -> _Answer | None:
    """A primary that cannot take the traffic back stops everything, unless it has none to lose or is to be replaced."""
    nothing_to_lose = at.rollout.known_good is KnownGood.NONE and at.rollout.traffic.leaves_primary_nothing
    to_be_replaced = at.rollout.skipped or (at.policy.skip_analysis and not at.rollout.paused)
    if nothing_to_lose or to_be_replaced:
        return None
    return None if at.primary_readiness().ready else _wait_for_primary(at)


def _wait_for_primary(at: Situation) -> Step:
    found = at.primary_readiness()
    cause = PrimaryNotReady(readiness=found)
    return at.wait(Wait.PRIMARY, cause) if found.retriable else roll_back(at, Outcome.DEADLINE, cause)


def _canary_unready(at: Situation) -> _Answer | None:
    found = at.canary_readiness()
    if found.ready:
        return None
    cause = CanaryNotReady(readiness=found)
    on = Wait.LOST if waits_for_lost(at) else Wait.CANARY
    return at.wait(on, cause) if found.retriable else roll_back(at, Outcome.DEADLINE, cause)


def _skip(at: Situation) -> _Answer | None:
    if at.rollout.skipped:
        return promote(at, skipped=True)
    if not at.policy.skip_analysis:
        return None
    return at.hold(Paused()) if at.rollout.paused else promote(at, skipped=True)


def _not_due(at: Situation) -> _Answer | None:
    """The first step waits for nothing but the canary; every other one for a full interval."""
    first = not at.rollout.started and at.rollout.attempt == 0
    if first or at.is_due:
        return None
    waiting = at.rollout.waiting
    measuring = Measuring(until_s=at.due_s)
    if waiting is not None and waiting.on is not Wait.APPROVAL:
        return Step(rollout=at.changed(waiting=None, away_s=at.away_s), reason=measuring, next_s=at.due_s)
    return at.hold(measuring, next_s=at.due_s)


def _approval_expired(at: Situation) -> _Answer | None:
    deadline_s = at.policy.approval_deadline_s
    if deadline_s is None:
        return None
    if at.rollout.phase is Phase.PROGRESSING:
        waiting = at.rollout.waiting
        begun_s = waiting.since_s if waiting is not None and waiting.on is Wait.APPROVAL else None
    else:
        begun_s = at.rollout.changed_s
    if begun_s is None or at.seen.now_s - begun_s < deadline_s:
        return None
    return roll_back(at, Outcome.APPROVAL, ApprovalExpired(deadline_s=deadline_s))


def _rollback_hook(at: Situation) -> _Answer | None:
    found = first_approval(at, HookType.ROLLBACK)
    if found is None or isinstance(found, Ask):
        return found
    return roll_back(at, Outcome.HOOK, RollbackSignalled(hook=found.id))


RULES: Final[tuple[Callable[[Situation], _Answer | None], ...]] = (
    _withdrawn,  # what is declared comes first: there may be nothing to analyse any more,
    _restarted,  # or something else
    _budget_used_up,  # before any wait, so that no gate and no unready pod can put a rollback off
    _primary_is_back,
    _never_began,  # also if every attempt to begin fails
    _never_routed,
    _rescue,  # before any wait: whoever cannot answer gives its share to whoever can
    correct_routes,  # nothing is judged that was not in force
    _primary_unready,
    _canary_unready,
    _skip,
    _not_due,
    _approval_expired,
    _rollback_hook,
)
"""In order; the first that has an answer wins. If none has, the canary is judged."""


_WHEN_WELL: Final = RULES[RULES.index(_not_due) :]


def _goes_well(at: Situation) -> bool:
    """The common case, seen at a glance: all is as it was decided, so no rule before `_not_due` has a word."""
    rollout, policy, canary, primary = at.rollout, at.policy, at.seen.canary, at.seen.primary
    if canary is None or primary is None or rollout.skipped or policy.skip_analysis or not rollout.started:
        return False
    if canary.revision != rollout.applied or canary.revision == rollout.promoted or rollout.counts.any:
        return False
    steady = rollout.known_good is KnownGood.PRIMARY and canary.all_ready and primary.all_ready
    return steady and is_in_force(rollout, at.seen)


# -- Judging and stepping -------------------------------------------------------------------------------------------


def _judge(at: Situation) -> _Answer:
    if not at.rollout.started:
        return _start(at)
    if not at.rollout.traffic.reaches_canary and not at.rollout.iterations:
        return advance(at)  # a closed gate before the first step: there is nothing to measure yet
    found = analyse(at)
    if isinstance(found, Ask):
        return found
    if found.findings:
        return _not_passed(at, found.verdict, found.findings)
    return advance(at)


def _start(at: Situation) -> _Answer:
    """The pre-rollout hooks, then the first step. No metric is asked: there was no traffic to measure."""
    gate = ask_in_turn(at, HookType.PRE_ROLLOUT)
    if isinstance(gate, Ask):
        return gate
    if isinstance(gate, Closed):
        found = blame(gate)
        return _not_passed(at, found.verdict, found.findings)
    told = (*passed(gate), AnalysisStarted())
    if at.rollout.traffic.reaches_canary:  # left there for want of a primary: that is what is measured first
        return at.again(AnalysisStarted(), *told, started=True, attempt=0)
    return advance(Situation(at.policy, at.changed(started=True), at.seen), told)


def _not_passed(at: Situation, verdict: Verdict, findings: tuple[Notice, ...]) -> Step:
    counts = count(at.policy, at.rollout.counts, verdict)
    return at.again(findings[0], *findings, counts=counts)
