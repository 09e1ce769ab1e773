"""Notices in words: what Flagger's users grep for, and that nothing is left without words."""

import typing

import pytest
from attrs import NOTHING, fields

from canary_core import (
    Bound,
    CheckKind,
    HookType,
    Notice,
    Obstacle,
    Phase,
    Readiness,
    Traffic,
    Trouble,
    Unready,
    Verb,
    Verdict,
)
from canary_core import notices as n
from canary_core.messages import Alert, Names, Severity, alert, code, is_warning, message

NAMES = Names(canary="podinfo", namespace="test", target="podinfo")
UPDATING = Readiness(cause=Unready.UPDATING, have=1, want=2)
LATE = Readiness(cause=Unready.UNAVAILABLE, have=0, want=2, retriable=False)
CRASHING = Readiness(
    cause=Unready.UNAVAILABLE,
    have=0,
    want=2,
    trouble=Trouble(reason="CrashLoopBackOff", message="app ended with code 1"),
)


def _failed(kind: CheckKind, value: float | None, bound: Bound, **options: object) -> n.CheckNotPassed:
    defaults: dict[str, object] = {"check": "error-count", "verdict": Verdict.FAIL}
    return n.CheckNotPassed(kind=kind, value=value, bound=bound, **{**defaults, **options})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("notice", "text"),
    [
        (n.SourcesAvailable(), "all the metrics providers are available!"),
        (n.SourcesUnavailable(error="boom"), "Error checking metric providers: boom"),
        (
            n.CanaryNotReady(readiness=CRASHING),
            (
                "canary deployment podinfo.test not ready: waiting for rollout to finish: 0 of 2 updated replicas are "
                "available: CrashLoopBackOff, app ended with code 1"
            ),
        ),
        (
            n.PrimaryNotReady(readiness=UPDATING),
            "podinfo-primary.test not ready: waiting for rollout to finish: 1 out of 2 new replicas have been updated",
        ),
        (
            n.CanaryNotReady(readiness=LATE),
            (
                "canary deployment podinfo.test not ready: "
                "waiting for rollout to finish: 0 of 2 updated replicas are available, and its time is over"
            ),
        ),
        (n.Initialized(), "Initialization done! podinfo.test"),
        (n.Suspended(), "skipping canary run as object is suspended"),
        (n.RolloutStarted(), "New revision detected! Scaling up podinfo.test"),
        (n.AnalysisRestarted(), "New revision detected! Restarting analysis for podinfo.test"),
        (n.AnalysisStarted(), "Starting canary analysis for podinfo.test"),
        (n.WeightAdvanced(weight=20), "Advance podinfo.test canary weight 20"),
        (n.WeightAdvanced(weight=0, mirrored=True), "Advance podinfo.test canary weight 0 and mirror traffic"),
        (n.IterationAdvanced(iteration=2, iterations=3), "Advance podinfo.test canary iteration 2/3"),
        (n.TrafficSwitched(mirrored=False), "Routing all traffic to canary"),
        (n.TrafficSwitched(mirrored=True), "Stop traffic mirroring and route all traffic to canary"),
        (n.PromotionStarted(), "Copying podinfo.test template spec to podinfo-primary.test"),
        (n.TrafficReturned(), "Routing all traffic to primary"),
        (n.PrimaryWeightAdvanced(weight=70), "Advance podinfo.test primary weight 70"),
        (n.Promoted(), "Promotion completed! Scaling down podinfo.test"),
        (n.Promoted(skipped=True), "Promotion completed! Canary analysis was skipped for podinfo.test"),
        (
            n.ThresholdReached(verdict=Verdict.FAIL, count=3, threshold=3),
            "Rolling back podinfo.test failed checks threshold reached 3",
        ),
        (
            n.ThresholdReached(verdict=Verdict.NO_DATA, count=3, threshold=3),
            "Rolling back podinfo.test checks without data threshold reached 3",
        ),
        (n.RolledBack(), "Canary failed! Scaling down podinfo.test"),
        (n.RollbackSignalled(hook="back"), "Rolling back podinfo.test manual webhook invoked"),
        (
            n.PromotionFailed(readiness=Readiness(cause=Unready.STALLED, retriable=False)),
            (
                "Promotion of podinfo.test failed, primary not ready: "
                'deployment "podinfo-primary" exceeded its progress deadline'
            ),
        ),
        (
            n.ApprovalAwaited(hook="gate", type=HookType.CONFIRM_ROLLOUT),
            "Halt podinfo.test advancement waiting for approval gate",
        ),
        (
            n.ApprovalAwaited(hook="gate", type=HookType.CONFIRM_PROMOTION),
            "Halt podinfo.test advancement waiting for promotion approval gate",
        ),
        (
            n.GateClosed(hook="gate", type=HookType.CONFIRM_TRAFFIC_INCREASE),
            "Halt podinfo.test advancement waiting for traffic increase approval gate",
        ),
        (n.HookPassed(hook="gate", type=HookType.CONFIRM_ROLLOUT), "Confirm-rollout check gate passed"),
        (n.HookPassed(hook="smoke", type=HookType.PRE_ROLLOUT), "Pre-rollout check smoke passed"),
        (
            n.HookNotPassed(hook="smoke", type=HookType.PRE_ROLLOUT, unreachable=False, error="no"),
            "Halt podinfo.test advancement pre-rollout check smoke failed no",
        ),
        (
            n.HookNotPassed(hook="load", type=HookType.ROLLOUT, unreachable=True, error=""),
            "Halt podinfo.test advancement external check load failed no answer",
        ),
        (
            n.HookNotPassed(hook="load", type=HookType.ROLLOUT, unreachable=False, error=""),
            "Halt podinfo.test advancement external check load failed refused",
        ),
        (n.PostRolloutFailed(hook="mail", error="down"), "Post-rollout hook mail failed down"),
        (
            _failed(CheckKind.SUCCESS_RATE, 69.168, Bound(minimum=99)),
            "Halt podinfo.test advancement success rate 69.17% < 99%",
        ),
        (
            _failed(CheckKind.DURATION, 1515.0, Bound(maximum=500)),
            "Halt podinfo.test advancement request duration 1.515s > 500ms",
        ),
        (
            _failed(CheckKind.VALUE, 7.0, Bound(maximum=5.5)),
            "Halt podinfo.test advancement error-count 7.00 > 5.5",
        ),
        (
            _failed(CheckKind.VALUE, 1.0, Bound(minimum=2, maximum=3)),
            "Halt podinfo.test advancement error-count 1.00 < 2",
        ),
        (
            _failed(CheckKind.VALUE, None, Bound(), verdict=Verdict.NO_DATA),
            "Halt advancement no values found for metric error-count probably podinfo.test is not receiving traffic",
        ),
        (
            _failed(CheckKind.VALUE, 1.0, Bound(), verdict=Verdict.NO_DATA, samples=3, min_samples=10),
            "Halt advancement not enough samples for metric error-count: 3 of 10",
        ),
        (
            _failed(CheckKind.VALUE, None, Bound(), verdict=Verdict.ERROR, error="HTTP 500"),
            "Metric query failed for error-count: HTTP 500",
        ),
        (
            n.RoutesCorrected(found=None, wanted=Traffic(canary_weight=10)),
            "Routes of podinfo.test were not as declared, set to 90/10",
        ),
        (
            n.RequestUnknown(text="abrt/1"),
            (
                "Request 'abrt/1' to podinfo.test is not understood: ask for pause, resume, abort, retry or promote, "
                "followed by / and any new text"
            ),
        ),
        (
            n.RequestUnknown(text="\x1b\n" + "x" * 500),
            (
                f"Request '\\x1b\\n{'x' * 58}' to podinfo.test is not understood: ask for pause, resume, abort, retry "
                "or promote, followed by / and any new text"
            ),
        ),
        (
            n.RoutesRedeclared(wanted=Traffic(canary_weight=10)),
            "Canary podinfo.test was changed: routes set to 90/10 as it declares now",
        ),
        (
            n.RoutesCorrected(found=Traffic(canary_weight=70), wanted=Traffic(mirrored=True)),
            "Routes of podinfo.test were 30/70, set to 100/0, mirrored",
        ),
        (n.Terminating(), "Terminating canary podinfo.test"),
        (n.Terminated(), "Terminated canary podinfo.test"),
    ],
)
def test_a_notice_reads_as_with_flagger(notice: Notice, text: str) -> None:
    assert message(notice, NAMES) == text


