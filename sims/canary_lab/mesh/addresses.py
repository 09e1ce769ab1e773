"""Where things of the mesh are on this machine, written down for whoever wants to reach them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

from attrs import asdict, field, frozen

__all__ = ["FILE", "Addresses", "through"]

FILE: Final = "mesh.json"
_LOCAL: Final = "127.0.0.1,localhost"
_NONE: Final[Mapping[str, str]] = {}


@frozen(kw_only=True)
class Addresses:
    """URLs and ``host:port`` pairs."""

    admin: str = ""
    """URL of Envoy's admin interface."""
    envoy_pid: int = 0
    proxies: Mapping[str, str] = field(default=_NONE)
    """URL of the forward proxy for a namespace or, if it has a sidecar of its own, a ``namespace/deployment``."""
    gateways: Mapping[str, str] = field(default=_NONE)
    """URL of a gateway, by ``namespace/name``."""
    tcp: Mapping[str, str] = field(default=_NONE)
    """``host:port`` of a TCP port, by ``namespace/service:port``."""
    pods: Mapping[str, Mapping[str, str]] = field(factory=dict)
    """``host:port`` of a pod's port, by ``namespace/name`` and port."""

    @classmethod
    def of(cls, *, admin: str, pid: int, listeners: Mapping[str, int], pods: Mapping[str, Mapping[str, int]]) -> Self:
        """From what Envoy and the node say.

        Args:
            admin: URL of Envoy's admin interface.
            pid: Envoy's.
            listeners: Ports of this machine by the names of Envoy's listeners.
            pods: Ports of this machine by pod and by the pod's ports.
        """
        kinds: dict[str, dict[str, str]] = {"mesh": {}, "gateway": {}, "tcp": {}}
        for name, port in sorted(listeners.items()):
            kind, _, rest = name.partition(":")
            kinds[kind][rest] = f"127.0.0.1:{port}" if kind == "tcp" else f"http://127.0.0.1:{port}"
        found = {
            pod: {port: f"127.0.0.1:{own}" for port, own in sorted(ports.items())}
            for pod, ports in sorted(pods.items())
        }
        return cls(
            admin=admin,
            envoy_pid=pid,
            proxies=kinds["mesh"],
            gateways=kinds["gateway"],
            tcp=kinds["tcp"],
            pods=found,
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What was written down; nothing, if nothing was."""
        try:
            found = json.loads((folder / FILE).read_text())
        except FileNotFoundError:
            return cls()
        return cls(**found)

    @staticmethod
    def forget(folder: Path) -> None:
        """Remove what was written down."""
        (folder / FILE).unlink(missing_ok=True)

    def save(self, folder: Path) -> None:
        """Write it down, all at once."""
        partial = folder / f".{FILE}"
        partial.write_text(json.dumps(asdict(self), indent=1) + "\n")
        partial.rename(folder / FILE)


def through(proxy: str) -> dict[str, str]:
    """Environment that has programs send their requests through a proxy, but for those to this machine itself."""
    return {"http_proxy": proxy, "HTTP_PROXY": proxy, "no_proxy": _LOCAL, "NO_PROXY": _LOCAL}
