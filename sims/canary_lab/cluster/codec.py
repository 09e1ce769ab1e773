"""Decoding of built-in objects as Go does it: types checked, unknown fields dropped and named, empty ones left out."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from canary_lab.cluster import quantity
from canary_lab.cluster.gotypes import ANY_LEAVES, Field, split_type, types

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_INT32 = 2**31


class DecodeError(Exception):
    """A value that does not fit its Go type; the text is Go's."""


class Decoder:
    """Decodes one object. Afterwards `unknown` holds the paths of the fields that no struct has."""

    def __init__(self) -> None:
        self.unknown: list[str] = []
        self._struct = ""
        self._names: list[str] = []

    def decode(self, type_: str, value: Any, path: str = "") -> Any:
        """The value as Go would write it after reading it."""
        form, inner = split_type(type_)
        if form == "ptr":
            return None if value is None else self.decode(inner, value, path)
        if form == "slice":
            return self._slice(inner, value, path)
        if form == "map":
            return self._map(inner, value, path)
        if inner in types().structs:
            return self._decode_struct(inner, value, path)
        return self._leaf(inner, value)

    def _slice(self, inner: str, value: Any, path: str) -> Any:
        if value is None:
            return None
        if not isinstance(value, list):
            raise self._mismatch(value, f"[]{_short(inner)}")
        return [self.decode(inner, v, f"{path}[{i}]") for i, v in enumerate(value)]

    def _map(self, inner: str, value: Any, path: str) -> Any:
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self._mismatch(value, f"map[string]{_short(inner)}")
        return {k: self.decode(inner, value[k], f"{path}.{k}" if path else k) for k in sorted(value)}

    def _decode_struct(self, name: str, value: Any, path: str) -> dict[str, Any]:
        value = {} if value is None else value
        struct, fields = types().structs[name], types().fields(name)
        if not isinstance(value, dict):
            raise self._mismatch(value, _short(name))
        prefix = f"{path}." if path else ""
        self.unknown.extend(prefix + key for key in value if key not in fields)
        outer, self._struct = self._struct, struct.go_name
        result = {}
        optional = _optional(name)
        for field in fields.values():
            if field.name in optional and value.get(field.name) is None:
                continue
            self._names.append(field.name)
            self._struct = struct.go_name
            found = self.decode(field.type, value.get(field.name), prefix + field.name)
            self._names.pop()
            if not _left_out(field, found):
                result[field.name] = found
        self._struct = outer
        return result

    def _leaf(self, name: str, value: Any) -> Any:
        if special := _SPECIAL.get(name):
            return special(self, value)
        if name in ANY_LEAVES:
            return value
        kind = types().aliases.get(name, name)
        if value is None:
            return _ZERO[kind]
        if not _fits(kind, value):
            raise self._mismatch(value, _short(name))
        return float(value) if kind == "float64" and value != int(value) else value

    def time(self, value: Any) -> Any:
        """A Time: null or RFC 3339 with whole seconds."""
        if value in (None, ""):
            return None
        if not isinstance(value, str) or not _TIME.fullmatch(value):
            raise DecodeError(
                f'parsing time "{value}" as "2006-01-02T15:04:05Z07:00": cannot parse "{value}" as "2006"'
            )
        return re.sub(r"\.\d+", "", value).replace("+00:00", "Z")

    def micro_time(self, value: Any) -> Any:
        """A MicroTime: null or RFC 3339 with exactly six digits after the point."""
        if value is None:
            return None
        match = _TIME.fullmatch(value) if isinstance(value, str) else None
        if not match or len(match[1] or "") != 7:
            rest = match[2] if match and not match[1] else value
            form = '"2006-01-02T15:04:05.000000Z07:00"'
            raise DecodeError(f'parsing time "{value}" as {form}: cannot parse "{rest}" as ".000000"')
        return value

    def quantity(self, value: Any) -> Any:
        """A quantity in its canonical form; a number stands for itself."""
        text = "0" if value is None else str(value)
        if quantity.parse(text) is None:
            raise DecodeError(
                "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
            )
        return quantity.canonical(text)

    def int_or_string(self, value: Any) -> Any:
        """A number or text; absent it is 0."""
        if value is None:
            return 0
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise self._mismatch(value, "int32")
        return value

    def data(self, value: Any) -> Any:
        """Bytes in base64."""
        if value is None:
            return None
        try:
            base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError, TypeError) as e:
            at = next((i for i, c in enumerate(str(value)) if not re.match(r"[A-Za-z0-9+/=]", c)), len(str(value)))
            raise DecodeError(f"illegal base64 data at input byte {at}") from e
        return value

    def schema(self, value: Any) -> Any:
        """A schema of a definition: kept as it is, if its parts are what they must be."""
        if value is None:
            return None
        self._expect(value, dict, "v1.JSONSchemaProps")
        for key, wanted in _SCHEMA_PARTS.items():
            if value.get(key) is not None:
                self._expect(value[key], wanted, f"v1.JSONSchemaProps, in {key}")
        inner = [*(value.get("properties") or {}).values(), *(s for k in _SCHEMA_LISTS for s in value.get(k) or ())]
        more = value.get("additionalProperties")
        for part in [*inner, value.get("items"), value.get("not"), None if isinstance(more, bool) else more]:
            self.schema(part)
        return value

    def _expect(self, value: Any, kind: type | tuple[type, ...], type_: str) -> None:
        if not isinstance(value, kind) or (isinstance(value, bool) and kind in (int, _NUMBER)):
            raise self._mismatch(value, type_)

    def _mismatch(self, value: Any, type_: str) -> DecodeError:
        where = f"{self._struct}.{'.'.join(self._names)}"
        return DecodeError(f"json: cannot unmarshal {kind_of(value)} into Go struct field {where} of type {type_}")


