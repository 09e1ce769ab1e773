"""How a rollout goes on if the outside does at once what is decided: the machine run forward, step by step.

Nothing is guessed: the same function decides that will decide then. What is assumed is the outside: at best, everybody
who is asked agrees; at worst, every check fails; or all goes on as it was found last.
"""

import math
from collections.abc import Callable
from typing import Final, TypeAlias, assert_never

from attrs import evolve, field, frozen

from canary_core.decisions import (
    Decision,
    DropFormer,
    EnsurePrimary,
    HoldPrimary,
    PromotePrimary,
    ReleaseObject,
    ReleaseTraffic,
    RemovePrimary,
    RestorePrimary,
    ScaleCanary,
    ScalePrimary,
    SetTraffic,
    Step,
)
from canary_core.desired import is_new
from canary_core.machine import step
from canary_core.notices import Notice
from canary_core.observation import Observation
from canary_core.phases import Phase
from canary_core.policy import Check, HookType, Policy
from canary_core.questions import (
    Answer,
    Answered,
    Approved,
    Ask,
    HookQuestion,
    MetricQuestion,
    Question,
    Refused,
    SourcesOnline,
    SourcesQuestion,
    Tell,
    Told,
)
from canary_core.rollout import Outcome, Rollout
from canary_core.samples import Sample
from canary_core.traffic import Traffic
from canary_core.values import Value
from canary_core.workload import Workload

__all__ = ["Answers", "Forecast", "Stage", "as_recorded", "at_best", "at_worst", "forecast"]

LONGEST: Final = 2000
"""Calls of the machine. A rollout that is not over by then waits for somebody, or takes longer than anybody waits."""
_UNKNOWN: Final = "'"
"""Appended to the fingerprint that is known, for one that is not: another revision, made by the same rules."""
_OfPrimary: TypeAlias = EnsurePrimary | PromotePrimary | RestorePrimary | ScalePrimary | HoldPrimary | RemovePrimary

Answers: TypeAlias = Callable[[Question], Answer]
"""What the outside answers."""


@frozen(kw_only=True, repr=False)
class Stage(Value):
    """Where a rollout will be from a time on."""

    at_s: float
    phase: Phase
    traffic: Traffic
    iterations: int = 0


@frozen(kw_only=True, repr=False)
class Forecast(Value):
    """How a rollout goes on."""

    stages: tuple[Stage, ...] = field(default=())
    """From the present one to the last one that is known."""
    over_s: float | None = None
    """When it is over, on the driver's clock. None: it waits for somebody, for as long as they like."""
    outcome: Outcome | None = None
    """How it ends."""
    reason: Notice | None = None
    """Why it ends so, or what it waits for. None: there was only to be asked."""


def forecast(
    policy: Policy, rollout: Rollout, seen: Observation, answers: Answers, *, obliging: bool = True
) -> Forecast:
    """How a rollout goes on from here, if the outside does at once what is decided, and tells of it.

    Args:
        policy: What is declared.
        rollout: As it is stored.
        seen: The outside at present. What is in the way stays; a request that nobody has dealt with is obeyed.
        answers: What is answered to each question.
        obliging: Whether pods that are not ready become so at once. If not, they stay as they are until they are
            changed.
    """
    seen = evolve(seen, canary=_ready(seen.canary), primary=_ready(seen.primary)) if obliging else seen
    stages = [_stage(rollout, seen)]
    reason: Notice | None = None
    for _ in range(LONGEST):
        decided = step(policy, rollout, seen)
        if isinstance(decided, Ask):
            told = tuple(Answered(question=question, answer=answers(question)) for question in decided.questions)
            seen = evolve(seen, answers=(*seen.answers, *told))
            continue
        still = decided.rollout == rollout and not decided.decisions
        rollout, reason = decided.rollout, decided.reason
        seen = _obeyed(seen, decided.decisions)
        stages += _new_stage(stages[-1], _stage(rollout, seen))
        released = any(isinstance(each, ReleaseObject) for each in decided.decisions)
        if released or (still and rollout.settled and not is_new(rollout, seen)):
            return Forecast(stages=tuple(stages), over_s=stages[-1].at_s, outcome=rollout.outcome, reason=reason)
        if still and decided.next_s is None:
            break
        seen = evolve(seen, now_s=_again_s(decided, seen.now_s), answers=(), request=None, redeclared=False)
    return Forecast(stages=tuple(stages), reason=reason)


