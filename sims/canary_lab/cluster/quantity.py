"""Quantities in their canonical form: 2000m is 2, 0.5Gi is 512Mi."""

from __future__ import annotations

import re
from fractions import Fraction

_FORM = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E|[eE][+-]?[0-9]{1,3})?")
_LONGEST = 100
"""Characters, and the exponent has at most three digits: 1e999999999 is a number that nobody can hold."""
_BINARY = {s: Fraction(1024) ** i for i, s in enumerate(["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"])}
_DECIMAL = {s: Fraction(1000) ** i for i, s in enumerate(["n", "u", "m", "", "k", "M", "G", "T", "P", "E"], -3)}


def parse(text: str) -> Fraction | None:
    """The number, or None if it is none."""
    match = _FORM.fullmatch(text) if len(text) <= _LONGEST else None
    if not match:
        return None
    suffix = match[2] or ""
    scale = _BINARY.get(suffix) or _DECIMAL.get(suffix) or Fraction(10) ** int(suffix[1:])
    return Fraction(match[1]) * scale


def canonical(text: str) -> str:
    """The same quantity with the largest suffix that leaves no fraction; what is none comes back as it is."""
    value = parse(text)
    if value is None:
        return text
    if not value:
        return "0"
    binary = text.endswith("i") and abs(value) >= 1024
    for scales in (_BINARY, _DECIMAL) if binary else (_DECIMAL,):
        for suffix, scale in reversed(scales.items()):  # the largest first
            if (value / scale).denominator == 1:
                return f"{value // scale}{suffix}"
    least = -(-value // _DECIMAL["n"])
    return f"{least}n" if least else "0"
