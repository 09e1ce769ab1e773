"""What Istio takes a port to speak: by ``appProtocol``, or else by what its name begins with.

https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/
"""

from typing import Final

from canary_adapters.kubernetes.resources import Obj

__all__ = ["carries_connections"]

_CONNECTIONS: Final = frozenset({"https", "mongo", "mysql", "redis", "tcp", "tls", "udp"})


def carries_connections(port: Obj) -> bool:
    """Whether connections are routed at a port, so that a split of requests has no effect there.

    Where neither says anything that it knows, Istio looks what is spoken.
    """
    spoken = port.get("appProtocol") or (port.get("name") or "").partition("-")[0]
    return spoken.lower() in _CONNECTIONS