@pytest.mark.parametrize("cause", [None, *Unready])
def test_every_cause_of_unreadiness_has_words(cause: Unready | None) -> None:
    text = message(n.PrimaryNotReady(readiness=Readiness(cause=cause, have=1, want=2)), NAMES)
    assert text.startswith("podinfo-primary.test not ready: ")
    assert len(text) > len("podinfo-primary.test not ready: ")


_EXAMPLES: dict[object, object] = {
    Readiness: UPDATING,
    HookType: HookType.PRE_ROLLOUT,
    Phase: Phase.FAILED,
    Verb: Verb.ABORT,
    Verdict: Verdict.FAIL,
    CheckKind: CheckKind.VALUE,
    Traffic: Traffic(),
    Obstacle: Obstacle(reason="InvalidSpec", message="spec.analysis.stepWeight: 0 is not allowed"),
    int: 7,
    float: 7.0,
    str: "seven",
    bool: True,
}
KINDS = typing.get_args(Notice)


def _example(kind: typing.Any) -> Notice:
    """A notice of this kind, with something in every field that has no default."""
    hints = typing.get_type_hints(kind)
    required = [attribute.name for attribute in fields(kind) if attribute.default is NOTHING]
    notice: Notice = kind(**{name: _EXAMPLES.get(hints[name], Traffic()) for name in required})
    return notice


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_of_notice_has_words_and_a_code(kind: typing.Any) -> None:
    notice = _example(kind)
    assert message(notice, NAMES).strip() != ""
    assert code(notice) in n.__all__
    assert isinstance(is_warning(notice), bool)
    found = alert(notice, NAMES)
    assert found is None or found.text != ""


