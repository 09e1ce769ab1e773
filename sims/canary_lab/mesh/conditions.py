"""The conditions of a VirtualService's routes as Envoy's.

https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPMatchRequest
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from canary_lab.cluster.store import Obj
from canary_lab.mesh.snapshot import Sidecar, gateway_name

__all__ = ["applies", "condition"]

_PSEUDO = {"scheme": ":scheme", "method": ":method", "authority": ":authority"}


def applies(match: Mapping[str, Any], sidecar: Sidecar, port: int, namespace: str) -> bool:
    """Whether a condition can hold for requests from somewhere to a port: what is known before any request comes.

    Args:
        match: Of an HTTP or TCP route.
        sidecar: Where requests come from.
        port: The port of the Service that is asked for.
        namespace: Of the VirtualService.
    """
    if match.get("port") and int(match["port"]) != port:
        return False
    if match.get("sourceNamespace") and match["sourceNamespace"] != sidecar.namespace:
        return False
    wanted = match.get("sourceLabels") or {}
    if wanted and (sidecar.gateway or not wanted.items() <= dict(sidecar.labels).items()):
        return False
    gateways = match.get("gateways")
    if gateways:
        named = {name if name == "mesh" else gateway_name(name, namespace) for name in gateways}
        return (sidecar.gateway or "mesh") in named
    return True


def condition(match: Mapping[str, Any]) -> Obj:
    """What each request has to fulfil."""
    found = _path(match.get("uri"), ignore_case=bool(match.get("ignoreUriCase")))
    headers = [_named(_PSEUDO[name], match[name]) for name in _PSEUDO if match.get(name)]
    headers += [_named(name, wanted) for name, wanted in (match.get("headers") or {}).items()]
    headers += [
        {**_named(name, wanted), "invert_match": True, "treat_missing_header_as_empty": bool(wanted)}
        for name, wanted in (match.get("withoutHeaders") or {}).items()
    ]
    if headers:
        found["headers"] = headers
    if match.get("queryParams"):
        found["query_parameters"] = [_named(name, wanted) for name, wanted in match["queryParams"].items()]
    return found


def _path(uri: Mapping[str, Any] | None, *, ignore_case: bool) -> Obj:
    sensitive = {"case_sensitive": False} if ignore_case else {}
    if not uri:
        return {"prefix": "/"}
    if uri.get("exact"):
        return {"path": uri["exact"], **sensitive}
    if uri.get("prefix"):
        return {"prefix": uri["prefix"], **sensitive}
    regex = f"(?i){uri['regex']}" if ignore_case else uri["regex"]
    return {"safe_regex": {"regex": regex}}


def _named(name: str, wanted: Mapping[str, Any]) -> Obj:
    """A header or parameter by its value; without any word on that, it has to be there."""
    text = _text(wanted)
    return {"name": name, "string_match": text} if text else {"name": name, "present_match": True}


def _text(wanted: Mapping[str, Any]) -> Obj:
    for kind in ("exact", "prefix", "suffix"):
        if kind in wanted:
            return {kind: wanted[kind]}
    return {"safe_regex": {"regex": wanted["regex"]}} if "regex" in wanted else {}
