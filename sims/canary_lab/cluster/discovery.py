"""Discovery: what groups, versions and resources there are, in the plain and in the aggregated form."""

from __future__ import annotations

from typing import Any

from canary_lab.cluster.negotiate import clauses, not_acceptable
from canary_lab.cluster.resources import Registry, Resource, Subresource

Obj = dict[str, Any]
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
VERSION = {
    "major": "1",
    "minor": "36",
    "emulationMajor": "1",
    "emulationMinor": "36",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "35",
    "gitVersion": "v1.36.2",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "2026-06-01T00:00:00Z",
    "goVersion": "go1.26",
    "compiler": "gc",
    "platform": "linux/amd64",
}


def wants_aggregated(accept: str) -> bool:
    """Whether the aggregated form comes first among those that are accepted and known.

    Raises:
        ApiError: 406, none is.
    """
    for media, parameters in clauses(accept):
        if media not in ("application/json", "*/*", "application/*", "application/yaml"):
            continue
        if "as" not in parameters:
            return False
        if (parameters["as"], parameters.get("g"), parameters.get("v")) == (
            "APIGroupDiscoveryList",
            "apidiscovery.k8s.io",
            "v2",
        ):
            return True
    raise not_acceptable(accept)


def group(registry: Registry, name: str, *, head: bool = True) -> Obj | None:
    """One group; None if there is no such group."""
    versions = registry.groups().get(name)
    if not versions or not name:
        return None
    listed = [{"groupVersion": f"{name}/{v}", "version": v} for v in versions]
    kind = {"kind": "APIGroup", "apiVersion": "v1"} if head else {}
    return {**kind, "name": name, "versions": listed, "preferredVersion": listed[0]}


def groups(registry: Registry) -> Obj:
    """All groups."""
    found = [group(registry, name, head=False) for name in registry.groups() if name]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": found}


def version(registry: Registry, group_: str, version_: str) -> Obj | None:
    """The resources of a group version; None if there is no such version."""
    resources = registry.in_version(group_, version_)
    if not resources:
        return None
    listed = [entry for r in resources for entry in [_resource(r), *(_subresource(r, s) for s in _subs(r))]]
    name = f"{group_}/{version_}" if group_ else version_
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": listed}


def _subs(resource: Resource) -> list[Subresource]:
    return [resource.subresources[name] for name in sorted(resource.subresources)]


def _resource(r: Resource) -> Obj:
    entry: Obj = {
        "name": r.plural,
        "singularName": r.singular,
        "namespaced": r.namespaced,
        "kind": r.kind,
        "verbs": list(r.verbs),
    }
    if r.short_names:
        entry["shortNames"] = list(r.short_names)
    if r.categories:
        entry["categories"] = list(r.categories)
    return entry


def _subresource(r: Resource, s: Subresource) -> Obj:
    entry: Obj = {"name": f"{r.plural}/{s.name}", "singularName": "", "namespaced": r.namespaced}
    if s.group:
        entry |= {"group": s.group, "version": s.version}
    return {**entry, "kind": s.kind or r.kind, "verbs": list(s.verbs)}


def aggregated(registry: Registry, *, core: bool) -> Obj:
    """The groups (or the core group) with all their resources in one answer."""
    items = []
    for name, versions in registry.groups().items():
        if (name == "") == core:
            entries = [_aggregated_version(registry, name, v) for v in versions]
            items.append({"metadata": {"name": name} if name else {}, "versions": entries})
    head = {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}}
    return {**head, "items": items}


def _aggregated_version(registry: Registry, group_: str, version_: str) -> Obj:
    resources = [_aggregated_resource(r) for r in registry.in_version(group_, version_)]
    return {"version": version_, "resources": resources, "freshness": "Current"}


def _aggregated_resource(r: Resource) -> Obj:
    own = (r.group, r.version) if r.custom else ("", "")
    entry: Obj = {"resource": r.plural, "responseKind": _kind(*own, r.kind)}
    entry |= {
        "scope": "Namespaced" if r.namespaced else "Cluster",
        "singularResource": r.singular,
        "verbs": list(r.verbs),
    }
    if r.short_names:
        entry["shortNames"] = list(r.short_names)
    if r.categories:
        entry["categories"] = list(r.categories)
    subs: list[Obj] = []
    for s in _subs(r):
        kind = _kind(s.group, s.version, s.kind) if s.kind else _kind(*own, r.kind)
        subs.append({"subresource": s.name, "responseKind": kind, "verbs": list(s.verbs)})
    return {**entry, "subresources": subs} if subs else entry


def _kind(group_: str, version_: str, kind: str) -> Obj:
    return {"group": group_, "version": version_, "kind": kind}


def root(registry: Registry) -> Obj:
    """The paths that there are."""
    paths = ["/.well-known/openid-configuration", "/api", "/api/v1", "/apis"]
    for name, versions in sorted(registry.groups().items()):
        if name:
            paths += [f"/apis/{name}", *(f"/apis/{name}/{v}" for v in versions)]
    return {"paths": [*paths, "/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/readyz", "/version"]}
