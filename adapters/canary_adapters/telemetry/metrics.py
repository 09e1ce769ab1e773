"""What the controller counts: Flagger's metrics under Flagger's names, and what operators of this one need besides."""

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from canary_adapters.plain_text import visible
from canary_adapters.telemetry.series import ChangingSeries, Target
from canary_core import (
    ABTest,
    BlueGreen,
    Check,
    CheckKind,
    HookType,
    KnownGood,
    Measurement,
    Notice,
    Outcome,
    Phase,
    Policy,
    Progressive,
    Rollout,
    Sample,
    Traffic,
    Verdict,
)
from canary_core import notices as n
from canary_core.messages import Names

__all__ = ["Telemetry", "TelemetryNotifier"]

_STATUS: Final = {Phase.PROGRESSING: 0, Phase.FAILED: 2}
"""Values of ``flagger_canary_status``; every other phase is 1."""
_STRATEGIES: Final[Mapping[type, str]] = {Progressive: "canary", ABTest: "ab-testing", BlueGreen: "blue-green"}
MOST_CHECKS: Final = 200
"""Checks and hooks of a canary that have series, six each at most; a Canary declares no more of them."""
LONGEST_LABEL: Final = 128
"""Characters of the value of a label."""
_DIGITS: Final = 12
_LATENESS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_RESULTS: Final = ("ok", "conflict", "crowded", "unavailable", "refused", "gone", "error")
_JUDGING: Final = (HookType.PRE_ROLLOUT, HookType.ROLLOUT)
_VERDICTS: Final = {Verdict.FAIL: "fail", Verdict.NO_DATA: "no-data", Verdict.ERROR: "error"}


