"""Which requests a route is for: what the service declares and what the analysis declares, together."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from canary_adapters.kubernetes.resources import Obj
from canary_adapters.manifests.hosts import MESH

__all__ = ["at_gateways", "both", "with_header", "without_suffixes"]

_CONDITIONS = ("headers", "queryParams", "sourceLabels")


def both(analysis: Iterable[Mapping[str, Any]], service: Iterable[Mapping[str, Any]]) -> list[Obj]:
    """Conditions that hold where one of the first and one of the second list holds.

    The order is that of the first list and, within it, that of the second: the first match decides in Istio. Where both
    say something of the same header, the first list's word counts.
    """
    general = list(service) or [{}]
    return [_joined(special, entry) for special in analysis for entry in general]


def _joined(special: Mapping[str, Any], entry: Mapping[str, Any]) -> Obj:
    found = dict(entry)
    for part in _CONDITIONS:
        if special.get(part):
            found[part] = {**(entry.get(part) or {}), **special[part]}
    return found


def with_header(matches: Iterable[Mapping[str, Any]], name: str, regex: str) -> list[Obj]:
    """The same conditions, for requests whose header also matches."""
    return both([{"headers": {name: {"regex": regex}}}], matches)


def at_gateways(matches: Sequence[Mapping[str, Any]], gateways: Sequence[str], *, mesh: bool) -> list[Obj]:
    """The same conditions, for requests that come either inside of the mesh or through gateways; empty: for none.

    Args:
        matches: The conditions. Empty: all requests.
        gateways: Those for which a condition holds that names none itself.
        mesh: Whether requests inside of the mesh are meant, rather than those through gateways.
    """
    found = []
    for match in matches or ({},):
        here = [gateway for gateway in match.get("gateways") or gateways if (gateway == MESH) == mesh]
        if here:
            found.append({**match, "gateways": here})
    return found


def without_suffixes(match: Mapping[str, Any]) -> Obj:
    """A condition of an analysis as Istio knows it: what a header ends with is a regular expression there.

    Istio would drop a ``suffix``, and take all requests that have the header.
    """
    headers = match.get("headers")
    if not headers:
        return dict(match)
    return {**match, "headers": {name: _known(how) for name, how in headers.items()}}


def _known(how: Mapping[str, Any]) -> Obj:
    return {"regex": f".*{re.escape(how['suffix'])}"} if how.get("suffix") is not None else dict(how)
