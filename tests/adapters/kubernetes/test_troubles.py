"""What keeps pods from running is said in the words of Kubernetes, once it is known, and costs a few requests."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings

from canary_adapters.kubernetes.api import Page
from canary_adapters.kubernetes.resources import Obj
from canary_adapters.kubernetes.workload.troubles import LOOKS, Troubles, trouble_of
from canary_core import Trouble, Workload
from canary_ports import PortError, RefusedError, UnavailableError
from stories.foreign import odd_values

UNREADY = Workload(revision="v1:a", replicas=2, updated=2, total=2, available=0)
READY = evolve(UNREADY, available=2)


def _pod(name: str = "app-1", part: str = "containerStatuses", **container: Any) -> Obj:
    return {"metadata": {"name": name}, "status": {part: [{"name": "app", "image": "example.com/app:v2", **container}]}}


def _waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"state": {"waiting": {"reason": reason, "message": message}}}


def _deployment(*, generation: int = 1, **condition: str) -> Obj:
    labels = {"app": "app", "tier": "web"}
    return {
        "metadata": {"name": "app", "namespace": "here", "generation": generation},
        "spec": {"selector": {"matchLabels": labels}},
        "status": {"conditions": [condition] if condition else []},
    }


CRASHED: Obj = {"lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}, "restartCount": 4}


@pytest.mark.parametrize(
    ("pod", "trouble"),
    [
        (_pod(state={"running": {}}), None),
        (_pod(**_waiting("ContainerCreating")), None),
        (
            _pod(**_waiting("CrashLoopBackOff"), **CRASHED),
            ("CrashLoopBackOff", "container app of pod app-1 ended with exit code 137 (OOMKilled), restarted 4 times"),
        ),
        (
            _pod(**_waiting("CrashLoopBackOff")),
            ("CrashLoopBackOff", "container app of pod app-1 ended, restarted 0 times"),
        ),
        *(
            (
                _pod(**_waiting(reason)),
                ("ImagePullBackOff", "container app of pod app-1: image example.com/app:v2 cannot be pulled"),
            )
            for reason in ("ImagePullBackOff", "ErrImagePull", "InvalidImageName")
        ),
        (
            _pod("app-2", "initContainerStatuses", **_waiting("CreateContainerConfigError", 'secret "x"\n not found')),
            ("CreateContainerConfigError", 'container app of pod app-2: secret "x" not found'),
        ),
        (
            {
                "metadata": {"name": "app-3"},
                "status": {
                    "conditions": [
                        {"type": "PodScheduled", "reason": "Unschedulable", "message": "0/3 nodes are available"}
                    ]
                },
            },
            ("Unschedulable", "pod app-3: 0/3 nodes are available"),
        ),
    ],
)
def test_troubles_of_pods(pod: Obj, trouble: tuple[str, str] | None) -> None:
    found = trouble_of(_deployment(), [pod])
    assert found == (None if trouble is None else Trouble(reason=trouble[0], message=trouble[1]))


def test_pods_that_are_not_made_are_told_by_the_deployment() -> None:
    message = "pods is forbidden: exceeded quota: x"
    deployment = _deployment(type="ReplicaFailure", status="True", message=message)
    assert trouble_of(deployment, []) == Trouble(reason="FailedCreate", message=message)


def test_of_many_troubles_the_worst_is_told_whatever_their_order() -> None:
    pods = [_pod("b", **_waiting("ErrImagePull")), _pod("c", **_waiting("CrashLoopBackOff"))]
    found = {trouble_of(_deployment(), each) for each in (pods, pods[::-1])}
    assert [each and each.reason for each in found] == ["CrashLoopBackOff"]


@settings(max_examples=200, deadline=None)
@given(status=odd_values, conditions=odd_values)
def test_whatever_a_status_holds_harms_nobody(status: Any, conditions: Any) -> None:
    deployment = {**_deployment(), "status": {"conditions": conditions}}
    found = trouble_of(deployment, [{"metadata": {"name": "a"}, "status": status}])
    assert found is None or len(found.message.splitlines()) <= 1


class _Cluster:
    """Has these pods, and counts who asks."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.pods = [_pod(**_waiting("CrashLoopBackOff"))]
        self.error: PortError | None = None
        self.api = self

    def list(self, *_: object, label_selector: str, most: int) -> Page:
        self.asked.append(label_selector)
        assert most < 100
        if self.error is not None:
            raise self.error
        return Page(self.pods, "1")


class _Clock:
    now = 1_770_000_000.0

    def now_s(self) -> float:
        return self.now


@pytest.fixture
def cluster() -> Any:
    return _Cluster()


@pytest.fixture
def clock() -> _Clock:
    return _Clock()


@pytest.fixture
def troubles(cluster: Any, clock: _Clock) -> Troubles:
    return Troubles(cluster, clock)


def test_nobody_is_asked_about_what_is_ready_or_has_only_begun(
    troubles: Troubles, cluster: _Cluster, clock: _Clock
) -> None:
    deployment = _deployment()
    assert troubles.explained(deployment, READY) == READY
    assert troubles.explained(deployment, UNREADY) == UNREADY
    clock.now += 9
    assert troubles.explained(deployment, UNREADY) == UNREADY
    assert troubles.explained(deployment, evolve(UNREADY, replicas=0)).trouble is None
    assert cluster.asked == []


def test_what_is_not_ready_for_long_is_explained(troubles: Troubles, cluster: _Cluster, clock: _Clock) -> None:
    deployment = _deployment()
    troubles.explained(deployment, UNREADY)
    clock.now += 10
    for _ in range(5):
        found = troubles.explained(deployment, UNREADY)
        assert found.trouble is not None
        assert found.trouble.reason == "CrashLoopBackOff"
    assert cluster.asked == ["app=app,tier=web"]


def test_a_revision_is_looked_at_a_few_times_and_then_never_again(
    troubles: Troubles, cluster: _Cluster, clock: _Clock
) -> None:
    for _ in range(500):
        troubles.explained(_deployment(), UNREADY)
        clock.now += 10
    assert len(cluster.asked) == LOOKS
    for _ in range(3):
        troubles.explained(_deployment(generation=2), UNREADY)
        clock.now += 10
    assert len(cluster.asked) == LOOKS + 1


def test_what_was_in_trouble_and_is_ready_has_no_past(troubles: Troubles, clock: _Clock) -> None:
    for _ in range(3):
        troubles.explained(_deployment(), UNREADY)
        clock.now += 10
    assert troubles.explained(_deployment(), UNREADY).trouble is not None
    troubles.explained(_deployment(), READY)
    assert troubles.explained(_deployment(), UNREADY).trouble is None


@pytest.mark.parametrize("error", [RefusedError("Forbidden", "no"), UnavailableError("down")])
def test_a_cluster_that_does_not_say_stops_nothing(
    troubles: Troubles, cluster: _Cluster, clock: _Clock, error: PortError
) -> None:
    cluster.error = error
    for _ in range(100):
        assert troubles.explained(_deployment(), UNREADY).trouble is None
        clock.now += 10
    assert len(cluster.asked) == (2 if isinstance(error, RefusedError) else LOOKS)