class Telemetry:
    """All metrics of a controller. Safe for many threads."""

    def __init__(self, *, version: str, mesh_provider: str) -> None:
        """Makes them, in a registry of their own.

        Args:
            version: Of the controller.
            mesh_provider: Default provider.
        """
        self.registry = CollectorRegistry()
        registry, target = self.registry, ["name", "namespace"]
        Gauge("flagger_info", "Version and default provider.", ["version", "mesh_provider"], registry=registry).labels(
            version, mesh_provider
        ).set(1)
        self._total = Gauge("flagger_canary_total", "Canaries of a namespace.", ["namespace"], registry=registry)
        self._status = Gauge(
            "flagger_canary_status", "0 progressing, 1 successful or waiting, 2 failed.", target, registry=registry
        )
        self._weight = Gauge(
            "flagger_canary_weight", "Share of traffic, percent.", ["workload", "namespace"], registry=registry
        )
        self._analysis = Gauge(
            "flagger_canary_metric_analysis", "Last value of a check.", [*target, "metric"], registry=registry
        )
        self._duration = Histogram(
            "flagger_canary_duration_seconds", "Run time of an analysis.", target, registry=registry
        )
        ends = [*target, "deployment_strategy", "analysis_status"]
        self._successes = Counter("flagger_canary_successes", "Rollouts that were promoted.", ends, registry=registry)
        self._failures = Counter("flagger_canary_failures", "Rollouts that were rolled back.", ends, registry=registry)
        self._ticks = Counter("canary_ticks", "Ticks by result.", ["result"], registry=registry)
        for result in _RESULTS:
            self._ticks.labels(result)  # from 0 on: a rate does not see a series that begins with 1
        self._late = Histogram(
            "canary_tick_lateness_seconds", "How late ticks begin.", buckets=_LATENESS, registry=registry
        )
        self.is_leader = Gauge("canary_is_leader", "1 if this replica acts.", registry=registry)
        self._make_progress(target)
        self._lock = threading.Lock()
        self._checks: dict[Target, set[str]] = {}
        """Checks and hooks that have series, by their labels."""
        ProcessCollector(registry=registry)

    def _make_progress(self, target: list[str]) -> None:
        """What Flagger has no metric for, and without which one cannot say that a rollout is stuck, or near its end."""
        registry = self.registry
        self._phase = ChangingSeries(
            "canary_phase_start_time_seconds", "When the present phase began, Unix time.", ("phase",), registry
        )
        self._waiting = ChangingSeries(
            "canary_waiting_start_time_seconds", "When a wait began, and on what, Unix time.", ("on",), registry
        )
        self._bounds = ChangingSeries(
            "canary_metric_bound",
            "What a check allows, in the unit of flagger_canary_metric_analysis.",
            ("metric", "bound"),
            registry,
        )
        self._measured = Gauge(
            "canary_measurement_start_time_seconds", "When the present measurement began.", target, registry=registry
        )
        self._interval = Gauge("canary_interval_seconds", "Interval of the analysis.", target, registry=registry)
        self._deadline = Gauge(
            "canary_progress_deadline_seconds", "For how long pods may take to get ready.", target, registry=registry
        )
        self._failed = Gauge("canary_failed_checks", "Checks that failed in this rollout.", target, registry=registry)
        self._threshold = Gauge(
            "canary_failed_checks_threshold", "As many failed checks roll back.", target, registry=registry
        )
        self._paused = Gauge("canary_paused", "1 if held by a person or suspended.", target, registry=registry)
        self._stranded = Gauge(
            "canary_without_known_good", "1 if no workload is known to be good.", target, registry=registry
        )
        self._not_passed = Counter(
            "canary_checks_not_passed",
            "Checks and hooks that did not pass, by verdict.",
            [*target, "check", "verdict"],
            registry=registry,
        )

    def sized(self, name: str, documentation: str, sizes: Mapping[str, Callable[[], int]], label: str) -> None:
        """Show how large some things are whenever somebody asks.

        Args:
            name: Of the metric.
            documentation: What it says.
            sizes: For each value of the label, how large that is now; called from the thread that answers.
            label: What tells them apart.
        """
        gauge = Gauge(name, documentation, [label], registry=self.registry)
        for value, size in sizes.items():
            gauge.labels(value).set_function(size)

    def ticked(self, result: str, *, late_s: float) -> None:
        """A tick has ended."""
        self._ticks.labels(result).inc()
        self._late.observe(max(0.0, late_s))

    def analysed(self, names: Names, took_s: float) -> None:
        """A tick in which something was judged has ended."""
        self._duration.labels(*_target(names)).observe(took_s)

    def state(self, names: Names, rollout: Rollout, routes: Traffic | None = None) -> None:
        """Where a rollout stands, and what traffic it intends or has."""
        traffic = routes if routes is not None else rollout.traffic
        target, waiting = _target(names), rollout.waiting
        self._status.labels(*target).set(_STATUS.get(rollout.phase, 1))
        self._weight.labels(*target).set(traffic.canary_weight)
        self._weight.labels(f"{target[0]}-primary", target[1]).set(traffic.primary_weight)
        began_s = rollout.changed_s or (waiting.since_s if waiting is not None else rollout.since_s)
        # The very first phase was never entered: its time is that of its first wait.
        self._phase.replace(target, {(rollout.phase.value,): began_s} if began_s else {})
        self._waiting.replace(target, {} if waiting is None else {(waiting.on.value,): waiting.since_s})
        self._measured.labels(*target).set(rollout.since_s)
        self._failed.labels(*target).set(rollout.counts.failed)
        self._paused.labels(*target).set(rollout.paused or rollout.suspended)
        self._stranded.labels(*target).set(rollout.known_good is KnownGood.NONE)

    def declared(self, names: Names, policy: Policy) -> None:
        """What the rollout goes by; what may not pass is counted from 0 on."""
        target = _target(names)
        self._interval.labels(*target).set(policy.interval_s)
        self._deadline.labels(*target).set(policy.progress_deadline_s)
        self._threshold.labels(*target).set(policy.threshold)
        for counter in (self._successes, self._failures):
            counter.labels(*target, _STRATEGIES[type(policy.strategy)], "completed")
        judging = [hook.id for kind in _JUDGING for hook in policy.hooks_of(kind)]
        shown = self._keep(target, [label(each) for each in (*(check.id for check in policy.checks), *judging)])
        for check, verdict in product(shown, _VERDICTS.values()):
            self._not_passed.labels(*target, check, verdict)
        bounds: dict[tuple[str, ...], float] = {
            labels: bound for check in policy.checks for labels, bound in _bounds(check) if labels[0] in shown
        }
        self._bounds.replace(target, bounds)

    def measured(self, names: Names, check: Check, measurement: Measurement) -> None:
        """What a check has shown; durations in seconds."""
        if not isinstance(measurement, Sample):
            return
        target = _target(names)
        if self._has_series(target, check.id):
            self._analysis.labels(*target, label(check.id)).set(_exported(check, measurement.value))

    def not_passed(self, names: Names, check: str, verdict: Verdict) -> None:
        """A check or a hook did not pass."""
        target = _target(names)
        if self._has_series(target, check):
            self._not_passed.labels(*target, label(check), _VERDICTS[verdict]).inc()

    def _has_series(self, target: Target, check: str) -> bool:
        """Whether a check or a hook is among those that are shown; it is from now on if there is room."""
        with self._lock:
            known = self._checks.setdefault(target, set())
            if len(known) < MOST_CHECKS:
                known.add(label(check))
            return label(check) in known

    def _keep(self, target: Target, declared: list[str]) -> set[str]:
        """Have no series of checks and hooks that are not declared any more.

        Returns:
            Those that are declared, as far as they are shown.
        """
        shown = set(declared[:MOST_CHECKS])
        with self._lock:
            gone = self._checks.get(target, set()) - shown
            self._checks[target] = set(shown)
        self._drop(target, gone)
        return shown

    def _drop(self, target: Target, checks: Iterable[str]) -> None:
        for check in checks:
            _remove(self._analysis, *target, check)
            self._not_passed.remove_by_labels({"name": target[0], "namespace": target[1], "check": check})

    def ended(self, names: Names, policy: Policy, *, promoted: bool, skipped: bool = False) -> None:
        """A rollout has ended."""
        counter = self._successes if promoted else self._failures
        strategy = _STRATEGIES[type(policy.strategy)]
        counter.labels(*_target(names), strategy, "skipped" if skipped else "completed").inc()

    def total(self, namespace: str, count: int) -> None:
        """How many canaries a namespace has; the series of a namespace without any goes."""
        if count:
            self._total.labels(namespace).set(count)
        else:
            _remove(self._total, namespace)

    def forget(self, names: Names) -> None:
        """A canary is gone, and its series with it."""
        target = _target(names)
        with self._lock:
            checks = self._checks.pop(target, set())
        self._drop(target, checks)
        for gauge in (self._status, *self._progress()):
            _remove(gauge, *target)
        _remove(self._duration, *target)
        for changing in (self._phase, self._waiting, self._bounds):
            changing.replace(target, {})
        for workload in (target[0], f"{target[0]}-primary"):
            _remove(self._weight, workload, target[1])
        for counter in (self._successes, self._failures):
            counter.remove_by_labels({"name": target[0], "namespace": target[1]})

    def _progress(self) -> tuple[Gauge, ...]:
        judged = (self._measured, self._interval, self._deadline, self._failed, self._threshold)
        return (*judged, self._paused, self._stranded)


