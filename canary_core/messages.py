"""Notices in words: those of Flagger's events and alerts, where it has them, so that what people grep for stays.

Pure text; nothing is decided from it.
"""

import enum
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, assert_never

from attrs import frozen

from canary_core import notices as n
from canary_core.policy import CheckKind, HookType
from canary_core.requests import Verb
from canary_core.traffic import Traffic
from canary_core.verdict import Verdict
from canary_core.workload import Readiness, Unready

__all__ = ["Alert", "Names", "Severity", "alert", "code", "is_warning", "message"]


@frozen(kw_only=True)
class Names:
    """How the objects of a rollout are called."""

    canary: str
    namespace: str
    target: str
    """Name of the workload that the user owns."""
    kind: str = "Deployment"

    @property
    def full_canary(self) -> str:
        """The object, as in Flagger's texts: name.namespace."""
        return f"{self.canary}.{self.namespace}"

    @property
    def full_target(self) -> str:
        """The target: name.namespace."""
        return f"{self.target}.{self.namespace}"

    @property
    def full_primary(self) -> str:
        """The primary: name.namespace."""
        return f"{self.target}-primary.{self.namespace}"


class Severity(enum.Enum):
    """How bad an alert is. The values are those of Flagger's ``alerts[].severity``."""

    INFO = "info"
    WARN = "warn"
    ERROR = "error"


@frozen(kw_only=True)
class Alert:
    """What is worth interrupting somebody for."""

    severity: Severity
    text: str
    with_fields: bool = False
    """Whether what was declared (target, threshold, routing) belongs to it."""


def code(notice: n.Notice) -> str:
    """A stable name for this kind of notice, for machines."""
    return type(notice).__name__


def message(notice: n.Notice, names: Names) -> str:
    """A notice in words."""
    return _TEXTS[type(notice)](notice, names)


def is_warning(notice: n.Notice) -> bool:
    """Whether an event of this notice is of type Warning."""
    if isinstance(notice, n.HookPassed):
        return notice.type is HookType.ROLLBACK
    return isinstance(notice, _WARNINGS)


def alert(notice: n.Notice, names: Names) -> Alert | None:
    """The alert that belongs to a notice, if any."""
    if isinstance(notice, n.ApprovalAwaited) and notice.mute_alert:
        return None
    make = _ALERTS.get(type(notice))
    return make(notice, names) if make is not None else None


# -- Parts of texts -------------------------------------------------------------------------------------------------


_ROLLING: Final = "waiting for rollout to finish: "
_WHY_UNREADY: Final[Mapping[Unready, Callable[[Readiness, Names, str], str]]] = MappingProxyType(
    {
        Unready.UNOBSERVED: lambda _, __, ___: f"{_ROLLING}observed deployment generation less than desired generation",
        Unready.STALLED: lambda _, __, name: f'deployment "{name}" exceeded its progress deadline',
        Unready.UPDATING: lambda x, _, __: f"{_ROLLING}{x.have} out of {x.want} new replicas have been updated",
        Unready.TERMINATING: lambda x, _, __: f"{_ROLLING}{x.have} old replicas are pending termination",
        Unready.UNAVAILABLE: lambda x, _, __: f"{_ROLLING}{x.have} of {x.want} updated replicas are available",
        Unready.SCALED_DOWN: lambda _, names, __: f"{names.kind.lower()} has no replicas",
        Unready.OUTDATED: lambda _, names, __: f"{names.kind.lower()} does not run the new revision",
        Unready.UNREACHABLE: lambda _, __, ___: "no Service leads to its pods",
        Unready.MISSING: lambda _, names, __: f"{names.kind.lower()} does not exist",
    }
)


def _why_unready(found: Readiness, names: Names, name: str) -> str:
    if found.cause is None:
        return "ready"
    trouble = "" if found.trouble is None else f": {found.trouble.reason}, {found.trouble.message}"
    return f"{_WHY_UNREADY[found.cause](found, names, name)}{trouble}"


def _late(found: Readiness) -> str:
    return "" if found.retriable or found.cause is Unready.STALLED else ", and its time is over"


def _primary_unready(found: Readiness, names: Names) -> str:
    return f"{names.full_primary} not ready: {_why_unready(found, names, names.target + '-primary')}{_late(found)}"


def _canary_unready(found: Readiness, names: Names) -> str:
    why = _why_unready(found, names, names.target)
    return f"canary {names.kind.lower()} {names.full_target} not ready: {why}{_late(found)}"


def _duration(milliseconds: float) -> str:
    """As Go prints a duration: ``515ms``, ``1.515s``."""
    if milliseconds < 1000:
        return f"{milliseconds:.0f}ms"
    return f"{milliseconds / 1000:.3f}".rstrip("0").rstrip(".") + "s"