def _info(text: str, *, with_fields: bool = False) -> Alert:
    return Alert(severity=Severity.INFO, text=text, with_fields=with_fields)


@pytest.mark.parametrize(
    ("notice", "expected"),
    [
        (n.Initialized(), _info("New Deployment detected, initialization completed.", with_fields=True)),
        (n.RolloutStarted(), _info("New revision detected, progressing canary analysis.", with_fields=True)),
        (n.Promoted(), _info("Canary analysis completed successfully, promotion finished.")),
        (n.Promoted(skipped=True), _info("Canary analysis was skipped, promotion finished.")),
        (
            n.ThresholdReached(verdict=Verdict.FAIL, count=3, threshold=3),
            Alert(severity=Severity.ERROR, text="Failed checks threshold reached 3"),
        ),
        (n.RollbackSignalled(hook="x"), Alert(severity=Severity.WARN, text="Rolling back manual webhook invoked")),
        (
            n.ApprovalAwaited(hook="gate", type=HookType.CONFIRM_ROLLOUT),
            Alert(severity=Severity.WARN, text="Canary is waiting for approval."),
        ),
        (
            n.ApprovalAwaited(hook="gate", type=HookType.CONFIRM_PROMOTION),
            Alert(severity=Severity.WARN, text="Canary promotion is waiting for approval."),
        ),
        (n.ApprovalAwaited(hook="gate", type=HookType.CONFIRM_ROLLOUT, mute_alert=True), None),
        (n.CanaryNotReady(readiness=UPDATING), None),
        (n.WeightAdvanced(weight=10), None),
        (n.Aborted(), Alert(severity=Severity.WARN, text="Rolling back podinfo.test aborted")),
    ],
)  # fmt: skip
def test_alerts_read_as_with_flagger(notice: Notice, expected: Alert | None) -> None:
    assert alert(notice, NAMES) == expected


def test_only_a_rollback_hook_that_says_yes_is_a_warning() -> None:
    assert is_warning(n.HookPassed(hook="x", type=HookType.ROLLBACK))
    assert not is_warning(n.HookPassed(hook="x", type=HookType.ROLLOUT))
