"""Clocks that jump: who leads is decided by clocks that do not."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes.client import Configuration
from kubernetes.leaderelection import leaderelection

from canary_adapters.controller.election import LEASE_NAME, Election, Fence, LeaseTimes
from canary_adapters.kubernetes.api import Api
from canary_adapters.kubernetes.resources import LEASES
from canary_lab.cluster import EmbeddedCluster
from laboratories.lab import eventually

SHORT = LeaseTimes.of(3)


@pytest.fixture
def api() -> Iterator[Api]:
    with EmbeddedCluster() as cluster:
        configuration = Configuration()
        configuration.host = cluster.url
        found = Api(configuration)
        yield found
        found.close()


def _election(api: Api, identity: str, fence: Fence, **calls: Any) -> Election:
    told = {"on_start": lambda: None, "on_lost": lambda: None, **calls}
    return Election(api, namespace="default", identity=identity, fence=fence, times=SHORT, **told)


def test_a_clock_that_jumps_ahead_takes_no_lease_from_anybody(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The election of the client reckons with wall-clock time; our lock does not let it take what is not over."""
    times = {"acquireTime": "2026-01-01T00:00:00.000000Z", "renewTime": "2026-01-01T00:00:00.000000Z"}
    spec = {"holderIdentity": "first", "leaseDurationSeconds": 3, **times}
    api.create(LEASES, "default", {"metadata": {"name": LEASE_NAME}, "spec": spec})
    ahead, steady = [0.0], [0.0]
    clock = SimpleNamespace(time=lambda: time.time() + ahead[0], sleep=lambda _: time.sleep(0.01))
    monkeypatch.setattr(leaderelection, "time", clock)
    fence, leads = Fence(lambda: steady[0]), threading.Event()
    election = _election(api, "second", fence, on_start=leads.set)
    refused = [0]
    update = election._lock.update

    def counted(*args: Any) -> bool:
        done = update(*args)
        refused[0] += not done
        return done

    monkeypatch.setattr(election._lock, "update", counted)
    election.start()
    eventually(lambda: election._lock._version)
    assert refused[0] == 0
    ahead[0] = 7200.0
    eventually(lambda: refused[0] >= 3)
    assert not leads.is_set()
    assert not fence.is_open
    steady[0] = 3.0
    assert leads.wait(20)
    election.stop()


def test_a_longer_lease_of_another_replica_is_respected(api: Api) -> None:
    """Two replicas with different flags, as in the middle of an update of the controller."""
    spec = {"holderIdentity": "other", "leaseDurationSeconds": 600, "acquireTime": None, "renewTime": None}
    api.create(LEASES, "default", {"metadata": {"name": LEASE_NAME}, "spec": spec})
    fence = Fence()
    election = _election(api, "me", fence)
    lock: Any = election._lock
    for _ in range(2):
        assert lock.get(LEASE_NAME, "default")[0]
        assert not lock.update(LEASE_NAME, "default", None)
    fence.clock = lambda: time.clock_gettime(time.CLOCK_BOOTTIME) + 601
    assert lock.update(LEASE_NAME, "default", None)
    assert fence.is_open


def test_whoever_sees_another_holder_stops_writing_at_once(api: Api) -> None:
    """A person, or a clock, has given the lease to somebody else before its time."""
    fence = Fence()
    lock: Any = _election(api, "me", fence)._lock
    lock.get(LEASE_NAME, "default")
    assert lock.create(LEASE_NAME, "default", None)
    assert fence.is_open
    lease = api.read(LEASES, "default", LEASE_NAME)
    assert lease is not None
    api.patch(LEASES, lease, {"spec": {"holderIdentity": "other"}})
    lock.get(LEASE_NAME, "default")
    assert not fence.is_open


def test_an_election_that_fails_ends_the_process(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a mistake")

    lost = threading.Event()
    election = _election(api, "me", Fence(), on_lost=lost.set)
    monkeypatch.setattr(election._lock, "get", broken)
    election.start()
    assert lost.wait(20)
    election.stop()
