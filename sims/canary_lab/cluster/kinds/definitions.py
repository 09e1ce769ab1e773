# ruff: noqa: ARG002, D102
# Hooks take what some kind needs; they are described in `Strategy`.
"""CustomResourceDefinitions: defaults, and what is refused."""

from __future__ import annotations

from typing import Any

from canary_lab.cluster import schema
from canary_lab.cluster.errors import Cause, invalid, required, unsupported
from canary_lab.cluster.kinds.base import Obj
from canary_lab.cluster.kinds.simple import SpecStrategy
from canary_lab.cluster.patterns import pattern_error

_APPROVED = "api-approved.kubernetes.io"


class DefinitionStrategy(SpecStrategy):
    """A CustomResourceDefinition."""

    unconditional_update = False
    answers_deleted_object = True

    def default(self, obj: Obj) -> None:
        names = obj["spec"]["names"]
        if names.get("kind"):
            names.setdefault("singular", names["kind"].lower())
            names.setdefault("listKind", f"{names['kind']}List")
        obj["spec"].setdefault("conversion", {"strategy": "None"})

    def prepare_create(self, obj: Obj) -> None:
        stored = [v["name"] for v in obj["spec"].get("versions") or () if v.get("storage")][:1]
        obj["status"] = {
            "conditions": None,
            "acceptedNames": {"plural": "", "kind": ""},
            "storedVersions": stored or None,
        }

    def prepare_update(self, new: Obj, old: Obj) -> None:
        status = new.setdefault("status", {})
        stored = status.get("storedVersions") or []
        added = [name for name in _storage(new["spec"].get("versions") or [])[:1] if name not in stored]
        if added:
            status["storedVersions"] = [*stored, *added]

    def check(self, obj: Obj) -> list[Cause]:
        spec, name = obj["spec"], obj["metadata"]["name"]
        names, found = spec["names"], []
        if name != f"{names.get('plural', '')}.{spec.get('group', '')}":
            found.append(invalid("metadata.name", name, 'must be spec.names.plural+"."+spec.group'))
        if not spec.get("group"):
            found.append(required("spec.group"))
        if not spec.get("scope"):
            found.append(required("spec.scope"))
        elif spec["scope"] not in ("Cluster", "Namespaced"):
            found.append(unsupported("spec.scope", spec["scope"], ("Cluster", "Namespaced")))
        found += _check_versions(spec.get("versions") or [])
        keys = ("plural", "singular", "kind", "listKind")
        found += [required(f"spec.names.{key}") for key in keys if not names.get(key)]
        found += _check_stored(obj) + _check_schemas(spec.get("versions") or [])
        return found + _check_approval(obj)

    def check_update(self, new: Obj, old: Obj) -> list[Cause]:
        return self.check(new)


def _check_approval(obj: Obj) -> list[Cause]:
    group = obj["spec"].get("group", "")
    reserved = group.endswith((".k8s.io", ".kubernetes.io"))
    if not reserved or (obj["metadata"].get("annotations") or {}).get(_APPROVED):
        return []
    why = f'protected groups must have approval annotation "{_APPROVED}", see https://github.com/kubernetes/enhancements/pull/1111'
    return [required(f"metadata.annotations[{_APPROVED}]", why)]


def _storage(versions: list[dict[str, Any]]) -> list[str]:
    return [v["name"] for v in versions if v.get("storage")]


def _check_versions(versions: list[dict[str, Any]]) -> list[Cause]:
    if len(_storage(versions)) == 1:
        return []
    internal = (
        "Deprecated",
        "DeprecationWarning",
        "Schema",
        "Subresources",
        "AdditionalPrinterColumns",
        "SelectableFields",
    )
    shown = [
        {
            "Name": v["name"],
            "Served": v["served"],
            "Storage": v["storage"],
            **dict.fromkeys(internal),
            "Deprecated": False,
        }
        for v in versions
    ]
    return [invalid("spec.versions", shown or None, "must have exactly one version marked as storage version")]


def _check_stored(obj: Obj) -> list[Cause]:
    stored = (obj.get("status") or {}).get("storedVersions")
    if not stored:
        return [invalid("status.storedVersions", stored, "must have at least one stored version")]
    missing = [v for v in _storage(obj["spec"].get("versions") or [])[-1:] if v not in stored]
    return [invalid("status.storedVersions", stored, f"must have the storage version {v}") for v in missing]


def _check_schemas(versions: list[dict[str, Any]]) -> list[Cause]:
    found = []
    for i, version in enumerate(versions):
        body = (version.get("schema") or {}).get("openAPIV3Schema")
        where = f"spec.versions[{i}].schema.openAPIV3Schema"
        if body is None:
            found.append(required(where))
        else:
            # Internally the schema of an only version stands at the top.
            found += _check_structure(
                body, "spec.validation.openAPIV3Schema" if len(versions) == 1 else where, top=True
            )
    return found


def _check_structure(body: dict[str, Any], path: str, *, top: bool = False) -> list[Cause]:
    """A schema must say the type of everything, and defaults must fit."""
    found = []
    for name, inner in (body.get("properties") or {}).items():
        found += _check_structure(inner or {}, f"{path}.properties[{name}]")
    for key in ("items", "additionalProperties"):
        if isinstance(body.get(key), dict):
            found += _check_structure(body[key], f"{path}.{key}")
    loose = body.get("x-kubernetes-int-or-string") or body.get(schema.PRESERVE)
    if not body.get("type") and not loose:
        what = "at the root" if top else "for specified object fields"
        found.append(required(f"{path}.type", f"must not be empty {what}"))
    if why := pattern_error(body.get("pattern") or ""):
        said = f"must be a valid regular expression, but isn't: {why}"
        return [*found, invalid(f"{path}.pattern", body["pattern"], said)]
    if "default" in body:
        found += schema.check(body, body["default"], f"{path}.default")
    return found
