"""Each port of a Service leads to the same port of primary and canary, inside of the mesh and at a gateway."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from applications.declared import canary_of, raw_canary
from canary_adapters.istio.virtual_service import wanted_virtual_service
from canary_core import Traffic
from canary_lab.mesh.routes import route_configuration, tcp_shares
from canary_lab.mesh.snapshot import Backend, ServicePort, Sidecar, Snapshot

PLACE = "here"
GATEWAY = Sidecar(name="gateway:edge/gw", namespace="edge", gateway="edge/gw")
INSIDE = Sidecar(name=f"mesh:{PLACE}", namespace=PLACE)
NUMBERS = (80, 8080, 9100)


def _port(service: str, number: int, *, is_tcp: bool = False) -> ServicePort:
    workload = {"app": "app-primary", "app-canary": "app"}.get(service, service)
    return ServicePort(
        namespace=PLACE,
        service=service,
        port=number,
        is_tcp=is_tcp,
        workloads=(workload,),
        backends=(Backend(workload=workload, port=10000 + number),),
    )


def _snapshot(**service: Any) -> Snapshot:
    raw = raw_canary(PLACE, service={"port": 80, **service})
    raw["metadata"]["uid"] = "u"
    made = wanted_virtual_service(canary_of(raw), Traffic(canary_weight=30), None, several_ports=True)
    made["metadata"] |= {"namespace": PLACE}
    names = ("app", "app-primary", "app-canary")
    ports = [_port(name, number) for name in names for number in NUMBERS]
    ports += [_port(name, 5432, is_tcp=True) for name in names]
    return Snapshot(ports=tuple(ports), virtual_services=(made,), sidecars=(INSIDE, GATEWAY))


def _clusters(routes: Any) -> set[str]:
    return set(re.findall(r'"(here\|[^"]+|nobody)"', json.dumps(routes)))


def _split(number: int) -> set[str]:
    return {f"here|app-primary|{number}|app-primary", f"here|app-canary|{number}|app"}


@pytest.mark.parametrize("gateways", [[], ["edge/gw", "mesh"], ["mesh", "edge/gw"]])
def test_inside_of_the_mesh_a_request_stays_at_its_port(gateways: list[str]) -> None:
    found = route_configuration(_snapshot(gateways=gateways), INSIDE)
    hosts = {host["name"]: _clusters(host["routes"]) for host in found["virtual_hosts"]}
    assert {name: hosts[name] for name in hosts if name.startswith("app.")} == {
        f"app.here:{number}": _split(number) for number in NUMBERS
    }


@pytest.mark.parametrize("gateways", [["edge/gw"], ["edge/gw", "mesh"], ["mesh", "edge/gw"]])
def test_at_a_gateway_a_request_goes_to_the_declared_port(gateways: list[str]) -> None:
    found = route_configuration(_snapshot(gateways=gateways, hosts=["shop.example.com"]), GATEWAY)
    for host in found["virtual_hosts"]:
        assert _clusters(host["routes"]) == _split(80), host["name"]
    assert found["virtual_hosts"]


def test_connections_to_another_port_go_to_the_primary_and_are_not_split() -> None:
    """No route of ours is for them, so the Service of the apex is asked, and that selects the primary."""
    (share,) = tcp_shares(_snapshot(), _port("app", 5432, is_tcp=True))
    assert share[0] == "here|app|5432|app-primary"


def test_connections_that_are_split_stay_at_their_port() -> None:
    snapshot = _snapshot(appProtocol="tcp")
    found = tcp_shares(snapshot, _port("app", 5432, is_tcp=True))
    assert {name for name, _ in found} == _split(5432)
