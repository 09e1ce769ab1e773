"""Where Envoy listens: a forward proxy for each place that requests come from, and a port for each TCP Service.

A client inside of the mesh sends its requests through the proxy of its namespace, which knows all names of Services; so
what a sidecar takes from a pod by redirection comes here by ``http_proxy``.
"""

from __future__ import annotations

from typing import Any, Final

from canary_lab.cluster.store import Obj
from canary_lab.mesh.routes import tcp_shares
from canary_lab.mesh.snapshot import ServicePort, Snapshot

__all__ = ["http_listener", "tcp_listener", "tcp_name"]

_EXTENSIONS: Final = "type.googleapis.com/envoy.extensions"
_LOOPBACK: Final = {"socket_address": {"address": "127.0.0.1", "port_value": 0}}
_FORMAT: Final = (
    "%START_TIME% %REQ(:METHOD)% %REQ(:AUTHORITY)%%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% "
    "%UPSTREAM_CLUSTER_RAW% %UPSTREAM_HOST% %DURATION%ms %RESPONSE_CODE_DETAILS%\n"
)


def http_listener(name: str, routes: Obj, log: str) -> Obj:
    """A forward proxy.

    Args:
        name: Of the listener and of its routes.
        routes: Where its routes come from, an Envoy ``ConfigSource``.
        log: File for the requests that were not answered well.
    """
    manager: Obj = {
        "@type": f"{_EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name.replace(".", "_"),
        "rds": {"route_config_name": name, "config_source": routes},
        "http_filters": [
            _filter("envoy.filters.http.cors", "filters.http.cors.v3.Cors"),
            _filter("envoy.filters.http.router", "filters.http.router.v3.Router"),
        ],
        "access_log": [_log_of_failures(log)],
        "server_header_transformation": "PASS_THROUGH",
        "upgrade_configs": [{"upgrade_type": "websocket"}],
    }
    return _listener(name, "envoy.filters.network.http_connection_manager", manager)


def tcp_name(port: ServicePort) -> str:
    """The name of the listener of a TCP port."""
    return f"tcp:{port.namespace}/{port.service}:{port.port}"


def tcp_listener(snapshot: Snapshot, port: ServicePort) -> Obj:
    """A proxy of connections to a port of a Service."""
    weighted = [{"name": name, "weight": share} for name, share in tcp_shares(snapshot, port)]
    proxy: Obj = {
        "@type": f"{_EXTENSIONS}.filters.network.tcp_proxy.v3.TcpProxy",
        "stat_prefix": tcp_name(port).replace(".", "_"),
        "weighted_clusters": {"clusters": weighted},
    }
    return _listener(tcp_name(port), "envoy.filters.network.tcp_proxy", proxy)


def _listener(name: str, filter_name: str, config: Obj) -> Obj:
    chain: dict[str, Any] = {"filters": [{"name": filter_name, "typed_config": config}]}
    return {"name": name, "address": _LOOPBACK, "filter_chains": [chain]}


def _filter(name: str, type_name: str) -> Obj:
    return {"name": name, "typed_config": {"@type": f"{_EXTENSIONS}.{type_name}"}}


def _log_of_failures(path: str) -> Obj:
    at_least = {"op": "GE", "value": {"default_value": 500, "runtime_key": "unused"}}
    return {
        "name": "envoy.access_loggers.file",
        "filter": {
            "or_filter": {
                "filters": [{"status_code_filter": {"comparison": at_least}}, {"response_flag_filter": {}}],
            }
        },
        "typed_config": {
            "@type": f"{_EXTENSIONS}.access_loggers.file.v3.FileAccessLog",
            "path": path,
            "log_format": {"text_format_source": {"inline_string": _FORMAT}},
        },
    }
