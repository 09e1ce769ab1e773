"""Custom resources against their structural schema: unknown fields pruned, defaults filled in, values checked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from canary_lab.cluster.clock import parse_time
from canary_lab.cluster.errors import Cause, go_value, required, too_long, unsupported
from canary_lab.cluster.patterns import matches
from canary_lab.cluster.store import copied

Schema = Mapping[str, Any]
PRESERVE = "x-kubernetes-preserve-unknown-fields"


def prune(schema: Schema, value: Any, path: str = "") -> list[str]:
    """Removes what the schema does not know, in place; answers with the paths of it."""
    lost: list[str] = []
    if isinstance(value, list):
        for i, item in enumerate(value):
            lost += prune(schema.get("items") or {}, item, f"{path}[{i}]")
    elif isinstance(value, dict):
        known, more = schema.get("properties") or {}, schema.get("additionalProperties")
        for key in list(value):
            inner = known.get(key, more if isinstance(more, Mapping) else None)
            where = f"{path}.{key}" if path else key
            if inner is not None:
                lost += prune(inner, value[key], where)
            elif not (more or schema.get(PRESERVE)):
                del value[key]
                lost.append(where)
    return lost


def fill(schema: Schema, value: Any) -> None:
    """Fills in defaults inside of what is there, in place; null gives way to a default or vanishes."""
    if isinstance(value, list):
        for item in value:
            fill(schema.get("items") or {}, item)
    elif isinstance(value, dict):
        known, more = schema.get("properties") or {}, schema.get("additionalProperties")
        for key, inner in known.items():
            if value.get(key) is None and "default" in inner and (key not in value or not inner.get("nullable")):
                value[key] = copied(inner["default"])
        for key in list(value):
            inner = known.get(key, more if isinstance(more, Mapping) else None)
            if inner is None:
                continue
            if value[key] is None and not inner.get("nullable") and not inner.get(PRESERVE):
                del value[key]
            else:
                fill(inner, value[key])


def type_of(value: Any) -> str:
    """The JSON schema type; a whole float is an integer."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, float):
        return "integer" if value.is_integer() else "number"
    return {int: "integer", str: "string", list: "array", dict: "object", type(None): "null"}[type(value)]


def check(schema: Schema, value: Any, path: str = "", name: str = "") -> list[Cause]:
    """All that is wrong with a value. `name` is its path as messages say it; it begins below `status` for a status."""
    if value is None and schema.get("nullable"):
        return []
    if wrong := _check_type(schema, value, path, name):
        return wrong
    found = [c for rule in _RULES for c in rule(schema, value, path, name)]
    if isinstance(value, dict):
        found += _check_members(schema, value, path, name)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            found += check(schema.get("items") or {}, item, f"{path}[{i}]", f"{name}[{i}]")
    return found


def _check_type(schema: Schema, value: Any, path: str, name: str) -> list[Cause]:
    type_, is_ = schema.get("type", ""), type_of(value)
    wanted = "integer,string" if schema.get("x-kubernetes-int-or-string") else type_
    if not wanted or is_ in wanted.split(",") or (wanted == "number" and is_ == "integer"):
        return []
    message = f'Invalid value: "{is_}": {name} in body must be of type {wanted}: "{is_}"'
    found = [Cause("FieldValueTypeInvalid", message, path)]
    if wanted == "integer" and is_ == "number":
        why = f'Invalid value: "": Checked value must be of type integer (default format) in {name}'
        found.append(Cause("FieldValueInvalid", why, "<nil>"))
    return found


def _check_members(schema: Schema, value: dict[str, Any], path: str, name: str) -> list[Cause]:
    known, more = schema.get("properties") or {}, schema.get("additionalProperties")
    found = [required(_join(path, key)) for key in schema.get("required") or () if key not in value]
    for key in sorted(value):
        inner = known.get(key, more if isinstance(more, Mapping) else None)
        if inner is not None:
            found += check(inner, value[key], _join(path, key), _join(name, key))
    return found


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _invalid(value: Any, path: str, name: str, text: str) -> Cause:
    return Cause("FieldValueInvalid", f"Invalid value: {go_value(value)}: {name} in body {text}", path)


def _check_enum(schema: Schema, value: Any, path: str, _name: str) -> list[Cause]:
    allowed = schema.get("enum")
    return [unsupported(path, value, allowed)] if allowed and value not in allowed else []


