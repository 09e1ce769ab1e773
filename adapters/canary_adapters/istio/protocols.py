"""What Istio takes the port of a Service to speak."""

from canary_adapters.kubernetes.resources import Obj
from canary_adapters.manifests.istio_rules import speaks_no_http

__all__ = ["carries_connections"]


def carries_connections(port: Obj) -> bool:
    """Whether connections are routed at a port, so that a split of requests has no effect there."""
    return speaks_no_http(port.get("appProtocol"), port.get("name"))
