"""What the controller counts: Flagger's metrics under Flagger's names, and what operators of this one need besides."""

import threading
from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from canary_core import (
    ABTest,
    BlueGreen,
    Check,
    CheckKind,
    Measurement,
    Notice,
    Outcome,
    Phase,
    Policy,
    Progressive,
    Rollout,
    Sample,
    Traffic,
)
from canary_core import notices as n
from canary_core.messages import Names

__all__ = ["Telemetry", "TelemetryNotifier"]

_STATUS: Final = {Phase.PROGRESSING: 0, Phase.FAILED: 2}
"""Values of ``flagger_canary_status``; every other phase is 1."""
_STRATEGIES: Final[Mapping[type, str]] = {Progressive: "canary", ABTest: "ab-testing", BlueGreen: "blue-green"}
_LATENESS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


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
        self._late = Histogram(
            "canary_tick_lateness_seconds", "How late ticks begin.", buckets=_LATENESS, registry=registry
        )
        self.is_leader = Gauge("canary_is_leader", "1 if this replica acts.", registry=registry)
        self._lock = threading.Lock()
        self._checks: dict[tuple[str, str], set[str]] = {}

    def ticked(self, result: str, *, late_s: float) -> None:
        """A tick has ended."""
        self._ticks.labels(result).inc()
        self._late.observe(max(0.0, late_s))

    def analysed(self, names: Names, took_s: float) -> None:
        """A tick in which something was judged has ended."""
        self._duration.labels(names.target, names.namespace).observe(took_s)

    def state(self, names: Names, rollout: Rollout, routes: Traffic | None = None) -> None:
        """Where a rollout stands, and what traffic it intends or has."""
        traffic = routes if routes is not None else rollout.traffic
        self._status.labels(names.target, names.namespace).set(_STATUS.get(rollout.phase, 1))
        self._weight.labels(names.target, names.namespace).set(traffic.canary_weight)
        self._weight.labels(f"{names.target}-primary", names.namespace).set(traffic.primary_weight)

    def measured(self, names: Names, check: Check, measurement: Measurement) -> None:
        """What a check has shown; durations in seconds."""
        if not isinstance(measurement, Sample):
            return
        value = measurement.value / 1000 if check.kind is CheckKind.DURATION else measurement.value
        with self._lock:
            self._checks.setdefault((names.target, names.namespace), set()).add(check.id)
        self._analysis.labels(names.target, names.namespace, check.id).set(value)

    def ended(self, names: Names, policy: Policy, *, promoted: bool, skipped: bool = False) -> None:
        """A rollout has ended."""
        counter = self._successes if promoted else self._failures
        strategy = _STRATEGIES[type(policy.strategy)]
        counter.labels(names.target, names.namespace, strategy, "skipped" if skipped else "completed").inc()

    def total(self, namespace: str, count: int) -> None:
        """How many canaries a namespace has; the series of a namespace without any goes."""
        if count:
            self._total.labels(namespace).set(count)
        else:
            _remove(self._total, namespace)

    def forget(self, names: Names) -> None:
        """A canary is gone, and its series with it."""
        target, namespace = names.target, names.namespace
        with self._lock:
            checks = self._checks.pop((target, namespace), set())
        for metric in (self._status, self._duration):
            _remove(metric, target, namespace)
        for workload in (target, f"{target}-primary"):
            _remove(self._weight, workload, namespace)
        for check in checks:
            _remove(self._analysis, target, namespace, check)
        for counter in (self._successes, self._failures):
            counter.remove_by_labels({"name": target, "namespace": namespace})


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
        """Count the end of a rollout."""
        match notice:
            case n.Promoted(skipped=skipped):
                self._telemetry.ended(self._names, self._policy, promoted=True, skipped=skipped)
            case n.RolledBack() | n.PromotionFailed():
                skipped = rollout.outcome is Outcome.SKIPPED
                self._telemetry.ended(self._names, self._policy, promoted=False, skipped=skipped)
            case _:
                pass
        self._telemetry.state(self._names, rollout)
