"""The CEL rules of a schema (x-kubernetes-validations), with transition rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from canary_lab.cluster.errors import Cause, go_value

RULES = "x-kubernetes-validations"
_BLOCKING = {f"FieldValue{r}" for r in ("NotSupported", "Required", "TooLong", "TooMany", "TypeInvalid")}
_UNCHECKED = (
    "some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation"
)


def has_rules(schema: Any) -> bool:
    """Whether there is a rule anywhere in a schema."""
    if isinstance(schema, Mapping):
        return RULES in schema or any(has_rules(v) for v in schema.values())
    return isinstance(schema, list) and any(has_rules(v) for v in schema)


def check_rules(schema: Mapping[str, Any], value: Any, old: Any, before: list[Cause]) -> list[Cause]:
    """What rules are broken. They are not looked at while `before` holds mistakes that would mislead them."""
    if not has_rules(schema):
        return []
    if any(c.reason in _BLOCKING for c in before):
        return [Cause("FieldValueInvalid", f"Invalid value: null: {_UNCHECKED}", "<nil>")]
    return _walk(schema, value, old, "")


def _walk(schema: Mapping[str, Any], value: Any, old: Any, path: str) -> list[Cause]:
    found = [c for rule in schema.get(RULES) or () for c in _check(rule, value, old, path)]
    if isinstance(value, dict):
        known, more = schema.get("properties") or {}, schema.get("additionalProperties")
        was = old if isinstance(old, dict) else {}
        for key, item in value.items():
            inner = known.get(key, more)
            if isinstance(inner, Mapping):
                found += _walk(inner, item, was.get(key), f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            found += _walk(schema.get("items") or {}, item, None, f"{path}[{i}]")
    return found


def _check(rule: Mapping[str, Any], value: Any, old: Any, path: str) -> list[Cause]:
    import cel  # not needed before a definition has rules

    if "oldSelf" in rule["rule"] and old is None:
        return []
    try:
        if cel.evaluate(rule["rule"], {"self": value, "oldSelf": old}):
            return []
        text = rule.get("message") or f"failed rule: {rule['rule']}"
    except (ValueError, RuntimeError, TypeError, KeyError) as e:
        text = f"{e} evaluating rule: {rule.get('message', rule['rule'])}"
    shown = "" if isinstance(value, dict | list) else f"{go_value(value)}: "
    return [Cause("FieldValueInvalid", f"Invalid value: {shown}{text}", path or "<nil>")]