def _check_number(schema: Schema, value: Any, path: str, name: str) -> list[Cause]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return []
    found = []
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and (value < low or (schema.get("exclusiveMinimum") and value == low)):
        or_equal = "" if schema.get("exclusiveMinimum") else " or equal to"
        found.append(_invalid(value, path, name, f"should be greater than{or_equal} {low}"))
    if high is not None and (value > high or (schema.get("exclusiveMaximum") and value == high)):
        or_equal = "" if schema.get("exclusiveMaximum") else " or equal to"
        found.append(_invalid(value, path, name, f"should be less than{or_equal} {high}"))
    return found


def _check_text(schema: Schema, value: Any, path: str, name: str) -> list[Cause]:
    if not isinstance(value, str):
        return []
    found = []
    if len(value) > schema.get("maxLength", len(value)):
        found.append(too_long(path, schema["maxLength"]))
    if len(value) < schema.get("minLength", 0):
        found.append(_invalid(value, path, name, f"should be at least {schema['minLength']} chars long"))
    if (pattern := schema.get("pattern")) and not matches(pattern, value):
        found.append(_invalid(value, path, name, f"should match '{pattern}'"))
    if schema.get("format") == "date-time" and (parse_time(value) is None or "T" not in value):
        message = f'Invalid value: "{value}": {name} in body must be of type date-time: "{value}"'
        found.append(Cause("FieldValueTypeInvalid", message, path))
    return found


def _check_map(schema: Schema, value: Any, path: str, _name: str) -> list[Cause]:
    most = schema.get("maxProperties")
    if not isinstance(value, dict) or most is None or len(value) <= most:
        return []
    return [Cause("FieldValueTooMany", f"Too many: {len(value)}: must have at most {most} items", path)]


def _check_list(schema: Schema, value: Any, path: str, name: str) -> list[Cause]:
    if not isinstance(value, list):
        return []
    found = []
    if len(value) > schema.get("maxItems", len(value)):
        message = f"Too many: {len(value)}: must have at most {schema['maxItems']} items"
        found.append(Cause("FieldValueTooMany", message, path))
    if len(value) < schema.get("minItems", 0):
        found.append(_invalid(len(value), path, name, f"should have at least {schema['minItems']} items"))
    return found + _check_doubles(schema, value, path)


def _check_doubles(schema: Schema, value: list[Any], path: str) -> list[Cause]:
    kind, keys = schema.get("x-kubernetes-list-type"), schema.get("x-kubernetes-list-map-keys") or ()
    if kind not in ("set", "map"):
        return []
    seen: set[str] = set()
    found = []
    for i, item in enumerate(value):
        key = {k: item.get(k) for k in keys if k in item} if kind == "map" and isinstance(item, dict) else item
        text = json.dumps(key, sort_keys=True)
        if text in seen:
            found.append(Cause("FieldValueDuplicate", f"Duplicate value: {go_value(key)}", f"{path}[{i}]"))
        seen.add(text)
    return found


def _check_combinations(schema: Schema, value: Any, path: str, name: str) -> list[Cause]:
    """``oneOf``, ``anyOf``, ``allOf`` and ``not``: how many alternatives hold. Why the others do not is not said."""

    def holds(inner: Schema) -> bool:
        return not check(inner, value, path, name)

    found = []
    if alternatives := schema.get("oneOf"):
        number = sum(map(holds, alternatives))
        if number != 1:
            what = f"Found {number} valid alternatives" if number else "Found none valid"
            found.append(_combined(name, f"must validate one and only one schema (oneOf). {what}"))
    if (alternatives := schema.get("anyOf")) and not any(map(holds, alternatives)):
        found.append(_combined(name, "must validate at least one schema (anyOf)"))
    if not all(map(holds, schema.get("allOf") or ())):
        found.append(_combined(name, "must validate all the schemas (allOf)"))
    if (excluded := schema.get("not")) is not None and holds(excluded):
        found.append(_combined(name, "must not validate the schema (not)"))
    return found


def _combined(name: str, text: str) -> Cause:
    return Cause("FieldValueInvalid", f'Invalid value: "": "{name}" {text}', "<nil>")


_RULES: list[Callable[[Schema, Any, str, str], list[Cause]]] = [
    _check_enum,
    _check_number,
    _check_text,
    _check_list,
    _check_map,
    _check_combinations,
]
