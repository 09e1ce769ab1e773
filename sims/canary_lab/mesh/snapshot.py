"""What the mesh has to route: the Services with the processes behind them, and who asks for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from attrs import field, frozen

from canary_adapters.istio.resources import DESTINATION_RULES, VIRTUAL_SERVICES
from canary_adapters.kubernetes.resources import DEPLOYMENTS, SERVICES, Resource
from canary_lab.cluster.controllers.base import controller_of
from canary_lab.cluster.store import Obj

__all__ = ["ENDPOINT_SLICES", "PODS", "WATCHED", "Backend", "Reader", "ServicePort", "Sidecar", "Snapshot", "observe"]

PODS: Final = Resource(group="", version="v1", plural="pods", kind="Pod")
ENDPOINT_SLICES: Final = Resource(group="discovery.k8s.io", version="v1", plural="endpointslices", kind="EndpointSlice")
WATCHED: Final = (PODS, SERVICES, ENDPOINT_SLICES, DEPLOYMENTS, VIRTUAL_SERVICES, DESTINATION_RULES)
INJECT: Final = "sidecar.istio.io/inject"
_SERVICE_NAME: Final = "kubernetes.io/service-name"
_SYSTEM: Final = "kube-"


class Reader(Protocol):
    """Where objects are read; informers are one."""

    def list(self, resource: Resource, namespace: str | None = None) -> list[Obj]:
        """All objects of a kind."""


@frozen(kw_only=True)
class Backend:
    """A process that answers for a Service."""

    workload: str
    """The Deployment that it belongs to."""
    port: int
    """Where it listens on this machine."""


@frozen(kw_only=True)
class ServicePort:
    """A port of a Service."""

    namespace: str
    service: str
    port: int
    is_tcp: bool
    """Whether connections are routed rather than requests."""
    workloads: tuple[str, ...]
    """Deployments that the Service selects, in order; also those without a pod."""
    backends: tuple[Backend, ...]
    """The ready ones."""


@frozen(kw_only=True)
class Sidecar:
    """A place from which requests come: what a proxy beside a workload, or at the edge, sees of the routes."""

    name: str
    namespace: str
    labels: Mapping[str, str] = field(factory=dict)
    gateway: str = ""
    """``namespace/name`` of the gateway that this is; empty: it is inside of the mesh."""


@frozen(kw_only=True)
class Snapshot:
    """All that routes are made from, at one time."""

    ports: tuple[ServicePort, ...] = ()
    virtual_services: tuple[Obj, ...] = ()
    """Oldest first, as Istio ranks them."""
    destination_rules: tuple[Obj, ...] = ()
    sidecars: tuple[Sidecar, ...] = ()


class Ports(Protocol):
    """Where the ports of pods are on this machine; a node is one."""

    def port(self, address: str, port: int) -> int | None:
        """The port of this machine behind a port of a pod's address. None: there is none."""


def observe(objects: Reader, node: Ports) -> Snapshot:
    """The present state.

    Args:
        objects: Of the API server.
        node: Runs the pods.
    """
    virtual_services = _oldest_first(objects.list(VIRTUAL_SERVICES))
    deployments = objects.list(DEPLOYMENTS)
    services = [each for each in objects.list(SERVICES) if each["spec"].get("type") != "ExternalName"]
    owners = {_key(pod): _workload(pod) for pod in objects.list(PODS)}
    slices = objects.list(ENDPOINT_SLICES)
    ports = [
        _service_port(service, port, deployments, _backends(service, port, slices, owners, node))
        for service in sorted(services, key=_key)
        for port in service["spec"].get("ports") or ()
    ]
    return Snapshot(
        ports=tuple(ports),
        virtual_services=tuple(virtual_services),
        destination_rules=tuple(_oldest_first(objects.list(DESTINATION_RULES))),
        sidecars=tuple(_sidecars(services, deployments, virtual_services)),
    )


def gateway_name(name: str, namespace: str) -> str:
    """``namespace/name`` of a gateway in any of the forms in which a VirtualService names it."""
    if "/" in name:
        return name
    short, _, rest = name.partition(".")
    return f"{rest.split('.')[0] or namespace}/{short}"


def _key(obj: Obj) -> tuple[str, str]:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]


def _oldest_first(objects: list[Obj]) -> list[Obj]:
    return sorted(objects, key=lambda each: (each["metadata"].get("creationTimestamp") or "", _key(each)))


def _workload(pod: Obj) -> str:
    """The Deployment of a pod, by the name of its ReplicaSet."""
    owner = controller_of(pod)
    if owner is None:
        return str(pod["metadata"]["name"])
    return str(owner["name"]).rpartition("-")[0] if owner["kind"] == "ReplicaSet" else str(owner["name"])


def _service_port(service: Obj, port: Obj, deployments: list[Obj], backends: tuple[Backend, ...]) -> ServicePort:
    namespace, name = _key(service)
    selector = (service["spec"].get("selector") or {}).items()
    selected = {
        each["metadata"]["name"]
        for each in deployments
        if each["metadata"]["namespace"] == namespace and selector and selector <= _template_labels(each).items()
    }
    spoken = str(port.get("appProtocol") or port.get("name") or "").lower()
    return ServicePort(
        namespace=namespace,
        service=name,
        port=int(port["port"]),
        is_tcp=spoken == "tcp" or spoken.startswith("tcp-"),
        workloads=tuple(sorted(selected | {each.workload for each in backends})),
        backends=backends,
    )


def _template_labels(deployment: Obj) -> dict[str, str]:
    return deployment["spec"]["template"]["metadata"].get("labels") or {}


def _backends(
    service: Obj, port: Obj, slices: Iterable[Obj], owners: Mapping[tuple[str, str], str], node: Ports
) -> tuple[Backend, ...]:
    namespace, name = _key(service)
    found: set[Backend] = set()
    for each in slices:
        labels = each["metadata"].get("labels") or {}
        if each["metadata"]["namespace"] != namespace or labels.get(_SERVICE_NAME) != name:
            continue
        target = _target_port(each, port)
        for endpoint in each.get("endpoints") or ():
            if target is None or not (endpoint.get("conditions") or {}).get("ready"):
                continue
            pod = str((endpoint.get("targetRef") or {}).get("name") or "")
            own = node.port(endpoint["addresses"][0], target)
            if own is not None:
                found.add(Backend(workload=owners.get((namespace, pod), pod or name), port=own))
    return tuple(sorted(found, key=lambda backend: (backend.workload, backend.port)))


def _target_port(slice_: Obj, port: Obj) -> int | None:
    wanted = str(port.get("name") or "")
    return next((int(each["port"]) for each in slice_.get("ports") or () if (each.get("name") or "") == wanted), None)


def _sidecars(services: list[Obj], deployments: list[Obj], virtual_services: list[Obj]) -> Iterable[Sidecar]:
    namespaces = {_key(each)[0] for each in (*services, *deployments)}
    for namespace in sorted(each for each in namespaces if not each.startswith(_SYSTEM)):
        yield Sidecar(name=f"mesh:{namespace}", namespace=namespace)
    for each in sorted(deployments, key=_key):
        labels = _template_labels(each)
        if labels.get(INJECT) == "true":
            namespace, name = _key(each)
            yield Sidecar(name=f"mesh:{namespace}/{name}", namespace=namespace, labels=labels)
    gateways = {
        gateway_name(name, _key(each)[0])
        for each in virtual_services
        for name in each["spec"].get("gateways") or ()
        if name != "mesh"
    }
    for name in sorted(gateways):
        yield Sidecar(name=f"gateway:{name}", namespace=name.partition("/")[0], gateway=name)
