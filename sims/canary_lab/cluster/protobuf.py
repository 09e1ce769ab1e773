"""Protobuf bodies, which kubectl's typed commands send, into the same values as JSON. Answers are never protobuf."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

from canary_lab.cluster.clock import timestamp
from canary_lab.cluster.gotypes import Field, split_type, types

MAGIC = b"k8s\0"
_SIGNED = 1 << 63


class ProtobufError(ValueError):
    """Bytes that are no message."""


def envelope(raw: bytes) -> tuple[str, str, bytes]:
    """The apiVersion, the kind and the message in a body.

    Raises:
        ProtobufError: it is none.
    """
    if not raw.startswith(MAGIC):
        raise ProtobufError("no magic prefix")
    parts = dict(_fields(raw[4:]))
    head = {number: value.decode() for number, value in _fields(parts.get(1, b"")) if isinstance(value, bytes)}
    return head.get(1, ""), head.get(2, ""), parts.get(2, b"")


def message(struct: str, raw: bytes) -> dict[str, Any]:
    """A message of a Go type as a JSON value."""
    by_number = {f.number: f for f in types().structs[struct].fields if f.number}
    result: dict[str, Any] = {}
    for number, value in _fields(raw):
        field = by_number.get(number)
        if field is None:
            continue
        if "i" in field.flags:
            result.update(message(field.type.lstrip("*"), value))
        else:
            _put(result, field, value)
    return result


def _put(result: dict[str, Any], field: Field, value: Any) -> None:
    form, inner = split_type(field.type)
    while form == "ptr":
        form, inner = split_type(inner)
    if form == "slice":
        result.setdefault(field.name, []).append(_value(inner, value))
    elif form == "map":
        pair = dict(_fields(value))
        key = pair.get(1, b"").decode()
        result.setdefault(field.name, {})[key] = _value(inner, pair.get(2, b""))
    else:
        result[field.name] = _value(inner, value)


def _value(name: str, value: Any) -> Any:
    form, inner = split_type(name)
    if form == "slice":  # a named list, such as the values of `extra`, is a message of items
        return [_value(inner, v) for _, v in _fields(value)]
    if form == "ptr":
        return _value(inner, value)
    if name in types().structs:
        return message(name, value)
    if name in ("meta/v1.Time", "meta/v1.MicroTime"):
        return _time(dict(_fields(value)), micro=name.endswith("MicroTime"))
    if name in ("meta/v1.FieldsV1", "runtime.RawExtension"):
        return json.loads(dict(_fields(value)).get(1, b"null") or b"null")
    if name == "intstr.IntOrString":
        parts = dict(_fields(value))
        return parts.get(3, b"").decode() if parts.get(1) else _signed(parts.get(2, 0))
    if name == "resource.Quantity":
        return dict(_fields(value)).get(1, b"0").decode()
    return _scalar(types().aliases.get(name, name), value)


def _scalar(kind: str, value: Any) -> Any:
    if kind == "bytes":
        return base64.b64encode(value).decode()
    if isinstance(value, bytes):
        return value.decode()
    return bool(value) if kind == "bool" else _signed(value)


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= _SIGNED else value


def _time(parts: dict[int, Any], *, micro: bool) -> str | None:
    if not parts.get(1):
        return None
    text = timestamp(_signed(parts[1]))
    return f"{text[:-1]}.{parts.get(2, 0) // 1000:06}Z" if micro else text


def _fields(raw: bytes) -> Iterator[tuple[int, Any]]:
    at = 0
    while at < len(raw):
        tag, at = _varint(raw, at)
        wire = tag & 7
        if wire == 0:
            value, at = _varint(raw, at)
            yield tag >> 3, value
        elif wire == 2:
            size, at = _varint(raw, at)
            yield tag >> 3, raw[at : at + size]
            at += size
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4  # no field that matters here
        else:
            raise ProtobufError(f"wire type {wire}")


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(raw):
        byte = raw[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
    raise ProtobufError("cut short")
