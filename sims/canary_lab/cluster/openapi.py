"""OpenAPI documents: as much as kubectl needs to explain kinds and to know what a write takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from canary_lab.cluster.gotypes import ANY_LEAVES, Field, split_type, types
from canary_lab.cluster.resources import Registry, Resource

Obj = dict[str, Any]
ASKED_SWAGGER = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
SENT_SWAGGER = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
"""What clients ask for is not quite a media type, and what servers call it is one."""
_META = "io.k8s.apimachinery.pkg.apis.meta.v1"
_PACKAGES = {
    "meta/v1": _META,
    "resource": "io.k8s.apimachinery.pkg.api.resource",
    "intstr": "io.k8s.apimachinery.pkg.util.intstr",
    "runtime": "io.k8s.apimachinery.pkg.runtime",
    "apiextensions/v1": "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
    "apiregistration/v1": "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1",
}
_LEAVES: dict[str, Obj] = {
    "meta/v1.Time": {"type": "string", "format": "date-time"},
    "meta/v1.MicroTime": {"type": "string", "format": "date-time"},
    "meta/v1.Duration": {"type": "string"},
    "resource.Quantity": {"type": "string"},
    "intstr.IntOrString": {"type": "string", "format": "int-or-string"},
}
_PRIMITIVES: dict[str, Obj] = {
    "string": {"type": "string"},
    "bool": {"type": "boolean"},
    "int32": {"type": "integer", "format": "int32"},
    "int64": {"type": "integer", "format": "int64"},
    "float64": {"type": "number", "format": "double"},
    "bytes": {"type": "string", "format": "byte"},
}
_PATCHES = ("application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json")
_ABOUT_META = (
    "Standard object's metadata. More info: "
    "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata"
)


def _name(type_: str) -> str:
    package, _, name = type_.rpartition(".")
    return f"{_PACKAGES.get(package, 'io.k8s.api.' + package.replace('/', '.'))}.{name}"


def _go_schema(expr: str, prefix: str, used: set[str]) -> Obj:
    form, inner = split_type(expr)
    if form == "ptr":
        return _go_schema(inner, prefix, used)
    if form == "slice":
        return {"type": "array", "items": _go_schema(inner, prefix, used)}
    if form == "map":
        return {"type": "object", "additionalProperties": _go_schema(inner, prefix, used)}
    inner = types().aliases.get(inner, inner)
    if inner in _PRIMITIVES:
        return dict(_PRIMITIVES[inner])
    used.add(inner)
    return {"$ref": prefix + _name(inner)}


def _struct_schema(name: str, prefix: str, used: set[str]) -> Obj:
    if name in ANY_LEAVES:
        return {"type": "object"}
    if name in _LEAVES:
        return dict(_LEAVES[name])
    fields = types().fields(name).values()
    properties = {f.name: _field_schema(f, prefix, used) for f in fields}
    needed = [f.name for f in fields if "R" in f.flags or ("o" not in f.flags and _plain(f))]
    schema: Obj = {"type": "object", "properties": properties}
    return {**schema, "required": needed} if needed else schema


def _plain(field: Field) -> bool:
    return split_type(field.type)[0] != "ptr"


def _field_schema(field: Field, prefix: str, used: set[str]) -> Obj:
    schema = _go_schema(field.type, prefix, used)
    if "$ref" in schema and prefix.startswith("#/components"):
        schema = {"allOf": [schema]}
    names = {"p": "patch-strategy", "k": "patch-merge-key", "L": "list-type", "M": "map-type"}
    schema |= {f"x-kubernetes-{names[t]}": v for t, v in field.tags.items() if t in names}
    if "K" in field.tags:
        schema["x-kubernetes-list-map-keys"] = field.tags["K"].split(",")
    return schema


def _go_schemas(roots: Mapping[str, list[Obj]], prefix: str) -> Obj:
    """The schemas of Go types and of all that they refer to; `roots` have kinds."""
    found: Obj = {}
    todo = set(roots)
    while todo:
        name = todo.pop()
        used: set[str] = set()
        schema = _struct_schema(name, prefix, used)
        if roots.get(name):
            schema["x-kubernetes-group-version-kind"] = roots[name]
        found[_name(name)] = schema
        todo |= {u for u in used if _name(u) not in found}
    return found


def _gvk(r: Resource) -> Obj:
    return {"group": r.group, "kind": r.kind, "version": r.version}


def _custom_name(r: Resource) -> str:
    return ".".join([*reversed(r.group.split(".")), r.version, r.kind])


def _custom_schema(r: Resource, prefix: str) -> Obj:
    schema = _clean((r.definition.get("schema") or {}).get("openAPIV3Schema") or {"type": "object"})
    ref = {"$ref": f"{prefix}{_META}.ObjectMeta"}
    meta = (
        {"description": _ABOUT_META, "allOf": [ref]}
        if prefix.startswith("#/components")
        else {"description": _ABOUT_META, **ref}
    )
    own = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": meta}
    schema["properties"] = {**(schema.get("properties") or {}), **own}
    return {**schema, "x-kubernetes-group-version-kind": [_gvk(r)]}


def _clean(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_clean(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    found = {k: _clean(v) for k, v in schema.items()}
    if found.get("x-kubernetes-int-or-string") is True:
        found.setdefault("anyOf", [{"type": "integer"}, {"type": "string"}])
    return found


def index(registry: Registry, hash_of: Any) -> Obj:
    """The index of /openapi/v3; `hash_of` gives the hash of a document."""
    paths = {}
    for group, versions in registry.groups().items():
        for version in versions:
            path = f"apis/{group}/{version}" if group else f"api/{version}"
            url = f"/openapi/v3/{path}?hash={hash_of(group, version)}"
            paths[path] = {"serverRelativeURL": url}
    return {"paths": paths}


def document(registry: Registry, group: str, version: str) -> Obj | None:
    """The OpenAPI v3 document of a group version; None if there is no such version."""
    resources = registry.in_version(group, version)
    if not resources:
        return None
    prefix = "#/components/schemas/"
    roots: dict[str, list[Obj]] = {r.go_type: [_gvk(r)] for r in resources if r.go_type}
    roots.setdefault("meta/v1.ObjectMeta", [])
    roots["meta/v1.DeleteOptions"] = [{"group": group, "kind": "DeleteOptions", "version": version}]
    schemas = _go_schemas(roots, prefix)
    schemas[f"{_META}.Patch"] = {"type": "object"}
    schemas |= {_custom_name(r): _custom_schema(r, prefix) for r in resources if r.custom}
    paths = {p: item for r in resources for p, item in _paths(r).items()}
    info = {"title": "Kubernetes", "version": "v1.36.2"}
    return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": schemas}}


def _paths(r: Resource) -> Obj:
    base = f"/apis/{r.group}/{r.version}" if r.group else f"/api/{r.version}"
    base += "/namespaces/{namespace}" if r.namespaced else ""
    one = f"{base}/{r.plural}/{{name}}"
    gvk = {"group": r.group, "version": r.version, "kind": r.kind}

    def action(name: str, **more: Any) -> Obj:
        return {"x-kubernetes-action": name, "x-kubernetes-group-version-kind": gvk, **more}

    writes = [_parameter(n) for n in ("dryRun", "fieldManager", "fieldValidation")]
    patches = _PATCHES if r.custom else (*_PATCHES, "application/strategic-merge-patch+json")
    ref = {"schema": {"$ref": f"#/components/schemas/{_META}.Patch"}}
    body = {"content": dict.fromkeys(patches, ref), "required": True}
    return {
        f"{base}/{r.plural}": {"get": action("list"), "post": action("post", parameters=writes)},
        one: {
            "get": action("get"),
            "put": action("put", parameters=writes),
            "patch": action("patch", parameters=[*writes, _parameter("force", "boolean")], requestBody=body),
            "delete": action("delete"),
        },
    }


def _parameter(name: str, type_: str = "string") -> Obj:
    return {"name": name, "in": "query", "schema": {"type": type_, "uniqueItems": True}}


def swagger(registry: Registry) -> Obj:
    """The OpenAPI v2 document: definitions only."""
    prefix = "#/definitions/"
    everything = [r for g, vs in registry.groups().items() for v in vs for r in registry.in_version(g, v)]
    roots: dict[str, list[Obj]] = {r.go_type: [_gvk(r)] for r in everything if r.go_type}
    definitions = _go_schemas(roots, prefix) | {
        _custom_name(r): _custom_schema(r, prefix) for r in everything if r.custom
    }
    return {
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": "v1.36.2"},
        "paths": {},
        "definitions": definitions,
    }


def bare_swagger() -> bytes:
    """The OpenAPI v2 document in protobuf, without definitions.

    Helm 3 and older kubectls take no other form. What has no definition they do not check themselves, and the server
    checks all that it is sent.
    """
    info = b"\n\nKubernetes" + b"\x12\x07v1.36.2"  # title, version
    return b"\n\x032.0" + b"\x12" + bytes([len(info)]) + info  # swagger, info