def _number(value: float, kind: CheckKind, form: str = ".2f") -> str:
    match kind:
        case CheckKind.SUCCESS_RATE:
            return f"{value:{form}}%"
        case CheckKind.DURATION:
            return _duration(value)
        case CheckKind.VALUE:
            return f"{value:{form}}"
        case _:
            assert_never(kind)


def _limit(value: float, kind: CheckKind) -> str:
    return _number(value, kind, "g")


def _what(notice: n.CheckNotPassed) -> str:
    named = {CheckKind.SUCCESS_RATE: "success rate", CheckKind.DURATION: "request duration"}
    return named.get(notice.kind, notice.check)


def _check(notice: n.CheckNotPassed, names: Names) -> str:
    match notice.verdict:
        case Verdict.ERROR:
            return f"Metric query failed for {notice.check}: {notice.error}"
        case Verdict.NO_DATA if notice.samples is not None and notice.min_samples is not None:
            return (
                f"Halt advancement not enough samples for metric {notice.check}: "
                f"{notice.samples} of {notice.min_samples}"
            )
        case Verdict.NO_DATA:
            return (
                f"Halt advancement no values found for metric {notice.check} "
                f"probably {names.full_target} is not receiving traffic"
            )
        case _:
            return f"Halt {names.full_canary} advancement {_what(notice)} {_comparison(notice)}"


def _comparison(notice: n.CheckNotPassed) -> str:
    value, bound, kind = notice.value, notice.bound, notice.kind
    if value is None:
        return "has no value"
    if bound.minimum is not None and value < bound.minimum:
        return f"{_number(value, kind)} < {_limit(bound.minimum, kind)}"
    limit = bound.maximum if bound.maximum is not None else value
    return f"{_number(value, kind)} > {_limit(limit, kind)}"


_GATES: Final = MappingProxyType(
    {
        HookType.CONFIRM_ROLLOUT: "waiting for approval",
        HookType.CONFIRM_TRAFFIC_INCREASE: "waiting for traffic increase approval",
        HookType.CONFIRM_PROMOTION: "waiting for promotion approval",
    }
)


def _approval(notice: n.ApprovalAwaited | n.GateClosed, names: Names) -> str:
    return f"Halt {names.full_canary} advancement {_GATES.get(notice.type, 'waiting for approval')} {notice.hook}"


def _hook_passed(notice: n.HookPassed, _: Names) -> str:
    return f"{notice.type.value.capitalize()} check {notice.hook} passed"


def _hook_failed(notice: n.HookNotPassed, names: Names) -> str:
    what = "pre-rollout" if notice.type is HookType.PRE_ROLLOUT else "external"
    why = notice.error or ("no answer" if notice.unreachable else "refused")
    return f"Halt {names.full_canary} advancement {what} check {notice.hook} failed {why}"


def _threshold(notice: n.ThresholdReached, names: Names) -> str:
    kinds = {Verdict.NO_DATA: "checks without data", Verdict.ERROR: "checks without answer"}
    what = kinds.get(notice.verdict, "failed checks")
    return f"Rolling back {names.full_canary} {what} threshold reached {notice.count}"


def _split(traffic: Traffic | None) -> str:
    if traffic is None:
        return "not as declared"
    mirrored = ", mirrored" if traffic.mirrored else ""
    return f"{traffic.primary_weight}/{traffic.canary_weight}{mirrored}"


def _corrected(notice: n.RoutesCorrected, names: Names) -> str:
    return f"Routes of {names.full_canary} were {_split(notice.found)}, set to {_split(notice.wanted)}"


def _weight(notice: n.WeightAdvanced, names: Names) -> str:
    mirrored = " and mirror traffic" if notice.mirrored else ""
    return f"Advance {names.full_canary} canary weight {notice.weight}{mirrored}"


def _promoted(notice: n.Promoted, names: Names) -> str:
    how = "Canary analysis was skipped for" if notice.skipped else "Scaling down"
    return f"Promotion completed! {how} {names.full_target}"


def _switched(notice: n.TrafficSwitched, _: Names) -> str:
    if notice.mirrored:
        return "Stop traffic mirroring and route all traffic to canary"
    return "Routing all traffic to canary"


_LONGEST_REQUEST: Final = 60


def _unknown(notice: n.RequestUnknown, names: Names) -> str:
    verbs = [verb.value for verb in Verb]
    known = f"{', '.join(verbs[:-1])} or {verbs[-1]}"
    asked = repr(notice.text[:_LONGEST_REQUEST])
    return f"Request {asked} to {names.full_canary} is not understood: ask for {known}, followed by / and any new text"


_Text = Callable[[Any, Names], str]

