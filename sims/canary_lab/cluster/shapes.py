# ruff: noqa: ARG002, D102
# `field` and `items` are described in `Shape`.
"""What a value is to merges and to owners of fields: scalar, map, list with keys, or one whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from canary_lab.cluster.gotypes import ANY_LEAVES, Field, split_type, types


class Shape:
    """The shape of a value. `kind` is scalar, struct, map, list, set, atomic or any."""

    def __init__(self, kind: str, scalar: str = "untyped") -> None:
        self.kind = kind
        self.scalar = scalar
        """For scalars what they must be: string, numeric, boolean or untyped."""
        self.keys: tuple[str, ...] = ()
        """The keys by which members of a list are told apart."""
        self.patch_key = ""
        """The key by which a strategic merge patch merges a list."""
        self.patch: frozenset[str] = frozenset()
        """Strategies of a strategic merge patch: merge, retainKeys."""
        self.defaults: dict[str, Any] = {}
        """What keys are if they are absent."""

    def field(self, name: str) -> Shape | None:
        """The shape of a member of a map; None if there is no such member."""
        return ANY if self.kind == "any" else None

    def items(self) -> Shape:
        """The shape of a member of a list."""
        return ANY


ANY = Shape("any")
SCALAR = Shape("scalar")
_SCALARS = {"string": "string", "bool": "boolean", "int32": "numeric", "int64": "numeric", "float64": "numeric"}


class _GoShape(Shape):
    """The shape of a Go type."""

    def __init__(self, type_: str, tags: Mapping[str, str]) -> None:
        form, inner = split_type(type_)
        while form == "ptr":
            form, inner = split_type(inner)
        super().__init__(*_go_kind(form, inner, tags))
        self._form, self._inner = form, inner
        self.patch = frozenset(tags.get("p", "").split(",")) - {""}
        self.patch_key = tags.get("k", "")
        if self.kind == "list":
            self.keys = tuple(tags.get("K", self.patch_key).split(","))
            self.defaults = {"protocol": "TCP"} if "protocol" in self.keys else {}

    def field(self, name: str) -> Shape | None:
        if self._form == "map":
            return go_shape(self._inner)
        if self._form == "name" and self._inner in types().structs:
            found = types().fields(self._inner).get(name)
            return _field_shape(found) if found else None
        return ANY if self.kind == "any" else None

    def items(self) -> Shape:
        return go_shape(self._inner)


def _go_kind(form: str, inner: str, tags: Mapping[str, str]) -> tuple[str, str]:
    if form == "map":
        return ("atomic" if tags.get("M") == "atomic" else "map"), ""
    if form == "slice":
        return {"map": "list", "set": "set"}.get(tags.get("L") or _legacy_list(tags), "atomic"), ""
    struct = types().structs.get(inner)
    if struct:
        return ("atomic" if struct.atomic or tags.get("S") == "atomic" else "struct"), ""
    if inner in ANY_LEAVES:
        return "any", ""
    return "scalar", _SCALARS.get(types().aliases.get(inner, inner), "untyped")


def _legacy_list(tags: Mapping[str, str]) -> str:
    """Lists of before there were list types are known by their patch strategy."""
    if "merge" in tags.get("p", "").split(","):
        return "map" if tags.get("k") else "set"
    return "atomic"


@cache
def go_shape(type_: str) -> Shape:
    """The shape of a Go type by its name."""
    return _GoShape(type_, {})


_FIELD_SHAPES: dict[int, Shape] = {}


def _field_shape(field: Field) -> Shape:
    found = _FIELD_SHAPES.get(id(field))
    if found is None:
        found = _FIELD_SHAPES[id(field)] = _GoShape(field.type, field.tags)
    return found


class SchemaShape(Shape):
    """The shape of a custom resource, or of a part of it."""

    def __init__(self, schema: Mapping[str, Any], *, top: bool = False) -> None:
        super().__init__(*_schema_kind(schema))
        self._schema, self._top = schema, top
        self._members: dict[str, Shape | None] = {}
        self.keys = tuple(schema.get("x-kubernetes-list-map-keys") or ())

    def field(self, name: str) -> Shape | None:
        if name not in self._members:
            self._members[name] = self._field(name)
        return self._members[name]

    def _field(self, name: str) -> Shape | None:
        if self._top and name in ("apiVersion", "kind", "metadata"):
            return go_shape("meta/v1.ObjectMeta") if name == "metadata" else SCALAR
        found = (self._schema.get("properties") or {}).get(name)
        if found is None:
            found = self._schema.get("additionalProperties")
        if isinstance(found, Mapping):
            return SchemaShape(found)
        return ANY if found or self._schema.get("x-kubernetes-preserve-unknown-fields") or self.kind == "any" else None

    def items(self) -> Shape:
        found = self._schema.get("items")
        return SchemaShape(found) if isinstance(found, Mapping) else ANY


def _schema_kind(schema: Mapping[str, Any]) -> tuple[str, str]:
    if schema.get("x-kubernetes-int-or-string"):
        return "scalar", "untyped"
    type_ = schema.get("type")
    if type_ == "object":
        return ("atomic" if schema.get("x-kubernetes-map-type") == "atomic" else "map"), ""
    if type_ == "array":
        return {"map": "list", "set": "set"}.get(schema.get("x-kubernetes-list-type", ""), "atomic"), ""
    if type_ is None:
        return "any", ""
    return "scalar", {"string": "string", "boolean": "boolean"}.get(type_, "numeric")


def element_key(shape: Shape, item: Any) -> str:
    """How a path names a member of a list: k:{"name":"app"} or v:"text"."""
    if shape.kind == "set":
        return "v:" + json.dumps(item, separators=(",", ":"))
    keys = {k: item.get(k, shape.defaults.get(k)) for k in sorted(shape.keys)} if isinstance(item, dict) else {}
    return "k:" + json.dumps({k: v for k, v in keys.items() if v is not None}, separators=(",", ":"))


def effective(shape: Shape, value: Any) -> str:
    """The kind that a value really has: without a schema it follows from the value; lists are then one whole."""
    if shape.kind == "any":
        return "map" if isinstance(value, dict) else "atomic" if isinstance(value, list) else "scalar"
    return "map" if shape.kind == "struct" else shape.kind
