"""What the controller tells of a rollout's progress besides Flagger's metrics."""

from __future__ import annotations

import pytest

from canary_adapters.telemetry import Telemetry, TelemetryNotifier
from canary_core import (
    Bound,
    Check,
    CheckKind,
    Counts,
    Hook,
    HookType,
    KnownGood,
    Notice,
    Phase,
    Policy,
    Progressive,
    Rollout,
    Verdict,
    Wait,
    Waiting,
)
from canary_core import notices as n
from canary_core.messages import Names

NAMES = Names(canary="app", namespace="here", target="app-v2", kind="Deployment")
AT = {"name": "app-v2", "namespace": "here"}
LATENCY = Check(id="p99", kind=CheckKind.DURATION, bound=Bound(minimum=1.0, maximum=500.0))
SUCCESS = Check(id="ok", kind=CheckKind.SUCCESS_RATE, bound=Bound(minimum=99.0))
POLICY = Policy(strategy=Progressive(weights=(10,)), threshold=7, interval_s=30.0, checks=(LATENCY, SUCCESS))


@pytest.fixture
def telemetry() -> Telemetry:
    """Metrics of a controller that has done nothing yet."""
    return Telemetry(version="1", mesh_provider="istio")


def series(telemetry: Telemetry, metric: str) -> dict[tuple[str, ...], float]:
    """Values by the labels besides the target's."""
    return {
        tuple(value for label, value in sorted(sample.labels.items()) if label not in AT): sample.value
        for family in telemetry.registry.collect()
        for sample in family.samples
        if sample.name == metric and sample.labels.items() >= AT.items()
    }


def test_a_phase_is_told_alone_with_its_beginning(telemetry: Telemetry) -> None:
    telemetry.state(NAMES, Rollout(phase=Phase.PROGRESSING, changed_s=1000.0, since_s=1010.0))
    assert series(telemetry, "canary_phase_start_time_seconds") == {("Progressing",): 1000.0}
    assert series(telemetry, "canary_measurement_start_time_seconds") == {(): 1010.0}
    telemetry.state(NAMES, Rollout(phase=Phase.PROMOTING, changed_s=1060.0, since_s=1060.0))
    assert series(telemetry, "canary_phase_start_time_seconds") == {("Promoting",): 1060.0}


def test_the_first_phase_begins_with_its_first_wait_and_not_in_1970(telemetry: Telemetry) -> None:
    telemetry.state(NAMES, Rollout())
    assert series(telemetry, "canary_phase_start_time_seconds") == {}
    telemetry.state(NAMES, Rollout(waiting=Waiting(on=Wait.PRIMARY, since_s=7.0)))
    assert series(telemetry, "canary_phase_start_time_seconds") == {("Initializing",): 7.0}


def test_a_wait_is_told_while_it_lasts(telemetry: Telemetry) -> None:
    telemetry.state(NAMES, Rollout(waiting=Waiting(on=Wait.APPROVAL, since_s=5.0)))
    assert series(telemetry, "canary_waiting_start_time_seconds") == {("approval",): 5.0}
    telemetry.state(NAMES, Rollout())
    assert series(telemetry, "canary_waiting_start_time_seconds") == {}


def test_bounds_are_in_the_unit_of_the_value_and_follow_the_policy(telemetry: Telemetry) -> None:
    telemetry.declared(NAMES, POLICY)
    assert series(telemetry, "canary_metric_bound") == {
        ("max", "p99"): 0.5,
        ("min", "p99"): 0.001,
        ("min", "ok"): 99.0,
    }
    assert series(telemetry, "canary_interval_seconds") == {(): 30.0}
    assert series(telemetry, "canary_failed_checks_threshold") == {(): 7.0}
    assert series(telemetry, "canary_progress_deadline_seconds") == {(): 600.0}
    telemetry.declared(NAMES, Policy(strategy=POLICY.strategy, checks=(SUCCESS,)))
    assert series(telemetry, "canary_metric_bound") == {("min", "ok"): 99.0}


