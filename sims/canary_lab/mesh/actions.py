"""What becomes of a request on a route of a VirtualService, in Envoy's words.

https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from canary_adapters.manifests.durations import duration_s
from canary_lab.cluster.store import Obj
from canary_lab.mesh.clusters import NOBODY, proto_duration, shares
from canary_lab.mesh.snapshot import ServicePort

__all__ = ["Finder", "Policies", "action", "plain_action"]

Finder: TypeAlias = Callable[[Mapping[str, Any]], ServicePort | None]
"""The port of a Service that a destination means."""
Policies: TypeAlias = Callable[[ServicePort], Mapping[str, Any]]
"""What DestinationRules say of a Service."""
_RETRY_ON: Final = "connect-failure,refused-stream,unavailable,cancelled,reset-before-request"
"""Istio's default: what a server cannot have begun to work on."""
_RETRIES: Final = 2
_CORS: Final = "envoy.filters.http.cors"
_CORS_TYPE: Final = "type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy"
_MILLION: Final = 1_000_000
_REDIRECTS: Final = {
    301: "MOVED_PERMANENTLY",
    302: "FOUND",
    303: "SEE_OTHER",
    307: "TEMPORARY_REDIRECT",
    308: "PERMANENT_REDIRECT",
}


def action(route: Mapping[str, Any], match: Mapping[str, Any], find: Finder, policies: Policies) -> Obj:
    """What follows when a route's condition holds.

    Args:
        route: An HTTP route of a VirtualService.
        match: The condition: what it says of the path decides on what is rewritten.
        find: Finds Services.
        policies: Finds what DestinationRules say.
    """
    if route.get("redirect"):
        return {"redirect": _redirect(route["redirect"])}
    if route.get("directResponse"):
        body = (route["directResponse"].get("body") or {}).get("string") or ""
        return {"direct_response": {"status": route["directResponse"]["status"], "body": {"inline_string": body}}}
    found: Obj = {"route": _to(route.get("route") or (), find, policies)}
    found["route"] |= {
        "timeout": proto_duration(route["timeout"]) if route.get("timeout") else "0s",
        "retry_policy": _retries(route.get("retries")),
        **_rewrite(route.get("rewrite") or {}, match),
    }
    mirrors = _mirrors(route, find)
    if mirrors:
        found["route"]["request_mirror_policies"] = mirrors
    if route.get("corsPolicy"):
        found["typed_per_filter_config"] = {_CORS: _cors(route["corsPolicy"])}
    host, headers = _headers(route.get("headers") or {})
    if host:
        found["route"] |= {"host_rewrite_literal": host}
    return {**found, **headers}


def plain_action(port: ServicePort, policies: Policies) -> Obj:
    """What becomes of requests to a Service that no VirtualService says anything of."""
    return action({"route": [{"destination": {}}]}, {}, lambda _: port, policies)


def _to(destinations: Iterable[Mapping[str, Any]], find: Finder, policies: Policies) -> Obj:
    weighted: list[Obj] = []
    hashing: list[Obj] = []
    several = list(destinations)
    for each in several:
        port = find(each["destination"])
        weight = int(each.get("weight") or 0) if len(several) > 1 else int(each.get("weight") or 100)
        _, headers = _headers(each.get("headers") or {})
        for name, share in shares(port, weight) if port else [(NOBODY, weight)]:
            weighted.append({"name": name, "weight": share, **headers})
        if port and not hashing:
            hashing = _hashing((policies(port).get("loadBalancer") or {}).get("consistentHash") or {})
    if not sum(each["weight"] for each in weighted):
        weighted = [{"name": NOBODY, "weight": 1}]
    return {"weighted_clusters": {"clusters": weighted}, **({"hash_policy": hashing} if hashing else {})}


def _hashing(by: Mapping[str, Any]) -> list[Obj]:
    if by.get("httpHeaderName"):
        return [{"header": {"header_name": by["httpHeaderName"]}}]
    if by.get("httpCookie"):
        cookie = by["httpCookie"]
        ttl = {"ttl": proto_duration(cookie["ttl"])} if cookie.get("ttl") else {}
        return [{"cookie": {"name": cookie["name"], "path": cookie.get("path") or "", **ttl}}]
    if by.get("useSourceIp"):
        return [{"connection_properties": {"source_ip": True}}]
    if by.get("httpQueryParameterName"):
        return [{"query_parameter": {"name": by["httpQueryParameterName"]}}]
    return []


