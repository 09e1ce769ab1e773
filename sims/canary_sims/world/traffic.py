"""Requests of users, counted per workload, and what a monitoring system would make of the counts."""

import copy
import math
import random
from collections import deque
from typing import Self

from attrs import define, field, frozen

from canary_core import Bound, Check, CheckKind, Measurement, NoData, Sample, Traffic
from canary_sims.world.deployment import Version

__all__ = ["Counted", "Meter"]


@frozen(kw_only=True)
class Counted:
    """Requests of one span of time."""

    start_s: float
    end_s: float
    requests: int
    errors: int
    latency_ms: float


@define
class Meter:
    """Counts the requests of one workload, with the noise of chance."""

    chance: random.Random
    spans: deque[Counted] = field(factory=deque)
    keep_s: float = 3600.0
    requests: int = 0
    """Of users, ever."""
    errors: int = 0
    """Felt by users, ever."""

    def fork(self) -> Self:
        """Another meter that has counted the same."""
        found = copy.copy(self)
        found.spans, found.chance = deque(self.spans), copy.copy(self.chance)
        return found

    def count(
        self, start_s: float, end_s: float, rate: float, version: Version | None, *, of_users: bool = True
    ) -> Counted:
        """Count a span in which nothing changed.

        Args:
            start_s: Begin.
            end_s: End.
            rate: Requests per second that reach this workload.
            version: What answers; None: nobody, and every request fails.
            of_users: Whether these are requests of users; others are measured, but do not count as felt by anybody.
        """
        requests = self._draw(rate * (end_s - start_s))
        error_rate = 1.0 if version is None else version.error_rate
        certain = error_rate in {0.0, 1.0}
        errors = round(requests * error_rate) if certain else min(requests, self._draw(requests * error_rate))
        latency_ms = 0.0 if version is None else version.latency_ms * self.chance.uniform(0.95, 1.05)
        span = Counted(start_s=start_s, end_s=end_s, requests=requests, errors=errors, latency_ms=latency_ms)
        self.spans.append(span)
        self.requests += requests if of_users else 0
        self.errors += errors if of_users else 0
        while self.spans[0].end_s < end_s - self.keep_s:
            self.spans.popleft()
        return span

    def _draw(self, mean: float) -> int:
        """A number of events of this mean, as independent events would give it (normal approximation to Poisson)."""
        return max(0, round(self.chance.gauss(mean, math.sqrt(mean)))) if mean > 0 else 0

    def measure(self, check: Check, now_s: float) -> Measurement:
        """The value of a check over its window, as a query would give it."""
        spans = [span for span in self.spans if span.end_s > now_s - check.window_s and span.requests > 0]
        requests = sum(span.requests for span in spans)
        if requests == 0:
            return NoData()
        errors = sum(span.errors for span in spans)
        latency_ms = max(span.latency_ms for span in spans)
        values = {
            CheckKind.SUCCESS_RATE: 100.0 * (requests - errors) / requests,
            CheckKind.DURATION: latency_ms,
            CheckKind.VALUE: _reading(check.bound, errors / requests),
        }
        return Sample(value=values[check.kind], count=requests)


def _reading(bound: Bound, error_share: float) -> float:
    """A metric that nothing is known of: well within its bounds while less than 1 % of requests fail, else outside."""
    good = error_share < 0.01
    low, high = bound.minimum, bound.maximum
    if low is not None and high is not None:
        return (low + high) / 2 if good else high + 1
    if high is not None:
        return high / 2 if good else high + 1
    if low is not None:
        return low + 1 if good else low - 1
    return error_share


def share(traffic: Traffic | None, *, matched_share: float) -> tuple[float, float]:
    """Shares of all requests that reach the primary and the canary (copies included, so the sum may exceed 1).

    Args:
        traffic: The split in force; None: everything goes to the target, as before any canary.
        matched_share: Share of requests that match the declared conditions, 0-1.
    """
    if traffic is None:
        return 0.0, 1.0
    audience = matched_share if traffic.audience.value == "matched" else 1.0
    canary = audience * traffic.canary_weight / 100
    return 1.0 - canary, (1.0 if traffic.mirrored else canary)
