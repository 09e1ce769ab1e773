"""The conditions of a Canary: ``Promoted`` as Flagger writes it, and beside it those that tools wait for.

Fleet, Flux and Helm read ``Ready``, ``Reconciling`` and ``Stalled`` by the rules of kstatus:
https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md#conditions
``Ready`` is always there; the other two only while they are true, as kstatus has it for what is abnormal.
"""

from collections.abc import Mapping
from typing import Any, Final

from attrs import frozen

from canary_adapters.kubernetes.resources import Obj
from canary_adapters.plain_text import one_line
from canary_core import Outcome, Phase, Policy, Rollout, Standing, standing
from canary_core.policy import ABTest, BlueGreen
from canary_core.rollout import Wait

__all__ = [
    "Problem",
    "Said",
    "Target",
    "conditions",
    "said",
    "said_of",
    "standing_problem",
    "tells_of",
    "with_generation",
]

LONGEST_MESSAGE: Final = 4096
"""Characters of the message of ``Promoted``; ten mistakes are told at most."""
SHORT_MESSAGE: Final = 512
"""Characters of the messages of the others, which say the same."""
PROMOTED: Final = "Promoted"
READY: Final = "Ready"
PAUSED: Final = "Paused"
SUSPENDED: Final = "Suspended"
TARGET_NOT_FOUND: Final = "TargetNotFound"
PRIMARY_NOT_READY: Final = "PrimaryNotReady"
REVERTED: Final = "Reverted"
WAITING_TRAFFIC_INCREASE: Final = "WaitingTrafficIncrease"
_PROGRESSING: Final = "New revision detected, progressing canary analysis."
_WAITING: Final = "Waiting for approval."
_NEW: Final = "New {kind} detected, starting initialization."
_SENTENCES: Final[Mapping[Phase, tuple[str, str]]] = {
    Phase.INITIALIZING: ("Unknown", _NEW),
    Phase.INITIALIZED: ("True", "{kind} initialization completed."),
    Phase.WAITING: ("Unknown", _WAITING),
    Phase.WAITING_PROMOTION: ("Unknown", _WAITING),
    Phase.PROGRESSING: ("Unknown", _PROGRESSING),
    Phase.PROMOTING: ("Unknown", "Canary analysis completed, starting primary rolling update."),
    Phase.FINALISING: ("Unknown", "Canary analysis completed, routing all traffic to primary."),
    Phase.SUCCEEDED: ("True", "Canary analysis completed successfully, promotion finished."),
    Phase.FAILED: ("False", "Canary analysis failed, {kind} scaled to zero."),
    Phase.TERMINATING: ("Unknown", _NEW),
    Phase.TERMINATED: ("Unknown", _NEW),
}
"""Status and message of the condition ``Promoted``, as Flagger writes them: people and scripts look for them."""
_KEPT: Final = "Canary promotion failed, {kind} keeps the traffic."
"""Where Flagger would say that the canary was scaled to zero although it was not."""
_ENDING: Final = frozenset({Phase.TERMINATING, Phase.TERMINATED})
_WELL: Final = frozenset({Phase.INITIALIZED, Phase.SUCCEEDED})
_PAUSED: Final = "Paused on request: nothing new begins until the annotation canary-core/request asks for resume."
_REVERTED: Final = "The promoted version is declared again, and the primary runs it."
_SUSPENDED: Final = "Suspended: nothing is done while spec.suspend is true."
_ORDINARY: Final = frozenset({*(phase.value for phase in Phase), TARGET_NOT_FOUND, PAUSED, SUSPENDED, ""})
"""Reasons that a rollout itself gives rise to."""


@frozen
class Problem:
    """Why a canary cannot be served as it is declared."""

    reason: str
    message: str


@frozen
class Target:
    """The workload that a canary names."""

    kind: str
    full: str
    """Kind and name, for people."""


@frozen(kw_only=True)
class Said:
    """What the conditions say."""

    promoted: str
    """Status of ``Promoted``."""
    standing: Standing
    reason: str
    message: str
    instead: str | None = None
    """Reason of the others, where they know more than ``Promoted``."""
    details: str = ""
    """What the messages of the others say besides: how far it is, or why it failed."""


