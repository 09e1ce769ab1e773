"""``spec.service`` of a Canary: the three Services and what its routes carry."""

# ruff: noqa: RUF009 - prop and required are attrs' field, which is made for this place

from attrs import frozen

from canary_adapters.manifests.analysis import MOST
from canary_adapters.manifests.declare import MANY_LINES, Format, Rule, Table, prop, required
from canary_adapters.manifests.istio import CorsPolicy, Headers, HTTPMatch, Retries, Rewrite, TrafficPolicy

__all__ = ["BackendRef", "GatewayRef", "MirrorTarget", "Service", "ServiceMetadata", "UnmanagedMetadata"]

_PORT = {"minimum": 1, "maximum": 65535}


@frozen(kw_only=True)
class ServiceMetadata:
    """Metadata of a generated Service."""

    labels: Table[str] | None = prop("Labels to add.")
    annotations: Table[str] | None = prop("Annotations to add.", each=MANY_LINES)


@frozen(kw_only=True)
class UnmanagedMetadata:
    """Keys on owned Services that are left as they are."""

    labels: tuple[str, ...] = prop("Keys of labels.", default=())
    annotations: tuple[str, ...] = prop("Keys of annotations.", default=())


@frozen(kw_only=True)
class GatewayRef:
    """A Gateway of the Gateway API."""

    name: str = required("Name of the Gateway.", least=1, longest=253)
    group: str | None = prop("API group.", filled="gateway.networking.k8s.io", longest=253)
    kind: str | None = prop("Kind.", filled="Gateway", least=1, longest=63)
    namespace: str | None = prop("Namespace.", least=1, longest=63)
    section_name: str | None = prop("Listener of the Gateway.", least=1, longest=253)
    port: int | None = prop("Port of the listener.", **_PORT)


@frozen(kw_only=True)
class BackendRef:
    """A backend of the Gateway API."""

    name: str = required("Name of the backend.", least=1, longest=253)
    group: str | None = prop("API group.", filled="", longest=253)
    kind: str | None = prop("Kind.", filled="Service", least=1, longest=63)
    namespace: str | None = prop("Namespace.", least=1, longest=63)
    port: int | None = prop("Port of the backend.", **_PORT)


@frozen(kw_only=True)
class MirrorTarget:
    """Where a Gateway API route sends copies of requests."""

    backend_ref: BackendRef = required("The backend that gets the copies.")


@frozen(kw_only=True)
class Service:
    """The Services of a canary and what the mesh does with requests to them."""

    port: int = required("Port of the three Services.", **_PORT)
    name: str | None = prop("Name of the apex Service. Absent: the name of the target.", least=1, longest=63)
    port_name: str = prop("Name of the port.", default="http", longest=63)
    target_port: int | str | None = prop(
        "Number or name of the container port. Absent or 0: `port`.", minimum=0, maximum=65535, longest=63
    )
    app_protocol: str | None = prop("Copied to the port; `tcp` makes the mesh route connections, not requests.")
    traffic_distribution: str | None = prop(
        "Preference for near pods; set when the Services are created.",
        enum=("PreferClose", "PreferSameZone", "PreferSameNode"),
    )
    port_discovery: bool = prop("Add the other container ports.", default=False)
    headless: bool = prop("`clusterIP: None`; set when the Services are created.", default=False)
    timeout: str | None = prop("Timeout of the route.", format=Format.DURATION)
    backend_timeout: str | None = prop("Timeout of the backend; Gateway API only.", format=Format.DURATION)
    gateways: tuple[str, ...] = prop(
        "Gateways of the VirtualService. Empty: `mesh`; otherwise `mesh` must be listed if it is wanted.",
        default=(),
        each=Rule(doc="A gateway.", least=1, longest=317),
    )
    gateway_refs: tuple[GatewayRef, ...] = prop("Gateways; Gateway API only.", default=())
    hosts: tuple[str, ...] = prop(
        "Hosts of the VirtualService; the apex is added unless it or `*` is listed.",
        default=(),
        each=Rule(doc="A host.", least=1, longest=253),
    )
    delegation: bool = prop("A VirtualService without hosts and gateways, for others to delegate to.", default=False)
    traffic_policy: TrafficPolicy | None = prop("Goes to both DestinationRules.")
    match: tuple[HTTPMatch, ...] = prop("Conditions of every generated route.", default=(), most=MOST)
    rewrite: Rewrite | None = prop("Rewriting of path and host.")
    retries: Retries | None = prop("How often the mesh tries again.")
    headers: Headers | None = prop("Changes to headers.")
    cors_policy: CorsPolicy | None = prop("Cross-origin resource sharing.")
    mirror: tuple[MirrorTarget, ...] = prop("Where copies of requests go; Gateway API only.", default=())
    apex: ServiceMetadata | None = prop("Metadata of the apex Service and of the VirtualService.")
    primary: ServiceMetadata | None = prop("Metadata of the primary Service.")
    canary: ServiceMetadata | None = prop("Metadata of the canary Service.")
    unmanaged_metadata: UnmanagedMetadata | None = prop("Keys on the Services that are left as they are.")
    mesh_name: str | None = prop("App Mesh only.")
    backends: tuple[str, ...] = prop("App Mesh only.", default=())

    @property
    def is_tcp(self) -> bool:
        """Whether connections are routed rather than requests."""
        return (self.app_protocol or "").lower() == "tcp"