def at_best(policy: Policy) -> Answers:
    """Everybody agrees: each check passes, and each hook says what lets the rollout go on."""
    checks = {check.id: check for check in policy.checks}
    kinds = {hook.id: hook.type for hook in policy.hooks}

    def answer(question: Question) -> Answer:
        match question:
            case MetricQuestion(check=check):
                return _passing(checks[check])
            case HookQuestion(hook=hook):
                return Refused() if kinds[hook] is HookType.ROLLBACK else Approved()
            case SourcesQuestion():
                return SourcesOnline()
            case Tell():
                return Told()
            case _:
                assert_never(question)

    return answer


def at_worst(policy: Policy) -> Answers:
    """Every check fails that can, and each hook says what lets the rollout go on."""
    checks, best = {check.id: check for check in policy.checks}, at_best(policy)

    def answer(question: Question) -> Answer:
        return _failing(checks[question.check]) if isinstance(question, MetricQuestion) else best(question)

    return answer


def as_recorded(rollout: Rollout, now_s: float) -> Observation:
    """The outside as a rollout under way wants it to be, where nobody has looked at it.

    Args:
        rollout: As it is stored.
        now_s: The present time.
    """
    count, applied = max(1, rollout.replicas), rollout.applied or _UNKNOWN
    pods = Workload(replicas=count, updated=count, total=count, available=count)
    declared = f"{applied}{_UNKNOWN}" if rollout.phase is Phase.WAITING else applied
    first = rollout.phase is Phase.INITIALIZING
    return Observation(
        now_s=now_s,
        canary=evolve(pods, revision=declared),
        primary=None if first else evolve(pods, revision=rollout.promoted or applied),
        routes=None if first else rollout.traffic,
        obstacles=(rollout.obstacle,) if rollout.obstacle is not None else (),
        deleting=rollout.phase is Phase.TERMINATING,
    )


def _passing(check: Check) -> Sample:
    bound = check.bound
    value = bound.minimum if bound.minimum is not None else bound.maximum if bound.maximum is not None else 0.0
    return Sample(value=value, count=check.min_samples)


def _failing(check: Check) -> Sample:
    """The next number beyond a bound. Without bounds, any value passes."""
    low, high = check.bound.minimum, check.bound.maximum
    value = math.nextafter(low, -math.inf) if low is not None else math.nextafter(high or 0.0, math.inf)
    return Sample(value=value, count=check.min_samples)


def _stage(rollout: Rollout, seen: Observation) -> Stage:
    return Stage(at_s=seen.now_s, phase=rollout.phase, traffic=rollout.traffic, iterations=rollout.iterations)


def _again_s(decided: Step, now_s: float) -> float:
    """At once after what pods come or go by, for that is told; routes are not."""
    told = any(not isinstance(each, SetTraffic) for each in decided.decisions)
    return now_s if told or decided.next_s is None else max(now_s, decided.next_s)


def _new_stage(last: Stage, found: Stage) -> list[Stage]:
    return [] if evolve(last, at_s=found.at_s) == found else [found]


# -- The outside ----------------------------------------------------------------------------------------------------


def _ready(workload: Workload | None, replicas: int | None = None) -> Workload | None:
    """A workload that has all the pods that it asks for."""
    if workload is None:
        return None
    count = workload.replicas if replicas is None else replicas
    return evolve(
        workload,
        replicas=count,
        updated=count,
        total=count,
        available=count,
        observed=True,
        stalled=False,
        unavailable_since_s=None,
        trouble=None,
    )


def _obeyed(seen: Observation, decisions: tuple[Decision, ...]) -> Observation:
    """What the outside looks like once this is done."""
    for decision in decisions:
        match decision:
            case SetTraffic(traffic=traffic):
                seen = evolve(seen, routes=traffic)
            case ReleaseTraffic():
                seen = evolve(seen, routes=None)
            case ScaleCanary(replicas=replicas):
                seen = evolve(seen, canary=_ready(seen.canary, replicas))
            case DropFormer():
                seen = evolve(seen, former=False)
            case ReleaseObject():
                pass
            case _:
                seen = evolve(seen, primary=_changed_primary(seen.primary, decision))
    return seen


def _changed_primary(primary: Workload | None, decision: _OfPrimary) -> Workload | None:
    found = primary if primary is not None else Workload()
    match decision:
        case EnsurePrimary(revision=revision, replicas=replicas):
            return _ready(evolve(found, revision=revision), replicas if primary is None else found.replicas)
        case PromotePrimary(revision=revision, replicas=replicas):
            return _ready(evolve(found, revision=revision, edited=False), replicas)
        case RestorePrimary():
            return _ready(evolve(found, edited=False))
        case ScalePrimary(replicas=replicas):
            return _ready(primary, replicas)
        case HoldPrimary(replicas=replicas):
            return _ready(evolve(found, held=replicas), max(found.replicas, replicas or 0))
        case RemovePrimary():
            return None
        case _:
            assert_never(decision)