def said(
    policy: Policy,
    rollout: Rollout,
    target: Target,
    *,
    weight: int,
    problem: Problem | None = None,
    ready_while_progressing: bool = False,
) -> Said:
    """What the conditions of a rollout say.

    Args:
        policy: What is declared.
        rollout: Where it stands.
        target: The workload that is declared.
        weight: Of the canary, as the status shows it.
        problem: What is in the way, that the rollout does not know of.
        ready_while_progressing: See `canary_core.standing`.
    """
    promoted, reason, message = _promoted(rollout, target)
    if problem is not None:
        promoted, reason, message = "False", problem.reason, problem.message
    return Said(
        promoted=promoted,
        standing=standing(rollout, refused=problem is not None, ready_while_progressing=ready_while_progressing),
        reason=reason,
        message=message,
        instead=_instead(rollout) if reason == rollout.phase.value else None,
        details=_details(policy, rollout, weight),
    )


def said_of(problem: Problem) -> Said:
    """What the conditions say of a Canary that is refused as a whole."""
    found = standing(Rollout(), refused=True)
    return Said(promoted="False", standing=found, reason=problem.reason, message=problem.message)


def _promoted(rollout: Rollout, target: Target) -> tuple[str, str, str]:
    """Status, reason and message of ``Promoted``, by the rollout alone."""
    if rollout.waiting is not None and rollout.waiting.on is Wait.TARGET:
        return "False", TARGET_NOT_FOUND, f"{target.full} not found: make it, or correct spec.targetRef"
    if rollout.obstacle is not None:
        return "False", rollout.obstacle.reason, rollout.obstacle.message
    status, message = _SENTENCES[rollout.phase]
    if rollout.phase is Phase.FAILED and rollout.traffic.reaches_canary:
        message = _KEPT
    message, reason = message.format(kind=target.kind), rollout.phase.value
    trouble = rollout.waiting.trouble if rollout.waiting is not None else None
    if trouble is not None:
        reason, message = trouble.reason, f"{message} {trouble.reason}: {trouble.message}"
    if rollout.phase not in _ENDING and (rollout.suspended or rollout.paused):
        reason, more = (SUSPENDED, _SUSPENDED) if rollout.suspended else (PAUSED, _PAUSED)
        message = f"{message} {more}"
    return status, reason, message


# -- Details --------------------------------------------------------------------------------------------------------


def _instead(rollout: Rollout) -> str | None:
    """What holds a rollout, as its phase does not say it. None: nothing does."""
    if rollout.phase is Phase.FAILED and rollout.reverted:
        return REVERTED
    if rollout.phase in _WELL and (rollout.waiting is not None or rollout.traffic.reaches_canary):
        return PRIMARY_NOT_READY
    return WAITING_TRAFFIC_INCREASE if _is_held(rollout) else None


def _is_held(rollout: Rollout) -> bool:
    """Whether the gate of the next step is closed."""
    waiting = rollout.waiting
    return rollout.phase is Phase.PROGRESSING and waiting is not None and waiting.on is Wait.APPROVAL


def _details(policy: Policy, rollout: Rollout, weight: int) -> str:
    """How far a rollout is, or why it failed: only what is stored anyway, so that no number costs a write."""
    match rollout.phase:
        case Phase.PROGRESSING | Phase.WAITING_PROMOTION:
            held = f"{_WAITING} " if _is_held(rollout) else ""
            return f"{held}{_iterations(policy, rollout)}Canary weight {weight}%, {_budgets(policy, rollout)}."
        case Phase.PROMOTING | Phase.FINALISING:
            return f"Canary weight {weight}%."
        case Phase.FAILED:
            return f"{_failure(policy, rollout)} {_REVERTED}".strip() if rollout.reverted else _failure(policy, rollout)
        case Phase.INITIALIZED | Phase.SUCCEEDED if rollout.traffic.reaches_canary:
            return f"The primary is not ready, the canary has {weight}% of the traffic."
        case Phase.INITIALIZED | Phase.SUCCEEDED if rollout.waiting is not None:
            return "The primary is not ready."
        case _:
            return ""


def _iterations(policy: Policy, rollout: Rollout) -> str:
    if not isinstance(policy.strategy, ABTest | BlueGreen):
        return ""
    most = policy.strategy.iterations
    return f"Iteration {min(rollout.iterations, most)} of {most}. "


def _budgets(policy: Policy, rollout: Rollout) -> str:
    """How much of each budget of checks is used up."""
    counts = rollout.counts
    found = (
        ("failed checks", counts.failed, policy.threshold),
        ("checks without data", counts.no_data, policy.no_data_threshold),
        ("checks without answer", counts.errors, policy.error_threshold),
    )
    return ", ".join(f"{what} {count} of {most}" for what, count, most in found if most is not None)


