"""Structural schemas from declared types: strict about shape and size, lenient about values.

A wrong value is explained by the controller, with all others of the object and with what to change, in a condition and
an event; an admission error would show only where the object is applied, often nowhere. What Flagger's schemas accept,
these accept, but for what nobody writes by mistake: control characters, and lists without an end.
"""

from types import UnionType
from typing import Any, Final, Union, get_args, get_origin

from attrs import NOTHING, Attribute, fields, has

from canary_adapters.kubernetes.resources import Obj
from canary_adapters.manifests.analysis import Alert, Webhook
from canary_adapters.manifests.declare import Rule, Table, rule_of, wire_name
from canary_adapters.manifests.objects import AutoscalerRef, CanarySpec, Metadata, TargetRef
from canary_adapters.manifests.service import Service

__all__ = ["schema_of"]

_SCALARS: Final[dict[Any, Obj]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    # Fractions are refused by the reader, which can say so.
    int: {"type": "number"},
    float: {"type": "number"},
}
_ENUMS: Final = frozenset(
    {
        (Alert, "severity"),
        (AutoscalerRef, "kind"),
        (Service, "traffic_distribution"),
        (TargetRef, "kind"),
        (Webhook, "type"),
    }
)
"""Fields whose values are closed. Providers are not: others may add routers, metric sources and receivers."""
_NOT_REQUIRED: Final = frozenset({(CanarySpec, "service")})
"""Fields that Flagger's schema does not ask for, though nothing works without them."""


def schema_of(kind: type) -> Obj:
    """The schema of a class that is declared with `prop` and `required`."""
    declared = [attribute for attribute in fields(kind) if attribute.metadata and attribute.type is not Metadata]
    found: Obj = {
        "type": "object",
        "description": _first_line(kind.__doc__),
        "properties": {wire_name(attribute): _field(kind, attribute) for attribute in declared},
    }
    needed = sorted(
        wire_name(attribute)
        for attribute in declared
        if attribute.default is NOTHING and (kind, attribute.name) not in _NOT_REQUIRED
    )
    if needed:
        found["required"] = needed
    return found


def _field(owner: type, attribute: "Attribute[Any]") -> Obj:
    rule = rule_of(attribute)
    found = _typed(attribute.type, rule)
    if (owner, attribute.name) in _ENUMS:
        found["enum"] = list(rule.enum)
        found.pop("pattern", None)
    if rule.default is not None:
        found["default"] = rule.default
    return {"description": rule.doc, **{key: value for key, value in found.items() if key != "description"}}


def _typed(kind: Any, rule: Rule) -> Obj:
    if get_origin(kind) in {Union, UnionType}:
        members = [member for member in get_args(kind) if member is not type(None)]
        return _typed(members[0], rule) if len(members) == 1 else {"x-kubernetes-int-or-string": True, **_text(rule)}
    if kind in _SCALARS:
        return {**_SCALARS[kind], **(_text(rule) if kind is str else {})}
    each = rule.each or Rule(doc="")
    if get_origin(kind) is tuple:
        return {"type": "array", "maxItems": rule.most, "items": _typed(get_args(kind)[0], each)}
    if get_origin(kind) is Table:
        inner = _typed(get_args(kind)[0], each)
        return {"type": "object", "maxProperties": rule.most, "additionalProperties": inner}
    if has(kind):
        return schema_of(kind)
    raise TypeError(f"no schema for {kind}")


def _text(rule: Rule) -> Obj:
    return {"pattern": rule.controls.pattern} if rule.controls.pattern else {}


def _first_line(doc: str | None) -> str:
    return (doc or "").strip().splitlines()[0] if doc else ""
