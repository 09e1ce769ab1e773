"""A full rollout under constant load: no request fails because of us, and the shares are what was asked for."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from attrs import define, field
from kubernetes import config
from kubernetes.client import Configuration

from applications.demo_app import NAME
from canary_adapters.istio.resources import VIRTUAL_SERVICES
from canary_adapters.kubernetes.api import Api
from canary_lab.mesh.load import Answer, summary
from laboratories.lab import eventually
from laboratories.mesh_lab import MeshApp

pytestmark = [pytest.mark.slow, pytest.mark.alone]

RATE = 1000
REQUESTS = 50_000
INTERVAL_S = 8
SETTLING_S = 0.5
"""From the moment that a weight is seen in the cluster until it is certain to be in force in Envoy."""
POINTS = 3.0


@define
class Weights:
    """When which weight was declared, as far as somebody has seen it who looked again and again."""

    weights: list[int] = field(factory=list)
    first: list[float] = field(factory=list)
    """When it was known to be so first."""
    last: list[float] = field(factory=list)
    """When it was known to be so last."""

    def saw(self, weight: int, before: float, after: float) -> None:
        """Somebody asked at one time, and was told at another."""
        if not self.weights or self.weights[-1] != weight:
            self.weights.append(weight)
            self.first.append(after)
            self.last.append(before)
        self.last[-1] = before

    def spans(self) -> Iterator[tuple[int, float, float]]:
        """Each weight with the time in which it was certainly in force."""
        for weight, begin, end in zip(self.weights, self.first, self.last, strict=True):
            yield weight, begin + SETTLING_S, end


@contextmanager
def _watched(app: MeshApp) -> Iterator[Weights]:
    configuration = Configuration()
    config.load_kube_config(str(app.lab.kubeconfig), client_configuration=configuration)
    api, found, ended = Api(configuration), Weights(), threading.Event()

    def watch() -> None:
        while not ended.wait(0.05):
            before = time.monotonic()
            live = api.read(VIRTUAL_SERVICES, app.namespace, NAME)
            weight = int(live["spec"]["http"][-1]["route"][1]["weight"]) if live else 0
            found.saw(weight, before, time.monotonic())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()
        api.close()


def _within(answers: tuple[Answer, ...], begin: float, end: float) -> list[Answer]:
    return [answer for answer in answers if begin <= answer.at_s <= end]


def test_a_rollout_under_load_loses_nothing(app: MeshApp, capsys: pytest.CaptureFixture[str]) -> None:
    app.begin(analysis={"interval": f"{INTERVAL_S}s", "maxWeight": 50, "stepWeight": 10})
    with _watched(app) as weights, app.users(RATE) as users:
        eventually(lambda: len(users.answers) >= 3 * RATE)
        app.image("v2")
        app.until("Succeeded", 180)
        eventually(lambda: len(users.answers) >= REQUESTS)
        mark = len(users.answers)
        eventually(lambda: len(users.answers) >= mark + 2 * RATE)
    answers = users.answers
    found = summary(answers)
    rows = []
    for weight, begin, end in weights.spans():
        some = _within(answers, begin, end)
        got = 100 * sum(answer.version == "v2" for answer in some) / len(some) if some else float("nan")
        rows.append((weight, len(some), got))
    with capsys.disabled():
        print("\nweight  requests  measured")  # noqa: T201 - the table, for people
        print(*(f"{weight:5}%  {count:8,}  {got:7.2f}%" for weight, count, got in rows), sep="\n")  # noqa: T201
        print(f"{found.count:,} requests, {found.failed} failed, p99 {(found.p99_s or 0) * 1000:.1f} ms")  # noqa: T201
    assert found.count >= REQUESTS
    assert found.errors == ()
    assert {tally.status for tally in found.tallies} == {200}
    assert [weight for weight, _, _ in rows] == [0, 10, 20, 30, 40, 50, 0]
    # At the end all traffic is on the primary, which is the new version then.
    for weight, count, got in rows[:-1]:
        assert count >= RATE
        assert abs(got - weight) <= POINTS
    assert rows[-1][2] == 100.0