def _failure(policy: Policy, rollout: Rollout) -> str:
    """Why it failed. Counts are zero by then. Nobody knows it of a rollout that failed under Flagger."""
    limits = (
        ("threshold", policy.threshold),
        ("noDataThreshold", policy.no_data_threshold),
        ("errorThreshold", policy.error_threshold),
    )
    shown = ", ".join(f"{name} {most}" for name, most in limits if most is not None)
    late = f"did not become ready within {policy.progress_deadline_s:g} s (progressDeadlineSeconds)"
    reasons: Mapping[Outcome | None, str] = {
        Outcome.CHECKS: f"Too many checks did not pass ({shown}).",
        Outcome.DEADLINE: f"A workload {late}.",
        Outcome.HOOK: "A rollback webhook asked for it.",
        Outcome.APPROVAL: "A gate stayed closed for too long.",
        Outcome.ABORTED: "Aborted on request.",
        Outcome.PROMOTION: f"The primary {late}.",
        Outcome.INITIALIZATION: f"The first primary {late}.",
    }
    return reasons.get(rollout.outcome, "")


# -- Rendering ------------------------------------------------------------------------------------------------------


def conditions(old: Mapping[str, Any], found: Said, *, now: str, generation: int) -> list[Obj]:
    """The conditions as they are written.

    ``Promoted`` comes first and has Flagger's fields. ``lastTransitionTime`` changes only with the status.

    Args:
        old: The status as it is.
        found: What they say.
        now: The present time, as Kubernetes writes it.
        generation: Of the Canary that was acted upon.
    """
    message = one_line(found.message, LONGEST_MESSAGE)
    written = [_as_flagger(_condition(old, PROMOTED, found.promoted, found.reason, message, now), old, now)]
    is_ready = found.standing is Standing.READY
    kinds = {READY: "True" if is_ready else "False"} | ({} if is_ready else {found.standing.value: "True"})
    reason, message = found.instead or found.reason, one_line(_with_details(found), SHORT_MESSAGE)
    return written + [
        {**_condition(old, kind, status, reason, message, now), "observedGeneration": generation}
        for kind, status in kinds.items()
    ]


def _with_details(found: Said) -> str:
    """What is wrong ends without a full stop."""
    return f"{found.message.rstrip('.')}. {found.details}" if found.details else found.message


def with_generation(status: Obj) -> Obj:
    """A status with the generation in its conditions, that definitions without the field have dropped there.

    It is always that of the status, for both are written together.
    """
    generation = status.get("observedGeneration")
    found = status.get("conditions")
    if generation is None or not isinstance(found, list):
        return status
    kinds = {READY, Standing.RECONCILING.value, Standing.STALLED.value}
    restored = [{**each, "observedGeneration": generation} if each.get("type") in kinds else each for each in found]
    return {**status, "conditions": restored}


def standing_problem(status: Mapping[str, Any], rollout: Rollout) -> Problem | None:
    """The problem that the condition tells of, and the rollout does not know. None: there is none."""
    found = _of(status, PROMOTED)
    reason = str(found.get("reason") or "")
    trouble = rollout.waiting.trouble if rollout.waiting is not None else None
    known = rollout.obstacle is not None or (trouble is not None and trouble.reason == reason)
    if known or found.get("status") != "False" or reason in _ORDINARY:
        return None
    return Problem(reason, str(found.get("message") or ""))


def tells_of(status: Mapping[str, Any], problem: Problem) -> bool:
    """Whether the conditions tell of a problem already, if with other details."""
    promoted, stalled = _of(status, PROMOTED), _of(status, Standing.STALLED.value)
    wanted = ("False", problem.reason, one_line(problem.message, LONGEST_MESSAGE))
    told = tuple(promoted.get(key) for key in ("status", "reason", "message"))
    return told == wanted and stalled.get("reason") == problem.reason


def _of(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """The condition of a type. Empty: there is none."""
    return next((each for each in status.get("conditions") or () if each.get("type") == kind), {})


def _condition(old: Mapping[str, Any], kind: str, status: str, reason: str, message: str, now: str) -> Obj:
    before = _of(old, kind)
    same = before.get("status") == status
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": before.get("lastTransitionTime", now) if same else now,
    }


def _as_flagger(condition: Obj, old: Mapping[str, Any], now: str) -> Obj:
    """With ``lastUpdateTime``, that of anything in it."""
    before = _of(old, condition["type"])
    equal = all(before.get(key) == condition[key] for key in ("status", "reason", "message"))
    return {**condition, "lastUpdateTime": before.get("lastUpdateTime", now) if equal else now}