def label(text: str) -> str:
    """A name that somebody has chosen as the value of a label: of one that is too long, the beginning and a digest."""
    shown = visible(text[: LONGEST_LABEL + 1])
    if len(shown) <= LONGEST_LABEL:
        return shown
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    return f"{shown[: LONGEST_LABEL - _DIGITS - 1]}~{digest}"


def _target(names: Names) -> Target:
    return label(names.target), names.namespace


def _exported(check: Check, value: float) -> float:
    """Durations in seconds, as Flagger exports them."""
    return value / 1000 if check.kind is CheckKind.DURATION else value


def _bounds(check: Check) -> Iterator[tuple[tuple[str, str], float]]:
    for side, bound in (("min", check.bound.minimum), ("max", check.bound.maximum)):
        if bound is not None:
            yield (label(check.id), side), _exported(check, bound)


def _remove(metric: Gauge | Histogram, *labels: str) -> None:
    try:
        metric.remove(*labels)
    except KeyError:
        return  # it had no value yet


class TelemetryNotifier:
    """Keeps the metrics of a canary in step with what is told of it: a `canary_ports.Notifier`."""

    def __init__(self, telemetry: Telemetry, names: Names, policy: Policy) -> None:
        """Makes one for a tick.

        Args:
            telemetry: The metrics.
            names: Of the canary's objects.
            policy: As declared now.
        """
        self._telemetry, self._names, self._policy = telemetry, names, policy

    def tell(self, notice: Notice, rollout: Rollout) -> None:
        """Count the end of a rollout, and what did not pass on the way."""
        match notice:
            case n.CheckNotPassed(check=check, verdict=verdict):
                self._telemetry.not_passed(self._names, check, verdict)
            case n.HookNotPassed(hook=hook, unreachable=unreachable):
                self._telemetry.not_passed(self._names, hook, Verdict.ERROR if unreachable else Verdict.FAIL)
            case n.Promoted(skipped=skipped):
                self._telemetry.ended(self._names, self._policy, promoted=True, skipped=skipped)
            case n.RolledBack() | n.PromotionFailed():
                skipped = rollout.outcome is Outcome.SKIPPED
                self._telemetry.ended(self._names, self._policy, promoted=False, skipped=skipped)
            case _:
                pass
        self._telemetry.state(self._names, rollout)