_TEXTS: Final[Mapping[type, _Text]] = MappingProxyType(
    {
        n.SourcesAvailable: lambda _, __: "all the metrics providers are available!",
        n.SourcesUnavailable: lambda x, _: f"Error checking metric providers: {x.error}",
        n.PrimaryCreated: lambda _, c: f"Creating {c.full_primary}",
        n.PrimaryNotReady: lambda x, c: _primary_unready(x.readiness, c),
        n.CanaryNotReady: lambda x, c: _canary_unready(x.readiness, c),
        n.TargetMissing: lambda _, c: f"{c.kind} {c.full_target} does not exist",
        n.Initialized: lambda _, c: f"Initialization done! {c.full_canary}",
        n.InitializationFailed: lambda x, c: (
            f"Initialization failed, {c.full_target} goes on serving: {_primary_unready(x.readiness, c)}"
        ),
        n.Suspended: lambda _, __: "skipping canary run as object is suspended",
        n.Paused: lambda _, c: f"Halt {c.full_canary} advancement paused",
        n.Resumed: lambda _, c: f"Resuming {c.full_canary}",
        n.Adopted: lambda x, c: f"Took over {c.full_canary} in phase {x.phase.value}",
        n.RolloutStarted: lambda _, c: f"New revision detected! Scaling up {c.full_target}",
        n.AnalysisRestarted: lambda _, c: f"New revision detected! Restarting analysis for {c.full_target}",
        n.RevisionWithdrawn: lambda _, c: f"Promoted revision declared again! Ending the analysis for {c.full_target}",
        n.RevisionReverted: lambda _, c: f"Promoted revision declared again! The primary of {c.full_target} runs it",
        n.Cancelled: lambda _, c: f"Rollout cancelled! Scaling down {c.full_target}",
        n.RevisionFailed: lambda _, c: f"The declared revision of {c.full_target} has failed",
        n.AnalysisStarted: lambda _, c: f"Starting canary analysis for {c.full_target}",
        n.WeightAdvanced: _weight,
        n.IterationAdvanced: lambda x, c: f"Advance {c.full_canary} canary iteration {x.iteration}/{x.iterations}",
        n.TrafficSwitched: _switched,
        n.PromotionStarted: lambda _, c: f"Copying {c.full_target} template spec to {c.full_primary}",
        n.TrafficReturned: lambda _, __: "Routing all traffic to primary",
        n.PrimaryWeightAdvanced: lambda x, c: f"Advance {c.full_canary} primary weight {x.weight}",
        n.Promoted: _promoted,
        n.CheckNotPassed: _check,
        n.HookPassed: _hook_passed,
        n.HookNotPassed: _hook_failed,
        n.ApprovalAwaited: _approval,
        n.GateClosed: _approval,
        n.ApprovalExpired: lambda x, c: f"Rolling back {c.full_canary} not approved within {x.deadline_s:g}s",
        n.PostRolloutFailed: lambda x, _: f"Post-rollout hook {x.hook} failed {x.error}".rstrip(),
        n.ThresholdReached: _threshold,
        n.RollbackSignalled: lambda _, c: f"Rolling back {c.full_canary} manual webhook invoked",
        n.Aborted: lambda _, c: f"Rolling back {c.full_canary} aborted",
        n.RolledBack: lambda _, c: f"Canary failed! Scaling down {c.full_canary}",
        n.NoKnownGood: lambda _, c: (
            f"No workload of {c.full_canary} that is known to be good can take the traffic: nothing is changed"
        ),
        n.PromotionFailed: lambda x, c: (
            f"Promotion of {c.full_target} failed, primary not ready: "
            + _why_unready(x.readiness, c, c.target + "-primary")
        ),
        n.PrimaryRecovered: lambda _, c: f"{c.full_primary} is ready again, going on",
        n.RoutesCorrected: _corrected,
        n.RoutesRedeclared: lambda x, c: (
            f"Canary {c.full_canary} was changed: routes set to {_split(x.wanted)} as it declares now"
        ),
        n.CanaryRescaled: lambda x, c: f"{c.full_target} had {x.found} replicas, set to {x.wanted}",
        n.CanaryLost: lambda x, c: f"{_canary_unready(x.readiness, c)}: all traffic to the primary until it can answer",
        n.PrimaryLost: lambda x, c: (
            f"{_primary_unready(x.readiness, c)}: all traffic to the canary until it can answer"
        ),
        n.PrimaryRescaled: lambda x, c: f"{c.full_primary} had 0 replicas, set to {x.wanted}",
        n.PrimaryRestored: lambda _, c: (
            f"Somebody else changed the pod template of {c.full_primary}: set back to what the controller wrote"
        ),
        n.PrimaryRemade: lambda _, c: (
            f"Recreating {c.full_primary}: its selector cannot become that of {c.full_target}"
        ),
        n.RoutesNotInForce: lambda x, c: (
            f"Routes of {c.full_canary} did not become {_split(x.wanted)} within the progress deadline"
        ),
        n.Obstructed: lambda x, _: x.obstacle.message,
        n.RequestAccepted: lambda x, c: f"Request to {x.verb.value} {c.full_canary} accepted",
        n.RequestRefused: lambda x, c: f"Request to {x.verb.value} {c.full_canary} refused in phase {x.phase.value}",
        n.RequestUnknown: _unknown,
        n.Terminating: lambda _, c: f"Terminating canary {c.full_canary}",
        n.Terminated: lambda _, c: f"Terminated canary {c.full_canary}",
        n.Measuring: lambda _, c: f"Measuring {c.full_canary}",
        n.Draining: lambda _, c: f"Waiting until no traffic is left on {c.full_target}",
        n.Settled: lambda _, c: f"Nothing to do for {c.full_canary}",
    }
)

