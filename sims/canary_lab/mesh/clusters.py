"""Services as Envoy's clusters: one for each workload behind a port, so that each is measured for itself.

https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/cluster/v3/cluster.proto
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from canary_adapters.manifests.durations import duration_s
from canary_lab.cluster.store import Obj
from canary_lab.mesh.hosts import spellings
from canary_lab.mesh.snapshot import ServicePort, Snapshot

__all__ = ["NOBODY", "cluster_names", "cluster_of", "clusters", "endpoints", "policy_of", "proto_duration", "shares"]

NOBODY: Final = "nobody"
"""A cluster without endpoints, for destinations that do not exist."""
_UNLIMITED: Final = 2**32 - 1
_HTTP_OPTIONS: Final = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_POLICIES: Final = {"ROUND_ROBIN": "ROUND_ROBIN", "RANDOM": "RANDOM"}
_SCALE: Final = 1000
"""Weights are multiplied by this before they are divided among several workloads."""


def proto_duration(text: str) -> str:
    """A duration as protocol buffers write it in JSON: ``1.5s``."""
    return f"{duration_s(text) or 0:.9g}s"


def cluster_of(port: ServicePort, workload: str) -> str:
    """The name of the cluster for a workload behind a port of a Service."""
    return f"{port.namespace}|{port.service}|{port.port}|{workload}"


def cluster_names(port: ServicePort) -> tuple[str, ...]:
    """The names of all clusters of a port."""
    return tuple(cluster_of(port, workload) for workload in port.workloads)


def shares(port: ServicePort, weight: int) -> list[tuple[str, int]]:
    """A weight divided among the workloads behind a port, by their ready endpoints.

    The sum of the shares is `weight` times a constant. If nobody is ready, clients are told that the Service is not
    available, and no workload is blamed for it: what it did not get, Istio does not count at the destination either.
    """
    count = {workload: sum(each.workload == workload for each in port.backends) for workload in port.workloads}
    total, whole = sum(count.values()), weight * _SCALE
    if not total:
        return [(NOBODY, whole)]
    divided = [(cluster_of(port, workload), whole * n // total) for workload, n in count.items() if n]
    first, rest = divided[0], whole - sum(share for _, share in divided)
    return [(first[0], first[1] + rest), *divided[1:]]


def clusters(snapshot: Snapshot) -> dict[str, Obj]:
    """All clusters by name."""
    found = {NOBODY: _cluster(NOBODY, "unknown/unknown", {})}
    for port in snapshot.ports:
        policy = policy_of(port, snapshot.destination_rules)
        for name in cluster_names(port):
            # The name in statistics holds no dot: dots part what Envoy's statistics are made of. In a regular
            # expression that was written for the name with a dot, an underscore is as good.
            measured = f"{port.namespace}/{name.rpartition('|')[2]}".replace(".", "_")
            found[name] = _cluster(name, measured, policy)
    return found


def endpoints(snapshot: Snapshot) -> dict[str, Obj]:
    """The endpoints of all clusters, by cluster."""
    found = {NOBODY: _assignment(NOBODY, ())}
    for port in snapshot.ports:
        for name in cluster_names(port):
            workload = name.rpartition("|")[2]
            found[name] = _assignment(name, (each.port for each in port.backends if each.workload == workload))
    return found


def policy_of(port: ServicePort, rules: Iterable[Obj]) -> Mapping[str, Any]:
    """What a DestinationRule says of the traffic to a Service."""
    for rule in rules:
        namespace = rule["metadata"]["namespace"]
        if rule["spec"].get("host") in spellings(port.service, port.namespace, namespace):
            return rule["spec"].get("trafficPolicy") or {}
    return {}


def _assignment(name: str, ports: Iterable[int]) -> Obj:
    reached = [
        {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}} for port in ports
    ]
    return {"cluster_name": name, "endpoints": [{"lb_endpoints": reached}] if reached else []}


def _cluster(name: str, measured: str, policy: Mapping[str, Any]) -> Obj:
    pool = (policy.get("connectionPool") or {}).get("http") or {}
    limits = {
        "max_connections": _UNLIMITED,
        "max_pending_requests": pool.get("http1MaxPendingRequests") or _UNLIMITED,
        "max_requests": pool.get("http2MaxRequests") or _UNLIMITED,
        "max_retries": pool.get("maxRetries") or _UNLIMITED,
    }
    found: Obj = {
        "name": name,
        "alt_stat_name": measured,
        "type": "EDS",
        "connect_timeout": "2s",
        "eds_cluster_config": {},
        "circuit_breakers": {"thresholds": [limits]},
        "typed_extension_protocol_options": {_HTTP_OPTIONS: _http_options(pool)},
        **_balancing(policy.get("loadBalancer") or {}),
    }
    detection = policy.get("outlierDetection")
    if detection:
        found["outlier_detection"] = _detection(detection)
    return found


def _http_options(pool: Mapping[str, Any]) -> Obj:
    common: Obj = {"idle_timeout": proto_duration(pool["idleTimeout"])} if pool.get("idleTimeout") else {}
    if pool.get("maxRequestsPerConnection"):
        common["max_requests_per_connection"] = pool["maxRequestsPerConnection"]
    return {
        "@type": f"type.googleapis.com/{_HTTP_OPTIONS}",
        "common_http_protocol_options": common,
        "explicit_http_config": {"http_protocol_options": {}},
    }


def _balancing(balancer: Mapping[str, Any]) -> Obj:
    if balancer.get("consistentHash"):
        smallest = balancer["consistentHash"].get("minimumRingSize")
        return {
            "lb_policy": "RING_HASH",
            **({"ring_hash_lb_config": {"minimum_ring_size": smallest}} if smallest else {}),
        }
    return {"lb_policy": _POLICIES.get(str(balancer.get("simple")), "LEAST_REQUEST")}


def _detection(declared: Mapping[str, Any]) -> Obj:
    names = {
        "consecutive5xxErrors": "consecutive_5xx",
        "consecutiveGatewayErrors": "consecutive_gateway_failure",
        "maxEjectionPercent": "max_ejection_percent",
    }
    found: Obj = {ours: declared[theirs] for theirs, ours in names.items() if theirs in declared}
    for theirs, ours in (("interval", "interval"), ("baseEjectionTime", "base_ejection_time")):
        if declared.get(theirs):
            found[ours] = proto_duration(declared[theirs])
    if "consecutiveGatewayErrors" in declared:
        found["enforcing_consecutive_gateway_failure"] = 100
    return found
