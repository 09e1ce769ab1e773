"""Who acts: one at a time, nobody after the lease is over, and somebody again soon."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from kubernetes.client import Configuration

from canary_adapters.controller.election import LEASE_NAME, Election, Fence, LeaseTimes, NotLeaderError
from canary_adapters.kubernetes.api import Api
from canary_adapters.kubernetes.resources import LEASES
from canary_lab.cluster import EmbeddedCluster

pytestmark = pytest.mark.slow

SHORT = LeaseTimes.of(3)


def _soon(true: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "never became true"
        time.sleep(0.01)


@pytest.fixture
def cluster() -> Iterator[EmbeddedCluster]:
    with EmbeddedCluster() as found:
        yield found


class _Candidate:
    def __init__(self, cluster: EmbeddedCluster, identity: str) -> None:
        configuration = Configuration()
        configuration.host = cluster.url
        self.api = Api(configuration, connections=1)
        self.fence = Fence()
        self.leads, self.lost = threading.Event(), threading.Event()
        self.election = Election(
            self.api,
            namespace="default",
            identity=identity,
            fence=self.fence,
            on_start=self.leads.set,
            on_lost=self.lost.set,
            times=SHORT,
        )
        self.election.start()

    def end(self) -> None:
        self.election.stop()
        self.api.close()


def _holder(cluster: EmbeddedCluster) -> str | None:
    configuration = Configuration()
    configuration.host = cluster.url
    api = Api(configuration)
    lease = api.read(LEASES, "default", LEASE_NAME)
    api.close()
    holder: str | None = lease["spec"]["holderIdentity"] if lease is not None else None
    return holder


def test_one_leads_and_the_next_as_soon_as_it_lets_go(cluster: EmbeddedCluster) -> None:
    first = _Candidate(cluster, "first")
    _soon(first.leads.is_set)
    assert first.fence.is_open
    first.fence.check()
    second = _Candidate(cluster, "second")
    time.sleep(1.2)
    assert not second.leads.is_set()
    assert not second.fence.is_open
    with pytest.raises(NotLeaderError):
        second.fence.check()
    assert _holder(cluster) == "first"
    first.end()
    assert not first.fence.is_open
    _soon(second.leads.is_set)
    assert _holder(cluster) == "second"
    assert not first.lost.is_set()
    second.end()
    assert _holder(cluster) == ""


def test_who_cannot_renew_stops_writing_before_anybody_else_may(cluster: EmbeddedCluster) -> None:
    """The leader is cut off from the API server; its fence closes before the lease is free for others."""
    first = _Candidate(cluster, "first")
    _soon(first.leads.is_set)
    cut = threading.Event()
    first.api._may_write = _refuse(cut)
    second = _Candidate(cluster, "second")
    cut.set()
    _soon(second.leads.is_set)
    assert not first.fence.is_open
    _soon(first.lost.is_set)
    assert _holder(cluster) == "second"
    second.end()
    first.end()
    assert _holder(cluster) == ""


def _refuse(cut: threading.Event) -> Callable[[], None]:
    def check() -> None:
        if cut.is_set():
            raise NotLeaderError("cut off")

    return check


def test_a_fence_counts_from_before_the_renewal_was_sent() -> None:
    now = [100.0]
    fence = Fence(lambda: now[0])
    with pytest.raises(NotLeaderError):
        fence.check()
    fence.open_until(103.0)
    fence.check()
    now[0] = 103.0  # the process slept
    with pytest.raises(NotLeaderError):
        fence.check()


@pytest.mark.parametrize("seconds", [3, 4, 10, 15, 60, 600])
def test_times_are_such_as_the_election_takes(seconds: int) -> None:
    times = LeaseTimes.of(seconds)
    assert times.duration_s == seconds
    assert times.duration_s > times.deadline_s > 1.2 * times.retry_s >= 1.2


def test_flaggers_times_are_the_default() -> None:
    assert LeaseTimes.of(60) == LeaseTimes(duration_s=60, deadline_s=15, retry_s=5) == LeaseTimes()
