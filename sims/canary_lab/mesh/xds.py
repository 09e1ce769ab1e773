"""The whole configuration of the proxy, made from what there is: a pure function."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from attrs import field, frozen

from canary_lab.cluster.store import Obj
from canary_lab.mesh.clusters import clusters, endpoints
from canary_lab.mesh.listeners import http_listener, tcp_listener, tcp_name
from canary_lab.mesh.routes import route_configuration
from canary_lab.mesh.snapshot import Snapshot

__all__ = ["Configuration", "Files", "render"]


@frozen(kw_only=True)
class Configuration:
    """Envoy's resources by name."""

    clusters: Mapping[str, Obj] = field(factory=dict)
    endpoints: Mapping[str, Obj] = field(factory=dict)
    """By cluster."""
    listeners: Mapping[str, Obj] = field(factory=dict)
    routes: Mapping[str, Obj] = field(factory=dict)
    """By listener; TCP listeners have none of their own."""


@frozen(kw_only=True)
class Files:
    """Where Envoy finds its configuration. Names may hold any character, files may not."""

    folder: Path

    @property
    def clusters(self) -> Path:
        """All clusters."""
        return self.folder / "cds.json"

    @property
    def listeners(self) -> Path:
        """All listeners."""
        return self.folder / "lds.json"

    def endpoints(self, cluster: str) -> Path:
        """The endpoints of a cluster."""
        return self.folder / f"eds-{_safe(cluster)}.json"

    def routes(self, listener: str) -> Path:
        """The routes of a listener."""
        return self.folder / f"rds-{_safe(listener)}.json"

    @property
    def failures(self) -> Path:
        """Log of requests that were not answered well."""
        return self.folder / "failed-requests.log"


def render(snapshot: Snapshot, files: Files) -> Configuration:
    """What Envoy is to do.

    Args:
        snapshot: What there is.
        files: Where parts of the configuration are that others name.
    """
    found = {
        name: {**each, "eds_cluster_config": {"eds_config": source(files.endpoints(name))}}
        for name, each in clusters(snapshot).items()
    }
    listeners = {
        each.name: http_listener(each.name, source(files.routes(each.name)), str(files.failures))
        for each in snapshot.sidecars
    }
    listeners |= {tcp_name(port): tcp_listener(snapshot, port) for port in snapshot.ports if port.is_tcp}
    return Configuration(
        clusters=found,
        endpoints=endpoints(snapshot),
        listeners=listeners,
        routes={each.name: route_configuration(snapshot, each) for each in snapshot.sidecars},
    )


def source(path: Path) -> Obj:
    """A file as an Envoy ``ConfigSource``."""
    return {"path_config_source": {"path": str(path)}, "resource_api_version": "V3"}


def _safe(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-." else f"_{ord(c):x}_" for c in name)
