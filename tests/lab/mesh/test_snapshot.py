"""What the mesh sees of the cluster's objects."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from canary_adapters.istio.resources import VIRTUAL_SERVICES
from canary_adapters.kubernetes.resources import DEPLOYMENTS, SERVICES, Resource
from canary_lab.cluster.store import Obj
from canary_lab.mesh.clusters import NOBODY, cluster_of, endpoints, shares
from canary_lab.mesh.control import Control
from canary_lab.mesh.hosts import spellings
from canary_lab.mesh.snapshot import (
    ENDPOINT_SLICES,
    PODS,
    Backend,
    ServicePort,
    Snapshot,
    gateway_name,
    observe,
)
from canary_lab.mesh.xds import Files
from laboratories.lab import eventually

NAMESPACE = "shop"


@define
class Objects:
    """Objects by kind."""

    found: Mapping[Resource, list[Obj]] = field(factory=dict)

    def list(self, resource: Resource, namespace: str | None = None) -> list[Obj]:
        return self.found.get(resource, [])


class Ports:
    """Each pod's port 8080 is at 40000 and its number."""

    def port(self, address: str, port: int) -> int | None:
        return 40000 + int(address.rpartition(".")[2]) if port == 8080 else None


def _meta(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "namespace": NAMESPACE, **more}


def _service(name: str = "web", *ports: Obj, **selector: str) -> Obj:
    return {"metadata": _meta(name), "spec": {"selector": selector, "ports": list(ports) or [{"port": 80}]}}


def _deployment(name: str, **labels: str) -> Obj:
    return {"metadata": _meta(name), "spec": {"template": {"metadata": {"labels": labels}}}}


def _pod(name: str, replica_set: str = "") -> Obj:
    owner = {"kind": "ReplicaSet", "name": replica_set, "controller": True}
    return {"metadata": _meta(name, ownerReferences=[owner] if replica_set else [])}


def _slice(service: str, *pods: tuple[str, int, bool], port: str = "") -> Obj:
    return {
        "metadata": _meta(f"{service}-x", labels={"kubernetes.io/service-name": service}),
        "ports": [{"name": port, "port": 8080}],
        "endpoints": [
            {"addresses": [f"10.244.0.{number}"], "conditions": {"ready": ready}, "targetRef": {"name": name}}
            for name, number, ready in pods
        ],
    }


def _observed(**kinds: list[Obj]) -> Snapshot:
    names = {"services": SERVICES, "deployments": DEPLOYMENTS, "pods": PODS, "slices": ENDPOINT_SLICES}
    names |= {"virtual_services": VIRTUAL_SERVICES}
    return observe(Objects({names[name]: objects for name, objects in kinds.items()}), Ports())


def test_a_backend_is_a_ready_pod_and_belongs_to_its_deployment() -> None:
    (port,) = _observed(
        services=[_service(app="web")],
        deployments=[_deployment("web-v1", app="web"), _deployment("other", app="other")],
        pods=[_pod("a", "web-v1-5d8f"), _pod("b", "web-v1-5d8f")],
        slices=[_slice("web", ("a", 1, True), ("b", 2, False))],
    ).ports
    assert port == ServicePort(
        namespace=NAMESPACE,
        service="web",
        port=80,
        is_tcp=False,
        workloads=("web-v1",),
        backends=(Backend(workload="web-v1", port=40001),),
    )


def test_a_service_without_pods_still_knows_its_workload() -> None:
    (port,) = _observed(services=[_service(app="web")], deployments=[_deployment("web", app="web")]).ports
    assert (port.workloads, port.backends) == (("web",), ())
    assert shares(port, 30) == [(NOBODY, 30_000)]


def test_a_service_without_a_selector_has_nobody() -> None:
    (port,) = _observed(services=[_service()], deployments=[_deployment("web", app="web")]).ports
    assert port.workloads == ()


def test_ports_are_told_apart_by_name_and_protocol_by_what_they_say() -> None:
    service = _service(
        "web",
        {"name": "http", "port": 80},
        {"name": "tcp-x", "port": 90},
        {"port": 91, "appProtocol": "TCP"},
        app="web",
    )
    found = _observed(services=[service], pods=[_pod("a")], slices=[_slice("web", ("a", 1, True), port="http")]).ports
    assert [(each.port, each.is_tcp, len(each.backends)) for each in found] == [
        (80, False, 1),
        (90, True, 0),
        (91, True, 0),
    ]


def test_each_namespace_each_injected_workload_and_each_gateway_sees_routes() -> None:
    route = {"metadata": _meta("web"), "spec": {"hosts": ["web"], "gateways": ["mesh", "public", "infra/edge"]}}
    found = _observed(
        services=[_service(app="web")],
        deployments=[_deployment("client", **{"sidecar.istio.io/inject": "true", "app": "client"})],
        virtual_services=[route],
    ).sidecars
    assert [each.name for each in found] == [
        f"mesh:{NAMESPACE}",
        f"mesh:{NAMESPACE}/client",
        "gateway:infra/edge",
        f"gateway:{NAMESPACE}/public",
    ]
    assert found[1].labels["app"] == "client"


def test_a_gateway_has_one_name() -> None:
    forms = ("public.infra.svc.cluster.local", "public.infra", "infra/public")
    assert {gateway_name(form, "shop") for form in forms} == {"infra/public"}
    assert gateway_name("public", "infra") == "infra/public"


def test_a_short_name_is_that_of_the_namespace() -> None:
    assert spellings("web", "shop", "shop")[0] == "web"
    assert "web" not in spellings("web", "shop", "other")


@given(
    weight=st.integers(0, 100),
    counts=st.dictionaries(st.sampled_from("abcde"), st.integers(0, 4), max_size=5),
)
def test_a_weight_is_divided_whole_and_by_pods(weight: int, counts: dict[str, int]) -> None:
    backends = [Backend(workload=name, port=number) for name, count in counts.items() for number in range(count)]
    port = ServicePort(
        namespace=NAMESPACE, service="s", port=80, is_tcp=False, workloads=tuple(counts), backends=tuple(backends)
    )
    divided = dict(shares(port, weight))
    unit = sum(dict(shares(port, 1)).values())
    assert sum(divided.values()) == weight * unit
    for name, count in counts.items():
        share = divided.get(cluster_of(port, name), 0)
        assert (share == 0) or count > 0
        if backends:
            assert abs(share - weight * unit * count / len(backends)) < len(counts)
    assert set(endpoints(Snapshot(ports=(port,)))) == {NOBODY, *(cluster_of(port, name) for name in counts)}


def test_an_object_that_makes_no_sense_does_not_end_the_mesh() -> None:
    applied: list[object] = []
    envoy = SimpleNamespace(files=Files(folder=Path("unused")), apply=applied.append)
    objects = Objects({SERVICES: [{"metadata": {"name": "x", "namespace": NAMESPACE}, "spec": {"ports": [{}]}}]})
    control = Control(envoy, objects, Ports(), lambda: None)  # type: ignore[arg-type] # stands in for Envoy
    control.start()
    control.changed()
    eventually(lambda: not control._changed.is_set())
    assert control.is_alive()
    objects.found = {SERVICES: [_service(app="web")]}
    control.changed()
    eventually(lambda: applied)
    control.stop()
