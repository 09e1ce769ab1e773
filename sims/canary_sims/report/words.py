"""What a simulation says in words: durations, numbers, what happened, how it ended. Plain text, no layout."""

import math
from typing import assert_never

from canary_adapters.manifests import describe_policy
from canary_core import (
    Bound,
    Check,
    CheckKind,
    Measurement,
    NoData,
    Outcome,
    Sample,
    SourceError,
)
from canary_sims.faults import CallKind, Struck, WakeFault, WakeKind
from canary_sims.scenario import (
    Answer,
    AnswerHook,
    Behaviour,
    ChangeCanary,
    ChangePrimary,
    CreepLatency,
    Declare,
    Delete,
    EditRoutes,
    Happening,
    MakeRequest,
    Metrics,
    Scale,
    SetMetrics,
    SetRate,
    Suspend,
)
from canary_sims.simulation import Ending, Result, Run, Served

__all__ = [
    "bound_text",
    "check_text",
    "clock",
    "ending_text",
    "facts",
    "happening_text",
    "percent",
    "reading",
    "served_text",
    "span",
    "struck_text",
    "totals_text",
    "value_text",
]


# -- Numbers --------------------------------------------------------------------------------------------------------


def clock(seconds: float) -> str:
    """A time since the beginning: ``3:30``, ``1:02:00``."""
    whole = int(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    fraction = f"{seconds - whole:.3f}".rstrip("0").lstrip("0") if seconds != whole else ""
    head = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{head}:{rest:02d}{fraction if fraction != '.' else ''}"


def span(seconds: float) -> str:
    """A duration as Go and people write it: ``13m``, ``1m30s``, ``1h2m``."""
    if seconds < 1:
        return f"{seconds * 1000:g}ms" if seconds else "0s"
    whole = int(seconds)
    parts = ((whole // 3600, "h"), (whole // 60 % 60, "m"))
    text = "".join(f"{number}{unit}" for number, unit in parts if number)
    rest = round(seconds - whole + whole % 60, 3)
    return text + (f"{rest:g}s" if rest or not text else "")


def percent(share: float) -> str:
    """A share as percent, with as many digits as it needs: ``5%``, ``0.46%``."""
    value = 100 * share
    return f"{value:.1f}%" if value >= 10 and value != round(value) else f"{float(f'{value:.2g}'):g}%"


def value_text(value: float, kind: CheckKind) -> str:
    """A measured value with its unit."""
    match kind:
        case CheckKind.SUCCESS_RATE:
            return f"{value:.2f}%"
        case CheckKind.DURATION:
            return f"{value:.0f}ms" if value < 1000 else f"{value / 1000:.2f}s"
        case CheckKind.VALUE:
            return f"{value:.4g}"


def reading(measurement: Measurement, kind: CheckKind) -> str:
    """What a metric source answered."""
    match measurement:
        case Sample(value=value):
            return value_text(value, kind)
        case NoData():
            return "no data"
        case SourceError():
            return "error"


def _limit(value: float, kind: CheckKind) -> str:
    unit = {CheckKind.SUCCESS_RATE: "%", CheckKind.DURATION: "ms"}.get(kind, "")
    return f"{value:g}{unit}"


def bound_text(bound: Bound, kind: CheckKind) -> str:
    """A range in ASCII: ``>= 99%``, ``<= 500ms``, ``1 to 5``."""
    low, high = bound.minimum, bound.maximum
    if low is not None and high is not None:
        return f"{_limit(low, kind)} to {_limit(high, kind)}"
    if low is not None:
        return f">= {_limit(low, kind)}"
    return f"<= {_limit(high, kind)}" if high is not None else "any value"


def check_text(check: Check) -> str:
    """A check and its range."""
    return f"{check.id} {bound_text(check.bound, check.kind)}"


# -- What happened --------------------------------------------------------------------------------------------------


def _behaviour(behaviour: Behaviour) -> list[str]:
    said = []
    if behaviour.error_rate is not None:
        said.append(
            f"{percent(behaviour.error_rate)} of its answers are errors" if behaviour.error_rate else "no errors"
        )
    if behaviour.latency_ms is not None:
        said.append(f"answers within {span(behaviour.latency_ms / 1000)}")
    if behaviour.ready_after_s is not None:
        said.append(_ready(behaviour.ready_after_s))
    return said


def _ready(seconds: float) -> str:
    return "its pods are never ready" if math.isinf(seconds) else f"its pods are ready after {span(seconds)}"


def _crash(crash: bool | None) -> list[str]:
    return [] if crash is None else ["its pods crash" if crash else "its pods run again"]


def _phrase(head: str, said: list[str]) -> str:
    return f"{head}: {', '.join(said)}" if said else head


_SOURCE = {
    Metrics.UP: "the metric source answers again",
    Metrics.DOWN: "the metric source is down",
    Metrics.SILENT: "the metric source has no data",
}
_ANSWERS = {
    Answer.APPROVE: "approves",
    Answer.REFUSE: "refuses",
    Answer.UNREACHABLE: "cannot be reached",
}


_CALL_FAULTS = {
    CallKind.FAIL: "fails",
    CallKind.LOST_ANSWER: "is done, but the answer is lost",
    CallKind.TIME_OUT: "times out, and is done later",
    CallKind.CONFLICT: "meets a conflict",
    CallKind.SLOW: "takes long",
    CallKind.STALE: "returns something old",
    CallKind.CRASH: "is not made: the controller dies before it",
    CallKind.CRASH_AFTER: "is done, then the controller dies",
    CallKind.RIVAL: "has to wait while another controller acts",
    CallKind.PAUSE: "has to wait while the controller is paused and another one leads",
}
_WAKE_FAULTS = {WakeKind.TWICE: "comes twice", WakeKind.LATE: "comes late", WakeKind.NEVER: "is lost"}


def struck_text(struck: Struck) -> str:
    """Something that went wrong around the controller."""
    what = struck.what
    if isinstance(what, WakeFault):
        return f"wake-up {what.wake} {_WAKE_FAULTS[what.kind]}"
    return f"call {what.call}, {struck.name}, {_CALL_FAULTS[what.kind]}"


def happening_text(what: Happening | Struck) -> str:
    """Something that a scenario did, or that went wrong."""
    if isinstance(what, Struck):
        return struck_text(what)
    match what:
        case Declare() | ChangeCanary() | CreepLatency() | ChangePrimary():
            return _app_text(what)
        case _:
            return _surroundings_text(what)


def _app_text(what: Declare | ChangeCanary | CreepLatency | ChangePrimary) -> str:
    match what:
        case Declare(revision=revision, behaviour=behaviour):
            return _phrase(f"{revision} is declared", _behaviour(behaviour))
        case ChangeCanary(behaviour=behaviour, crash=crash):
            return _phrase("the declared revision changes", _behaviour(behaviour) + _crash(crash))
        case CreepLatency(by_ms=by_ms, every_s=every_s):
            return f"the declared revision begins to get {span(by_ms / 1000)} slower every {span(every_s)}"
        case ChangePrimary(ready_after_s=ready, crash=crash, replicas=pods):
            by_hand = [] if pods is None else [f"scaled to {pods} by hand"]
            return _phrase("the primary changes", ([] if ready is None else [_ready(ready)]) + _crash(crash) + by_hand)
        case _:
            assert_never(what)


def _surroundings_text(
    what: SetMetrics | AnswerHook | EditRoutes | MakeRequest | Suspend | SetRate | Scale | Delete,
) -> str:
    match what:
        case SetMetrics(state=state):
            return _SOURCE[state]
        case AnswerHook(name=name, answer=answer):
            return f"hook {name} {_ANSWERS[answer]}"
        case EditRoutes(canary_weight=weight):
            return f"routes are edited by hand: {weight}% to the canary"
        case MakeRequest(verb=verb):
            return f"somebody asks to {verb.value}"
        case Suspend(on=on):
            return "the canary is suspended" if on else "the canary is no longer suspended"
        case SetRate(rate=rate):
            return f"users send {rate:g} requests per second"
        case Scale(replicas=replicas):
            return f"the target is scaled to {replicas} by hand"
        case Delete():
            return "the canary object is deleted"
        case _:
            assert_never(what)


# -- How it ended ---------------------------------------------------------------------------------------------------

_CAUSES = {
    Outcome.CHECKS: "too many checks did not pass",
    Outcome.DEADLINE: "a workload did not become ready in time",
    Outcome.HOOK: "a rollback hook asked for it",
    Outcome.APPROVAL: "nobody approved it in time",
    Outcome.ABORTED: "somebody asked for it",
}


def ending_text(run: Run) -> str:
    """How it ended, in a sentence."""
    ending, last = run.ending, run.ticks[-1]
    declared, serving = last.canary.revision, last.primary.revision
    match ending.result:
        case Result.PROMOTED:
            return f"Promoted: {serving} serves all users after {span(ending.duration_s)}."
        case Result.WITHDRAWN:
            return f"Withdrawn: {serving} was declared again and goes on serving all users."
        case Result.UNCHANGED:
            return f"Nothing to release: {serving} serves all users."
        case Result.ROLLED_BACK:
            return _rolled_back(ending, declared, serving, still_used=last.rollout.traffic.reaches_canary)
        case Result.PROMOTION_FAILED:
            return _promotion_failed(ending, declared, last.rollout.traffic.canary_weight)
        case Result.INITIALIZATION_FAILED:
            return f"Initialization failed: the first primary did not become ready; {declared} goes on serving."
        case Result.DELETED:
            return f"Deleted: the canary object is gone after {span(ending.duration_s)}."
        case Result.UNFINISHED:
            return (
                f"Unfinished: still {ending.phase.value} after {span(ending.duration_s)}, and nothing moves any more."
            )


def _rolled_back(ending: Ending, declared: str | None, serving: str | None, *, still_used: bool) -> str:
    cause = _CAUSES.get(ending.cause or Outcome.CHECKS, "")
    after = span(ending.duration_s)
    if still_used:
        return f"Failed after {after}: {cause}, but no pod of the primary could take the traffic back."
    return f"Rolled back after {after}: {cause}. {serving} serves all users, {declared} none."


def _promotion_failed(ending: Ending, declared: str | None, weight: int) -> str:
    who = f"the canary ({declared}) gets {weight}% of the requests"
    return f"Promotion failed after {span(ending.duration_s)}: the primary did not become ready; {who}."


# -- Head and foot --------------------------------------------------------------------------------------------------


def facts(run: Run) -> dict[str, str]:
    """What was simulated, for the head of a report."""
    policy, scenario, names = run.policy, run.scenario, run.names
    return {
        "Canary": f"{names.full_canary} ({names.kind} {names.target})",
        "Scenario": scenario.description or "no description",
        "Policy": describe_policy(policy),
        "Checks": ", ".join(check_text(check) for check in policy.checks) or "none",
        "Users": f"{scenario.rate:g} requests per second; seed {run.seed}",
    }


def totals_text(ending: Ending) -> str:
    """How many requests of users there were, and how many failed."""
    where = f", {ending.failed_on_canary:,} of them on the canary" if ending.failed else ""
    return f"{ending.requests:,} of users, {ending.failed:,} failed{_of(ending.failed, ending.requests)}{where}"


def served_text(ending: Ending) -> dict[str, str]:
    """The same by revision."""
    said = {served.revision or "nobody": _served(served) for served in ending.served}
    copies = {"copies": f"{ending.copied:,} copied to the canary, seen by no user"} if ending.copied else {}
    return said | copies


def _served(served: Served) -> str:
    if served.revision is None:
        return f"{served.requests:,} found no pod that could answer"
    return f"{served.requests:,} answered, {served.failed:,} with an error{_of(served.failed, served.requests)}"


def _of(part: int, whole: int) -> str:
    return f" ({percent(part / whole)})" if part else ""