_WARNINGS: Final = (
    n.SourcesUnavailable,
    n.PrimaryNotReady,
    n.CanaryNotReady,
    n.TargetMissing,
    n.InitializationFailed,
    n.CheckNotPassed,
    n.HookNotPassed,
    n.ApprovalAwaited,
    n.ApprovalExpired,
    n.PostRolloutFailed,
    n.ThresholdReached,
    n.RollbackSignalled,
    n.Aborted,
    n.RolledBack,
    n.NoKnownGood,
    n.PromotionFailed,
    n.RoutesCorrected,
    n.CanaryRescaled,
    n.CanaryLost,
    n.PrimaryLost,
    n.PrimaryRescaled,
    n.PrimaryRestored,
    n.PrimaryRemade,
    n.RoutesNotInForce,
    n.Obstructed,
    n.RequestRefused,
    n.RequestUnknown,
)


def _approval_alert(notice: n.ApprovalAwaited, _: Names) -> Alert:
    texts = {
        HookType.CONFIRM_TRAFFIC_INCREASE: "Canary traffic increase is waiting for approval.",
        HookType.CONFIRM_PROMOTION: "Canary promotion is waiting for approval.",
    }
    return Alert(severity=Severity.WARN, text=texts.get(notice.type, "Canary is waiting for approval."))


def _info(text: str, *, with_fields: bool = False) -> Callable[[Any, Names], Alert]:
    return lambda _, names: Alert(severity=Severity.INFO, text=text.format(kind=names.kind), with_fields=with_fields)


def _as_event(severity: Severity) -> Callable[[Any, Names], Alert]:
    return lambda notice, names: Alert(severity=severity, text=message(notice, names))


def _threshold_alert(notice: n.ThresholdReached, names: Names) -> Alert:
    text = _threshold(notice, names).removeprefix(f"Rolling back {names.full_canary} ").capitalize()
    return Alert(severity=Severity.ERROR, text=text)


def _deadline_alert(notice: n.PrimaryNotReady | n.CanaryNotReady, names: Names) -> Alert | None:
    """To wait is no alert; to have waited for too long is."""
    if notice.readiness.retriable:
        return None
    return Alert(severity=Severity.ERROR, text=f"Progress deadline exceeded {message(notice, names)}")


_ALERTS: Final[Mapping[type, Callable[[Any, Names], Alert | None]]] = MappingProxyType(
    {
        n.PrimaryNotReady: _deadline_alert,
        n.CanaryNotReady: _deadline_alert,
        n.Initialized: _info("New {kind} detected, initialization completed.", with_fields=True),
        n.RolloutStarted: _info("New revision detected, progressing canary analysis.", with_fields=True),
        n.Promoted: lambda x, _: Alert(
            severity=Severity.INFO,
            text="Canary analysis was skipped, promotion finished."
            if x.skipped
            else "Canary analysis completed successfully, promotion finished.",
        ),
        n.Cancelled: _info("Promoted revision declared again, canary rollout cancelled."),
        n.ThresholdReached: _threshold_alert,
        n.RollbackSignalled: lambda _, __: Alert(severity=Severity.WARN, text="Rolling back manual webhook invoked"),
        n.Aborted: _as_event(Severity.WARN),
        n.ApprovalExpired: _as_event(Severity.WARN),
        n.ApprovalAwaited: _approval_alert,
        n.PromotionFailed: _as_event(Severity.ERROR),
        n.InitializationFailed: _as_event(Severity.ERROR),
        n.NoKnownGood: _as_event(Severity.ERROR),
        n.PrimaryLost: _as_event(Severity.ERROR),
        n.CanaryLost: _as_event(Severity.WARN),
        n.RoutesNotInForce: _as_event(Severity.ERROR),
    }
)