def _retries(declared: Mapping[str, Any] | None) -> Obj:
    wanted = declared or {}
    attempts = int(wanted.get("attempts", _RETRIES))
    reasons = [each.strip() for each in str(wanted.get("retryOn") or _RETRY_ON).split(",")]
    codes = [int(each) for each in reasons if each.isdigit()]
    names = [each for each in reasons if each and not each.isdigit()]
    found: Obj = {"num_retries": attempts}
    if attempts:
        found["retry_on"] = ",".join([*names, *(["retriable-status-codes"] if codes else [])])
        found |= {"retriable_status_codes": codes} if codes else {}
        if wanted.get("perTryTimeout"):
            found["per_try_timeout"] = proto_duration(wanted["perTryTimeout"])
    return found


def _rewrite(wanted: Mapping[str, Any], match: Mapping[str, Any]) -> Obj:
    found: Obj = {"host_rewrite_literal": wanted["authority"]} if wanted.get("authority") else {}
    uri = wanted.get("uri")
    if not uri:
        return found
    if (match.get("uri") or {}).get("regex"):
        whole = {"pattern": {"regex": "^[^?]*"}, "substitution": uri.replace("\\", "\\\\")}
        return {**found, "regex_rewrite": whole}
    return {**found, "prefix_rewrite": uri}


def _mirrors(route: Mapping[str, Any], find: Finder) -> list[Obj]:
    wanted = [(route.get("mirror"), route.get("mirrorPercentage"))]
    wanted += [(each.get("destination"), each.get("percentage")) for each in route.get("mirrors") or ()]
    found = []
    for destination, percentage in wanted:
        port = find(destination) if destination else None
        if port is None:
            continue
        percent = 100.0 if percentage is None else float(percentage.get("value") or 0)
        share = {"numerator": round(percent / 100 * _MILLION), "denominator": "MILLION"}
        found.append({"cluster": shares(port, 1)[0][0], "runtime_fraction": {"default_value": share}})
    return found


def _headers(wanted: Mapping[str, Any]) -> tuple[str, Obj]:
    """A new host, if one is set, and all other changes."""
    found: Obj = {}
    host = ""
    for side in ("request", "response"):
        changes = wanted.get(side) or {}
        entries = []
        for kind, what in (("set", "OVERWRITE_IF_EXISTS_OR_ADD"), ("add", "APPEND_IF_EXISTS_OR_ADD")):
            for name, value in (changes.get(kind) or {}).items():
                if side == "request" and name.lower() in {"host", ":authority"}:
                    host = value
                else:
                    header = {"key": name, "value": str(value).replace("%", "%%")}
                    entries.append({"header": header, "append_action": what, "keep_empty_value": True})
        if entries:
            found[f"{side}_headers_to_add"] = entries
        if changes.get("remove"):
            found[f"{side}_headers_to_remove"] = list(changes["remove"])
    return host, found


def _redirect(wanted: Mapping[str, Any]) -> Obj:
    found: Obj = {"response_code": _REDIRECTS[int(wanted.get("redirectCode") or 301)]}
    for theirs, ours in (("uri", "path_redirect"), ("authority", "host_redirect"), ("scheme", "scheme_redirect")):
        if wanted.get(theirs):
            found[ours] = wanted[theirs]
    return found


def _cors(wanted: Mapping[str, Any]) -> Obj:
    origins = [{"exact": each} for each in wanted.get("allowOrigin") or ()]
    for each in wanted.get("allowOrigins") or ():
        origins += [{k: each[k]} for k in ("exact", "prefix") if k in each]
        origins += [{"safe_regex": {"regex": each["regex"]}}] if "regex" in each else []
    found: Obj = {"@type": _CORS_TYPE, "allow_origin_string_match": origins}
    for name in ("allowMethods", "allowHeaders", "exposeHeaders"):
        if wanted.get(name):
            found[re.sub("([A-Z])", lambda m: f"_{m[1].lower()}", name)] = ",".join(wanted[name])
    if wanted.get("maxAge"):
        found["max_age"] = str(int(duration_s(wanted["maxAge"]) or 0))
    if wanted.get("allowCredentials") is not None:
        found["allow_credentials"] = bool(wanted["allowCredentials"])
    return found
