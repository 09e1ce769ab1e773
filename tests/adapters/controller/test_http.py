"""What the process tells about itself."""

import socket
from collections.abc import Iterator

import pytest
import requests
from prometheus_client import CollectorRegistry, Counter

from canary_adapters.controller.http import StatusServer

STATE = {"healthy": True, "ready": False}


@pytest.fixture
def address() -> Iterator[str]:
    registry = CollectorRegistry()
    Counter("things", "Things.", registry=registry).inc(3)
    server = StatusServer(0, registry, healthy=lambda: STATE["healthy"], ready=lambda: STATE["ready"], host="127.0.0.1")
    yield f"http://127.0.0.1:{server.port}"
    server.stop()


def test_probes_say_how_it_is(address: str) -> None:
    assert requests.get(f"{address}/healthz", timeout=5).text == "OK"
    assert requests.get(f"{address}/readyz", timeout=5).status_code == 503
    STATE["ready"] = True
    assert requests.get(f"{address}/readyz", timeout=5).status_code == 200


def test_metrics_are_shown(address: str) -> None:
    assert "things_total 3.0" in requests.get(f"{address}/metrics", timeout=5).text


def test_nothing_else_is_served(address: str) -> None:
    assert requests.get(f"{address}/", timeout=5).status_code == 404
    assert requests.post(f"{address}/healthz", timeout=5).status_code == 405


def test_it_is_reached_by_addresses_of_both_kinds() -> None:
    """A pod of a cluster that speaks IPv6 only is probed at an address of that kind."""
    server = StatusServer(0, CollectorRegistry(), healthy=lambda: True, ready=lambda: True)
    hosts = ["127.0.0.1", *(["[::1]"] if socket.has_dualstack_ipv6() else [])]
    try:
        answers = [requests.get(f"http://{host}:{server.port}/healthz", timeout=5).text for host in hosts]
    finally:
        server.stop()
    assert answers == ["OK"] * len(hosts)
