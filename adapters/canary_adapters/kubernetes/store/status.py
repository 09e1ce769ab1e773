"""``.status`` of a Canary: our record of the rollout, and beside it Flagger's fields, as a view for people."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from attrs import frozen

from canary_adapters.kubernetes.resources import Obj
from canary_adapters.kubernetes.store.records import read_rollout, written_rollout
from canary_adapters.plain_text import one_line
from canary_core import Audience, Cookies, Counts, KnownGood, Phase, Policy, Rollout, SessionAffinity, Traffic
from canary_core.policy import ABTest
from canary_core.rollout import Wait
from canary_core.split import shown_weight

__all__ = ["Problem", "read_status", "rfc3339", "standing_problem", "with_problem", "written_status"]

LONGEST_MESSAGE: Final = 4096
"""Characters of the message of a condition; ten mistakes are told at most."""
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
_PAUSED: Final = "Paused on request: nothing new begins until the annotation canary-core/request asks for resume."
_SUSPENDED: Final = "Suspended: nothing is done while spec.suspend is true."
PROMOTED: Final = "Promoted"
PAUSED: Final = "Paused"
SUSPENDED: Final = "Suspended"
TARGET_NOT_FOUND: Final = "TargetNotFound"
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


def rfc3339(now_s: float) -> str:
    """A time as Kubernetes writes it."""
    return datetime.fromtimestamp(now_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# -- Writing --------------------------------------------------------------------------------------------------------


def written_status(
    policy: Policy,
    rollout: Rollout,
    old: Mapping[str, Any],
    *,
    target: Target,
    now_s: float,
    generation: int,
    problem: Problem | None = None,
    routes: Traffic | None = None,
) -> Obj:
    """The whole status for a rollout.

    Args:
        policy: What is declared.
        rollout: To be remembered.
        old: The status as it is.
        target: The workload that is declared.
        now_s: The present time.
        generation: Of the Canary that was acted upon.
        problem: What is still in the way, for the condition. None: what the rollout says.
        routes: The split in force, should it not be the one that is intended. None: it is, or nobody knows it.
    """
    now = rfc3339(now_s)
    entered = old.get("phase") != rollout.phase.value
    affinity, cookies = policy.session_affinity, rollout.traffic.cookies
    name, primary = (affinity.cookie_name, affinity.primary_cookie_name) if affinity is not None else (None, None)
    found: Obj = {
        "phase": rollout.phase.value,
        "canaryWeight": shown_weight(policy, rollout if routes is None else rollout.but(traffic=routes)),
        "failedChecks": rollout.counts.failed,
        "iterations": rollout.iterations,
        "lastAppliedSpec": rollout.applied,
        "lastPromotedSpec": rollout.promoted,
        "sessionAffinityCookie": _cookie(name, cookies.canary),
        "primarySessionAffinityCookie": _cookie(primary, cookies.primary),
        "previousSessionAffinityCookie": _cookie(name, cookies.expired),
        "lastTransitionTime": now if entered else old.get("lastTransitionTime", now),
        "observedGeneration": generation,
        "rollout": written_rollout(rollout),
    }
    said = ("False", problem.reason, problem.message) if problem is not None else _said(rollout, target)
    condition = _condition(old, *said, now)
    return {key: value for key, value in found.items() if value is not None} | {"conditions": [condition]}


def _said(rollout: Rollout, target: Target) -> tuple[str, str, str]:
    """Status, reason and message of the condition."""
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


def with_problem(
    old: Mapping[str, Any], problem: Problem, *, now_s: float, generation: int, weight: int | None = None
) -> Obj:
    """The status with a problem in its condition, and the weight in force if that is known; everything else stays."""
    kept = {"phase": Phase.INITIALIZING.value, "canaryWeight": 0, "failedChecks": 0, "iterations": 0, **old}
    if weight is not None:
        kept["canaryWeight"] = weight
    now = rfc3339(now_s)
    kept["phase"] = kept["phase"] or Phase.INITIALIZING.value
    kept.setdefault("lastTransitionTime", now)
    kept["observedGeneration"] = generation
    return {**kept, "conditions": [_condition(old, "False", problem.reason, problem.message, now)]}


def standing_problem(status: Mapping[str, Any], rollout: Rollout) -> Problem | None:
    """The problem that the condition tells of, and the rollout does not know. None: there is none."""
    found = _promoted(status)
    reason = str(found.get("reason") or "")
    trouble = rollout.waiting.trouble if rollout.waiting is not None else None
    known = rollout.obstacle is not None or (trouble is not None and trouble.reason == reason)
    if known or found.get("status") != "False" or reason in _ORDINARY:
        return None
    return Problem(reason, str(found.get("message") or ""))


def _promoted(status: Mapping[str, Any]) -> Mapping[str, Any]:
    """The condition."""
    return next((each for each in status.get("conditions") or () if each.get("type") == PROMOTED), {})


def _condition(old: Mapping[str, Any], status: str, reason: str, message: str, now: str) -> Obj:
    """``lastTransitionTime`` is that of the status value, ``lastUpdateTime`` that of anything."""
    message = one_line(message, LONGEST_MESSAGE)
    before = _promoted(old)
    same = before.get("status") == status
    equal = same and before.get("reason") == reason and before.get("message") == message
    return {
        "type": PROMOTED,
        "status": status,
        "reason": reason,
        "message": message,
        "lastUpdateTime": before.get("lastUpdateTime", now) if equal else now,
        "lastTransitionTime": before.get("lastTransitionTime", now) if same else now,
    }


def _cookie(name: str | None, value: str | None) -> str | None:
    return f"{name}={value}" if name and value else None


# -- Reading --------------------------------------------------------------------------------------------------------


def read_status(policy: Policy, status: Mapping[str, Any]) -> Rollout:
    """The rollout that a status tells of: our own record, or what Flagger's fields say.

    Raises:
        RefusedError: Our own record cannot be read.
    """
    record = status.get("rollout")
    if record:
        return read_rollout(record)
    phase = _phase(status.get("phase"))
    if phase is None or not status.get("lastAppliedSpec"):
        return Rollout()
    return _as_flagger_left_it(policy, status, phase)


def _as_flagger_left_it(policy: Policy, status: Mapping[str, Any], phase: Phase) -> Rollout:
    """Its fingerprints have no scheme, by which the machine sees that it has to take the rollout over."""
    weight = max(0, min(100, int(status.get("canaryWeight") or 0)))
    matched = isinstance(policy.strategy, ABTest) or getattr(policy.strategy, "matched", False)
    return Rollout(
        phase=phase,
        traffic=Traffic(
            canary_weight=weight,
            audience=Audience.MATCHED if matched and weight else Audience.EVERYONE,
            cookies=_cookies(policy.session_affinity, status),
        ),
        iterations=max(0, int(status.get("iterations") or 0)),
        counts=Counts(failed=max(0, int(status.get("failedChecks") or 0))),
        applied=status.get("lastAppliedSpec") or None,
        promoted=status.get("lastPromotedSpec") or None,
        known_good=KnownGood.PRIMARY if status.get("lastPromotedSpec") else KnownGood.CANARY,
    )


def _cookies(affinity: SessionAffinity | None, status: Mapping[str, Any]) -> Cookies:
    if affinity is None:
        return Cookies()

    def value(field: str) -> str | None:
        return str(status.get(field) or "").partition("=")[2] or None

    return Cookies(
        canary=value("sessionAffinityCookie"),
        primary=value("primarySessionAffinityCookie") if affinity.primary_cookie_name else None,
        expired=value("previousSessionAffinityCookie"),
    )


def _phase(text: object) -> Phase | None:
    try:
        return Phase(text)
    except ValueError:
        return None
