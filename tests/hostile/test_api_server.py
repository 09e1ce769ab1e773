"""A real controller against an API server that refuses, breaks off, lies and goes away: every rollout ends right."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from applications.many_apps import all_end, deployed, spoil
from canary_lab.cluster.faults import Fault, Faults, evenly
from canary_lab.cluster.requests import Info
from laboratories.lab import AGENT, Lab, eventually
from peers.tcp_proxy import TcpProxy

pytestmark = pytest.mark.slow

OFTEN = 0.25
ROLLOUTS = int(os.environ.get("CANARY_HOSTILE_ROLLOUTS", "4"))
"""At 5 % of failing requests; 100 by hand."""
OF_WATCHES = (Fault.CUT, Fault.GARBAGE, Fault.GONE, Fault.RESET, Fault.UNAVAILABLE)
OF_OBJECTS = [fault for fault in Fault if fault not in {Fault.CUT, Fault.GONE}]


def _by_namespace(info: Info) -> Mapping[Fault, float]:
    """Each namespace has faults of its own; what concerns all of them meets all of them."""
    number = info.namespace.rpartition("-")[2]
    if info.namespace.startswith("each-") and number.isdigit():
        return evenly(OFTEN, OF_OBJECTS[2 * int(number) :][:2])
    return evenly(0.6, OF_WATCHES) if info.verb == "watch" else evenly(0.2)


@contextmanager
def _met_by(faults: Faults, lab: Lab) -> Iterator[None]:
    """The laboratory is that of the next test, too."""
    lab.cluster.middlewares.append(faults)
    try:
        yield
    finally:
        lab.cluster.middlewares.remove(faults)


@pytest.mark.timeout(900)
def test_a_rollout_rides_through_every_fault(lab: Lab) -> None:
    faults = Faults(1, _by_namespace, agent=AGENT, slow_s=0.3)
    with _met_by(faults, lab), lab.controller():
        apps = deployed(lab, "each", len(OF_OBJECTS) // 2)
        all_end(apps, "Initialized", "v1")
        for number, app in enumerate(apps):
            spoil(app, bad=number % 2 == 1)
            app.image("v2")
            lab.cluster.end_watches()
        all_end(apps[::2], "Succeeded", "v2")
        all_end(apps[1::2], "Failed", "v1")
    happened = Counter(each.fault for each in faults.injected)
    print({fault.name: count for fault, count in happened.items()})  # noqa: T201 - figures for people
    assert set(happened) == set(Fault)
    assert min(happened.values()) >= 2


def test_rollouts_end_right_while_5_percent_of_the_requests_fail(lab: Lab) -> None:
    faults = Faults(5, lambda _: evenly(0.05), agent=AGENT, slow_s=0.3)
    size = min(ROLLOUTS, 10)
    with _met_by(faults, lab), lab.controller():
        apps = deployed(lab, "five", size)
        all_end(apps, "Initialized", "v1")
        good = ["v1"] * size
        for round_ in range(1, -(-ROLLOUTS // size) + 1):
            for number, app in enumerate(apps):
                spoil(app, bad=(number + round_) % 2 == 0)
                app.image(f"r{round_}")
            for number, app in enumerate(apps):
                bad = (number + round_) % 2 == 0
                good[number] = good[number] if bad else f"r{round_}"
                all_end([app], "Failed" if bad else "Succeeded", good[number])
    assert len(faults.injected) >= ROLLOUTS // 2
    print(f"{ROLLOUTS} rollouts, {len(faults.injected)} faults")  # noqa: T201


def test_an_api_server_that_goes_away_and_comes_back_without_a_past(lab: Lab, tmp_path: Path) -> None:
    """Connections are reset, then refused; afterwards no watch can go on from where it was."""
    chance = random.Random(7)
    with TcpProxy(int(lab.cluster.url.rpartition(":")[2])) as proxy:
        config = lab.cluster.kubeconfig(tmp_path / "kubeconfig")
        config.write_text(config.read_text().replace(lab.cluster.url, f"http://127.0.0.1:{proxy.port}"))
        running = lab.start(kubeconfig=config)
        apps = deployed(lab, "away", 2)
        for app in apps:
            app.until("Initialized")
        for app in apps:
            app.image("v2")
        for _ in range(3):
            time.sleep(chance.uniform(0.3, 1.2))
            proxy.down()
            lab.cluster.forget_history()
            time.sleep(chance.uniform(0.1, 0.8))
            proxy.up()
        all_end(apps, "Succeeded", "v2")
        before = proxy.accepted
        proxy.cut()
        eventually(lambda: proxy.accepted >= before + 10)  # every watch comes again
        apps[0].image("v3")
        apps[0].until("Progressing")  # until it is seen, the end of the last one still stands there
        all_end(apps[:1], "Succeeded", "v3")
        assert running.terminate() == 0
