"""What a rollout costs, in requests and calls, and that nothing is left of it. Counts, which no machine changes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from canary_adapters.controller.interests import Key
from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.resources import DEPLOYMENTS, SECRETS, Obj, Resource
from laboratories import virtual_months
from laboratories.virtual_cluster import VirtualController, secret

MOST_REQUESTS = 35
"""Of a rollout, events included. Flagger: about 170."""


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """The log of months of rollouts is not what these tests are about."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50), cache_logger_on_first_use=False)
    yield
    structlog.configure(**before)


@pytest.fixture
def controller() -> Iterator[VirtualController]:
    with VirtualController() as found:
        yield found


def _told(controller: VirtualController) -> Counter[str]:
    """Requests, once the events have been sent."""
    end = time.monotonic() + 20
    while controller.assembly.recorder.pending:
        assert time.monotonic() < end
        time.sleep(0.002)
    return controller.api.calls


def _settled(controller: VirtualController, name: str, **spec: Any) -> Key:
    key = controller.deploy(name, **spec)
    controller.until("Initialized", key)
    return key


def test_a_rollout_costs_few_requests_and_none_of_them_a_read(controller: VirtualController) -> None:
    key = _settled(controller, "app")
    _told(controller).clear()
    controller.image(key, "v2")
    controller.api.calls.clear()
    controller.until("Succeeded", key)
    calls = _told(controller)
    assert calls.total() <= MOST_REQUESTS, calls
    assert {call.split()[0] for call in calls} == {"POST", "PUT", "PATCH"}
    assert calls["PUT virtualservices"] == 6, "five weights, and back"


@pytest.mark.parametrize("phase", ["Initialized", "Succeeded", "Failed"])
def test_a_settled_canary_costs_nothing(controller: VirtualController, phase: str) -> None:
    key = _settled(controller, "app")
    if phase != "Initialized":
        controller.prometheus.success_rate = 100.0 if phase == "Succeeded" else 50.0
        controller.image(key, "v2")
        controller.until(phase, key)
    _told(controller).clear()
    for _ in range(20):
        verdict = controller.tick(key)
        assert verdict.result == "ok"
        assert verdict.again_in_s is not None
        assert verdict.again_in_s > 60
        controller.now_s += verdict.again_in_s
    assert _told(controller) == Counter()


def _with_secrets(deployment: Obj) -> None:
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    container["envFrom"] = [{"secretRef": {"name": f"secret-{number:02}"}} for number in range(44)]


def test_44_secrets_are_read_once_each_and_never_polled(controller: VirtualController) -> None:
    for number in range(44):
        controller.api.create(SECRETS, "app", secret(f"secret-{number:02}", "one"))
    key = controller.deploy("app")
    controller.edit(DEPLOYMENTS, key, _with_secrets)
    controller.api.calls.clear()
    controller.until("Initialized", key)
    assert controller.api.calls["GET secrets"] == 44, "the digests, and the clones from what was read for them"
    assert controller.api.calls["POST secrets"] == 44
    controller.image(key, "v2")
    controller.until("Succeeded", key)
    for _ in range(20):
        controller.tick(key)
    assert controller.api.calls["GET secrets"] == 44
    assert controller.api.calls["POST secrets"] == 44, "what has not changed has its clone already"


def test_a_secret_that_changes_is_read_for_its_digest_and_for_its_clone(controller: VirtualController) -> None:
    for number in range(44):
        controller.api.create(SECRETS, "app", secret(f"secret-{number:02}", "one"))
    key = controller.deploy("app")
    controller.edit(DEPLOYMENTS, key, _with_secrets)
    controller.until("Initialized", key)
    controller.api.calls.clear()
    controller.edit(SECRETS, ("app", "secret-07"), lambda obj: obj["data"].update(key="two"))
    controller.until("Succeeded", key)
    assert controller.api.calls["GET secrets"] == 2
    assert controller.api.calls["POST secrets"] == 1


def _function_calls(controller: VirtualController, key: Key) -> int:
    """Of Python, in one tick of this thread: the fewest of some, as the collector of garbage calls functions, too."""
    return min(_calls_of_a_tick(controller, key) for _ in range(5))


def _calls_of_a_tick(controller: VirtualController, key: Key) -> int:
    count = 0

    def note(_: object, event: str, __: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(note)
    try:
        controller.tick(key)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.slow
def test_a_tick_does_not_become_more_with_the_number_of_canaries(controller: VirtualController) -> None:
    keys = [_settled(controller, f"app-{number}") for number in range(3)]
    controller.tick(keys[0])
    few = _function_calls(controller, keys[0])
    keys += [_settled(controller, f"app-{number}") for number in range(3, 60)]
    controller.tick(keys[0])
    assert _function_calls(controller, keys[0]) == few
    assert few > 50, "nothing was done at all"


def test_own_writes_that_nobody_reads_again_are_let_go_of(controller: VirtualController) -> None:
    cluster = controller.assembly.cluster
    for number in range(50):
        cluster.create(SECRETS, "app", secret(f"secret-{number:02}", "one"))
    assert len(cluster._written) <= 2


def test_of_a_secret_that_was_written_only_the_metadata_is_kept(controller: VirtualController) -> None:
    """Although the cache has not seen it yet, and the write returned all of it."""

    class Behind:
        def get(self, resource: Resource, namespace: str, name: str) -> Obj | None:
            return None

        def list(self, resource: Resource, namespace: str) -> list[Obj]:
            return []

        def seen(self, resource: Resource) -> int:
            return 0

    cluster = Cluster(controller.api, Behind())
    made = cluster.create(SECRETS, "app", secret("password", "one"))
    assert made["data"] == {"key": "one"}
    assert cluster.get(SECRETS, "app", "password") == {"metadata": made["metadata"]}


@pytest.mark.slow
def test_127_days_of_churn_leave_nothing_behind() -> None:
    """In a process of its own: what other tests have left in this one, or emptied, says nothing of the controller."""
    tests = Path(virtual_months.__file__).parents[1]
    command = [sys.executable, "-m", virtual_months.__name__]
    done = subprocess.run(command, cwd=tests, capture_output=True, text=True, check=True)
    grown = int(done.stdout)
    assert grown < virtual_months.DAYS * 4, (
        f"{grown / virtual_months.DAYS:.1f} blocks of memory for each application that is gone"
    )
