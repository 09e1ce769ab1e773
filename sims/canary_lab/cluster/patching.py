"""PATCH: from the content type to the new object, with what is unknown in it reported or refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from canary_lab.cluster import last_applied, managed, patches
from canary_lab.cluster.api import Api, Transform, Write
from canary_lab.cluster.bodies import is_registered, parse_json, parse_yaml, unregistered
from canary_lab.cluster.codec import DecodeError, go_map
from canary_lab.cluster.errors import ApiError, bad_request, invalid, invalid_error, patch_error
from canary_lab.cluster.resources import Resource
from canary_lab.cluster.store import Obj
from canary_lab.cluster.typed import check_typed

JSON_PATCH, MERGE_PATCH = "application/json-patch+json", "application/merge-patch+json"
APPLY, STRATEGIC = "application/apply-patch+yaml", "application/strategic-merge-patch+json"
Decode = Callable[[Any], tuple[Obj, list[str]]]


def check_type(resource: Resource, content_type: str) -> str:
    """The media type of a PATCH.

    Raises:
        ApiError: 415.
    """
    type_ = content_type.partition(";")[0].strip()
    if type_ in (JSON_PATCH, MERGE_PATCH, APPLY) or (type_ == STRATEGIC and not resource.custom):
        return type_
    if not resource.custom:
        raise ApiError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})
    accepted = f"{JSON_PATCH}, {MERGE_PATCH}, {APPLY}"
    why = f"the body of the request was in an unknown format - accepted media types include: {accepted}"
    raise ApiError(415, "UnsupportedMediaType", why)


def _parse(type_: str, raw: bytes) -> Any:
    wanted, go = (list, "[]handlers.jsonPatchOp") if type_ == JSON_PATCH else (dict, "map[string]interface {}")
    try:
        value = parse_json(raw.decode())
    except ValueError as e:
        raise bad_request(f"error decoding patch: {e}") from e
    if not isinstance(value, wanted):
        has = {dict: "object", list: "array", str: "string", bool: "bool"}.get(type(value), "number")
        raise bad_request(f"error decoding patch: json: cannot unmarshal {has} into Go value of type {go}")
    return value


def patcher(
    api: Api, resource: Resource, type_: str, raw: bytes, decode: Decode, validation: str, how: Write
) -> Transform:
    """What a JSON, merge or strategic patch makes of an object; `decode` reads the result.

    Raises:
        ApiError: 400, the patch cannot be read.
    """
    patch = _parse(type_, raw)

    def transform(old: Obj | None) -> Obj:
        shown: str | None = None
        if type_ == JSON_PATCH:
            patched = patches.json_patch(old, patch)
        elif type_ == MERGE_PATCH:
            patched = patches.merge_patch(old, patch)
        else:
            patched, shown = patches.strategic_patch(api.shape(resource), old or {}, patch), go_map(patch)
        if how.subresource != "scale":
            _check_kind(resource, patched)
        try:
            new, messages = decode(patched)
        except DecodeError as e:
            raise patch_error(_text(patched), str(e)) from e
        if validation == "Strict" and messages:
            why = "strict decoding error: " + ", ".join(messages)
            raise patch_error(shown or _text(patched), why)
        if validation != "Ignore":
            how.warnings.extend(messages)
        return new

    return transform


def _check_kind(resource: Resource, patched: Obj) -> None:
    """A patch cannot make another kind of an object."""
    kind, version = patched.get("kind", resource.kind), patched.get("apiVersion", resource.api_version)
    if (kind, version) == (resource.kind, resource.api_version) or is_registered(str(version), str(kind)):
        return
    if not resource.custom:
        raise patch_error(_text(patched), unregistered(version, kind))
    name = patched["metadata"]["name"]
    if kind != resource.kind:
        raise invalid_error(resource.group, kind, name, [invalid("kind", kind, f"must be {resource.kind}")])
    raise invalid_error("", kind, name, [invalid("apiVersion", version, f"must be {resource.api_version}")])


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def applier(api: Api, resource: Resource, name: str, raw: bytes, how: Write, *, force: bool) -> Transform:
    """What server-side apply makes of an object.

    Raises:
        ApiError: 400, or 500 for a configuration that does not fit its schema.
    """
    config = parse_yaml(raw)
    if not isinstance(config, dict):
        raise bad_request("error decoding patch: the body is no object")
    _check_config(resource, config, name)
    config = _own_part(resource, config, how)
    manager = managed.Manager(how.manager, "Apply", resource.api_version, how.subresource)
    shape = api.shape(resource)

    def transform(old: Obj | None) -> Obj:
        live = old or {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": {"name": name}}
        free = last_applied.unchanged(shape, live) if manager.name == last_applied.KUBECTL else frozenset()
        merged, entries = managed.apply(shape, live, config, manager, force=force, free=free)
        merged["metadata"] = dict(merged["metadata"])
        if manager.name == last_applied.KUBECTL:
            last_applied.note(merged, config)
        try:
            new, _ = api.codec.decode(resource, merged)
        except DecodeError as e:
            raise ApiError(500, "", f"failed to convert new object: {e}") from e
        managed.write(new, entries)
        return new

    def checked(old: Obj | None) -> Obj:
        check_typed(resource, shape, config)
        return transform(old)

    return checked


def _check_config(resource: Resource, config: Obj, name: str) -> None:
    group, _, version = str(config.get("apiVersion", "")).rpartition("/")
    if (group, version, config.get("kind")) != (resource.group, resource.version, resource.kind):
        raise bad_request(f"invalid object type: {group}/{version}, Kind={config.get('kind', '')}")
    meta = config.setdefault("metadata", {})
    if not isinstance(meta, dict):
        raise bad_request("error decoding patch: metadata is no map")
    if "managedFields" in meta:
        raise bad_request("metadata.managedFields must be nil")
    has = meta.setdefault("name", name)
    if isinstance(has, str) and has != name:
        raise bad_request(f"the name of the object ({has}) does not match the name on the URL ({name})")


def _own_part(resource: Resource, config: Obj, how: Write) -> Obj:
    """What of a configuration counts on this path."""
    if how.subresource == "status":
        return {k: v for k, v in config.items() if k in ("apiVersion", "kind", "metadata", "status")}
    if "status" in resource.subresources:
        return {k: v for k, v in config.items() if k != "status"}
    return config
