"""Whether an applied configuration fits its schema, in the words of the library that real servers use for it."""

from __future__ import annotations

import json
from typing import Any

from canary_lab.cluster.errors import ApiError
from canary_lab.cluster.resources import Resource
from canary_lab.cluster.shapes import Shape, effective, element_key
from canary_lab.cluster.store import Obj

_GO_TYPES = {
    str: "string",
    bool: "bool",
    dict: "map[string]interface {}",
    list: "[]interface {}",
    float: "float64",
    int: "int64",
}


def check_typed(resource: Resource, shape: Shape, config: Obj) -> None:
    """Refuses a configuration with unknown fields, wrong types or doubled keys.

    Raises:
        ApiError: 500.
    """
    found = _check(shape, config, "")
    if not found:
        return
    meta = config.get("metadata") or {}
    name, namespace = (meta.get(k) if isinstance(meta.get(k), str) else "" for k in ("name", "namespace"))
    what = f"{namespace}/{name}; {resource.group}/{resource.version}, Kind={resource.kind}"
    text = found[0] if len(found) == 1 else "errors:\n  " + "\n  ".join(found)
    raise ApiError(500, "", f"failed to create typed patch object ({what}): {text}")


def _check(shape: Shape, value: Any, path: str) -> list[str]:
    if value is None or shape.kind == "any":
        return []
    if shape.kind == "scalar":
        wrong = _wrong_scalar(shape.scalar, value)
        return [f"{path}: {wrong}"] if wrong else []
    if isinstance(value, dict):
        return _check_map(shape, value, path)
    if isinstance(value, list):
        return _check_list(shape, value, path)
    wanted = "list" if shape.kind in ("list", "set") else "map"
    return [] if shape.kind == "atomic" else [f"{path}: expected {wanted}, got {_go(value)}"]


def _check_map(shape: Shape, value: Obj, path: str) -> list[str]:
    if shape.kind in ("list", "set"):
        return [f"{path}: expected list, got {_go(value)}"]
    found = []
    for key, inner in value.items():
        below = shape.field(key)
        if below is None and shape.kind != "atomic":
            found.append(f"{path}.{key}: field not declared in schema")
        elif below is not None:
            found += _check(below, inner, f"{path}.{key}")
    return found


def _check_list(shape: Shape, value: list[Any], path: str) -> list[str]:
    if effective(shape, value) == "map":
        return [f"{path}: expected map, got {_go(value)}"]
    found, seen = [], set()
    for i, item in enumerate(value):
        where = f"{path}[{i}]"
        if shape.kind in ("list", "set"):
            key = element_key(shape, item)
            if key in seen:
                found.append(f"{path}: duplicate entries for key {_key_text(key)}")
            seen.add(key)
            where = path + _key_text(key)
        found += _check(shape.items(), item, where)
    return found


def _key_text(key: str) -> str:
    kind, _, text = key.partition(":")
    if kind == "v":
        return f"[={text}]"
    return "[" + ",".join(f"{k}={json.dumps(v)}" for k, v in json.loads(text).items()) + "]"


def _wrong_scalar(wanted: str, value: Any) -> str:
    is_bool = isinstance(value, bool)
    if wanted == "numeric" and (is_bool or not isinstance(value, int | float)):
        return f"expected numeric (int or float), got {_GO_TYPES[type(value)]}"
    if wanted == "string" and not isinstance(value, str):
        return f"expected string, got &value.valueUnstructured{{Value:{_go(value)}}}"
    if wanted == "boolean" and not is_bool:
        return f"expected boolean, got &value.valueUnstructured{{Value:{_go(value)}}}"
    return ""


def _go(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
