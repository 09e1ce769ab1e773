"""The hash of a Pod template, by which ReplicaSets are named: a checksum of the Go value as a debugger prints it.

A real cluster computes it in this way, so a name such as web-698c77d944 is the same here and there. The printed form
has every field of every struct, present or not, in the order of the Go source.
"""

from __future__ import annotations

from typing import Any

from canary_lab.cluster.gotypes import LEAVES, types
from canary_lab.cluster.ids import LETTERS
from canary_lab.cluster.quantity import parse

TEMPLATE = "core/v1.PodTemplateSpec"
_ZERO_TIME = "{Time:(time.Time){wall:(uint64)0 ext:(int64)0 loc:(*time.Location)<nil>}}"
_SCALES = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


def pod_hash(template: dict[str, Any], collisions: int | None = None) -> str:
    """The hash of a template that has its defaults; `collisions` are names that were taken."""
    text = _struct(TEMPLATE, template, typed=True)
    digest = _fnv32a(text.encode())
    if collisions is not None:
        digest = _fnv32a(collisions.to_bytes(8, "little"), digest)
    return "".join(LETTERS[ord(c) % len(LETTERS)] for c in str(digest))


def _fnv32a(data: bytes, start: int = 0x811C9DC5) -> int:
    value = start
    for byte in data:
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


def _short(expr: str) -> str:
    for prefix in ("*", "[]"):
        if expr.startswith(prefix):
            return prefix + _short(expr[len(prefix) :])
    if expr.startswith("map["):
        key, _, inner = expr[4:].partition("]")
        return f"map[{_short(key)}]{_short(inner)}"
    return "[]uint8" if expr == "bytes" else expr.rpartition("/")[2]


def _value(expr: str, value: Any, *, typed: bool = True) -> str:
    head = f"({_short(expr)})" if typed else ""
    if expr.startswith("*"):
        return f"{head}<nil>" if value is None else head + _value(expr[1:], value, typed=False)
    target = types().aliases.get(expr, expr)
    if target.startswith("[]"):
        items = [_value(target[2:], v, typed=False) for v in value or ()]
        return f"{head}<nil>" if not items else f"{head}[{' '.join(items)}]"
    if target.startswith("map["):
        inner = target.partition("]")[2]
        pairs = [f"{k}:{_value(inner, value[k], typed=False)}" for k in sorted(value or ())]
        return f"{head}<nil>" if not pairs else f"{head}map[{' '.join(pairs)}]"
    if expr in types().structs or expr in LEAVES:
        return _struct(expr, value, typed=typed)
    return head + _scalar(value, target)


def _scalar(value: Any, kind: str) -> str:
    if kind == "bool":
        return "true" if value else "false"
    return str(value if value is not None else "" if kind == "string" else 0)


def _struct(name: str, value: Any, *, typed: bool) -> str:
    head = f"({_short(name)})" if typed else ""
    if name == "meta/v1.Time":
        return head + _ZERO_TIME
    if name == "intstr.IntOrString":
        return head + _int_or_string(value)
    if name == "resource.Quantity":
        return head + _quantity(value)
    parts = []
    for field in types().structs[name].fields:
        inner = value or {} if "i" in field.flags else (value or {}).get(field.name)
        parts.append(f"{field.go_name}:{_value(field.type, inner)}")
    return f"{head}{{{' '.join(parts)}}}"


def _int_or_string(value: Any) -> str:
    is_text = isinstance(value, str)
    number, text = (0, value) if is_text else (value or 0, "")
    return f"{{Type:(intstr.Type){int(is_text)} IntVal:(int32){number} StrVal:(string){text}}}"


def _quantity(text: Any) -> str:
    binary = text.endswith("i")
    scale = 0 if binary else _SCALES.get(text[-1], 0)
    number = parse(text) or 0
    value = int(number if scale == 0 else number / 10**scale if scale > 0 else number * 10**-scale)
    form = "BinarySI" if binary else "DecimalSI"
    amount = f"(resource.int64Amount){{value:(int64){value} scale:(resource.Scale){scale}}}"
    large = "(resource.infDecAmount){Dec:(*inf.Dec)<nil>}"
    return f"{{i:{amount} d:{large} s:(string){text} Format:(resource.Format){form}}}"