_NUMBER = (int, float)
_SCHEMA_LISTS = ("allOf", "anyOf", "oneOf")
_SCHEMA_PARTS: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("type", "format", "pattern", "description", "x-kubernetes-list-type"), str),
    **dict.fromkeys(
        ("required", "enum", "x-kubernetes-list-map-keys", "x-kubernetes-validations", *_SCHEMA_LISTS), list
    ),
    **dict.fromkeys(("minimum", "maximum"), _NUMBER),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), int),
    **dict.fromkeys(("nullable", "x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields"), bool),
    "properties": dict,
    "additionalProperties": (dict, bool),
}
_SPECIAL: dict[str, Callable[[Decoder, Any], Any]] = {
    "meta/v1.Time": Decoder.time,
    "meta/v1.MicroTime": Decoder.micro_time,
    "resource.Quantity": Decoder.quantity,
    "intstr.IntOrString": Decoder.int_or_string,
    "bytes": Decoder.data,
    "apiextensions/v1.JSONSchemaProps": Decoder.schema,
}
_ZERO: dict[str, Any] = {"string": "", "bool": False, "int32": 0, "int64": 0, "float64": 0, "meta/v1.Duration": "0s"}


def _fits(kind: str, value: Any) -> bool:
    if kind in ("string", "meta/v1.Duration"):
        return isinstance(value, str)
    if kind == "bool" or isinstance(value, bool):
        return kind == "bool" and isinstance(value, bool)
    if kind == "float64":
        return isinstance(value, int | float)
    return isinstance(value, int) and (kind != "int32" or -_INT32 <= value < _INT32)


def _left_out(field: Field, value: Any) -> bool:
    form, inner = split_type(field.type)
    empty = value is None or value in ({}, [])
    if "z" in field.flags:
        return empty
    if "o" not in field.flags:
        return False
    if form == "ptr":
        return value is None
    if form == "name" and inner != "bytes" and (inner in types().structs or inner in _SPECIAL):
        return False  # a struct is never empty to Go
    return empty or (form == "name" and value in ("", 0, False))


@cache
def _optional(struct: str) -> frozenset[str]:
    """The fields that leave no trace if they are absent: most of them, so that it pays to know."""
    found = set()
    for field in types().fields(struct).values():
        form, inner = split_type(field.type)
        whole = form == "name" and inner in types().structs
        if not whole and _left_out(field, None if form != "name" else Decoder().decode(inner, None)):
            found.add(field.name)
    return frozenset(found)


def kind_of(value: Any) -> str:
    """What Go calls a JSON value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"


def _short(name: str) -> str:
    return name.rpartition("/")[2]


def go_map(value: Any) -> str:
    """A value as Go's %v prints it: map[a:b]."""
    if isinstance(value, dict):
        return "map[" + " ".join(f"{k}:{go_map(value[k])}" for k in sorted(value)) + "]"
    if isinstance(value, list):
        return "[" + " ".join(go_map(v) for v in value) + "]"
    return {True: "true", False: "false", None: "<nil>"}.get(value, str(value)) if not isinstance(value, str) else value