@pytest.mark.parametrize(
    ("rollout", "expected"),
    [
        (Rollout(), (0, 0, 0)),
        (Rollout(counts=Counts(failed=3, no_data=1)), (3, 0, 0)),
        (Rollout(paused=True), (0, 1, 0)),
        (Rollout(suspended=True), (0, 1, 0)),
        (Rollout(known_good=KnownGood.NONE), (0, 0, 1)),
    ],
)
def test_counts_holds_and_dangers_are_told(
    telemetry: Telemetry, rollout: Rollout, expected: tuple[int, int, int]
) -> None:
    telemetry.state(NAMES, rollout)
    metrics = ("canary_failed_checks", "canary_paused", "canary_without_known_good")
    assert tuple(series(telemetry, metric)[()] for metric in metrics) == expected


@pytest.mark.parametrize(
    ("notice", "labels"),
    [
        (n.CheckNotPassed(check="ok", kind=CheckKind.SUCCESS_RATE, verdict=Verdict.FAIL), ("ok", "fail")),
        (n.CheckNotPassed(check="ok", kind=CheckKind.SUCCESS_RATE, verdict=Verdict.NO_DATA), ("ok", "no-data")),
        (n.CheckNotPassed(check="ok", kind=CheckKind.SUCCESS_RATE, verdict=Verdict.ERROR), ("ok", "error")),
        (n.HookNotPassed(hook="load", type=HookType.ROLLOUT, unreachable=False, error="no"), ("load", "fail")),
        (n.HookNotPassed(hook="load", type=HookType.ROLLOUT, unreachable=True, error="gone"), ("load", "error")),
    ],
)
def test_what_did_not_pass_is_counted_by_verdict(telemetry: Telemetry, notice: Notice, labels: tuple[str, str]) -> None:
    notifier = TelemetryNotifier(telemetry, NAMES, POLICY)
    for _ in range(2):
        notifier.tell(notice, Rollout(phase=Phase.PROGRESSING))
    assert series(telemetry, "canary_checks_not_passed_total") == {labels: 2.0}


def test_counters_begin_with_zero_so_that_rates_see_the_first_time(telemetry: Telemetry) -> None:
    load = Hook(id="load", type=HookType.ROLLOUT)
    notes = Hook(id="notes", type=HookType.EVENT)
    telemetry.declared(NAMES, Policy(strategy=POLICY.strategy, checks=(SUCCESS,), hooks=(load, notes)))
    verdicts = ("error", "fail", "no-data")
    assert series(telemetry, "canary_checks_not_passed_total") == {
        (check, verdict): 0.0 for check in ("ok", "load") for verdict in verdicts
    }
    ticks = [s for family in telemetry.registry.collect() for s in family.samples if s.name == "canary_ticks_total"]
    assert {s.labels["result"]: s.value for s in ticks} == dict.fromkeys(
        ("ok", "conflict", "crowded", "unavailable", "refused", "gone", "error"), 0.0
    )


def test_nothing_is_left_of_a_canary_that_is_gone(telemetry: Telemetry) -> None:
    telemetry.declared(NAMES, POLICY)
    telemetry.state(NAMES, Rollout(waiting=Waiting(on=Wait.CANARY, since_s=5.0)))
    telemetry.not_passed(NAMES, "ok", Verdict.FAIL)
    held = {s.name for family in telemetry.registry.collect() for s in family.samples if s.labels.get("name")}
    assert {name for name in held if name.startswith("canary_")} >= {
        "canary_phase_start_time_seconds",
        "canary_waiting_start_time_seconds",
        "canary_metric_bound",
        "canary_checks_not_passed_total",
    }
    telemetry.forget(NAMES)
    telemetry.forget(NAMES)
    left = [s for family in telemetry.registry.collect() for s in family.samples if "app-v2" in s.labels.values()]
    assert left == []
