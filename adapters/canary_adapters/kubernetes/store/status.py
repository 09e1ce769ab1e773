"""``.status`` of a Canary: our record of the rollout, and beside it Flagger's fields, as a view for people."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from canary_adapters.kubernetes.resources import Obj
from canary_adapters.kubernetes.store.conditions import (
    Problem,
    Target,
    conditions,
    said,
    said_of,
    tells_of,
    with_generation,
)
from canary_adapters.kubernetes.store.records import read_rollout, written_rollout
from canary_core import Audience, Cookies, Counts, KnownGood, Phase, Policy, Rollout, SessionAffinity, Traffic
from canary_core.policy import ABTest
from canary_core.split import shown_weight

__all__ = ["read_status", "rfc3339", "with_problem", "written_status"]


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
    ready_while_progressing: bool = False,
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
        ready_while_progressing: See `canary_core.standing`.
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
    weight = found["canaryWeight"]
    told = said(
        policy, rollout, target, weight=weight, problem=problem, ready_while_progressing=ready_while_progressing
    )
    told_of = conditions(old, told, now=now, generation=generation)
    return {key: value for key, value in found.items() if value is not None} | {"conditions": told_of}


def with_problem(
    old: Mapping[str, Any], problem: Problem, *, now_s: float, generation: int, weight: int | None = None
) -> Obj:
    """The status with a problem in its conditions, and the weight in force if that is known; everything else stays."""
    kept = {"phase": Phase.INITIALIZING.value, "canaryWeight": 0, "failedChecks": 0, "iterations": 0, **old}
    if weight is not None:
        kept["canaryWeight"] = weight
    now = rfc3339(now_s)
    kept["phase"] = kept["phase"] or Phase.INITIALIZING.value
    kept.setdefault("lastTransitionTime", now)
    kept["observedGeneration"] = generation
    if tells_of(old, problem) and kept["canaryWeight"] == old.get("canaryWeight"):
        return with_generation(kept)
    return {**kept, "conditions": conditions(old, said_of(problem), now=now, generation=generation)}


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
