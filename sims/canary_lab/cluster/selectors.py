"""Label and field selectors: the query syntax with its errors, and the LabelSelector object."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from canary_lab.cluster.errors import ApiError, Cause, bad_request, forbidden, invalid, required
from canary_lab.cluster.names import label_key_error, label_value_error

_TOKEN = re.compile(r"==|!=|=|!|\(|\)|,|<|>|[^\s=!(),<>]+")


@frozen
class Requirement:
    """A condition on one key; `values` is empty for "exists" and "!"."""

    key: str
    operator: str
    """One of =, !=, in, notin, exists, !."""
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, Any]) -> bool:
        """Whether these labels meet it. What negates is also met by a key that is absent."""
        value = labels.get(self.key)
        if self.operator == "exists":
            return value is not None
        if self.operator == "!":
            return value is None
        if self.operator in ("=", "in"):
            return value is not None and value in self.values
        return value is None or value not in self.values


Selector = tuple[Requirement, ...]


def matches(selector: Selector, labels: Mapping[str, Any] | None) -> bool:
    """Whether labels meet all requirements."""
    return all(r.matches(labels or {}) for r in selector)


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens: deque[str] = deque(_TOKEN.findall(text))

    def take(self) -> str:
        return self.tokens.popleft() if self.tokens else ""

    def parse(self) -> Selector:
        found = []
        while self.tokens:
            found.append(self.requirement())
            after = self.take()
            if after not in ("", ","):
                raise bad_request(f"found '{after}', expected: ',' or 'end of string'")
        return tuple(found)

    def requirement(self) -> Requirement:
        key = self.take()
        if key == "!":
            return Requirement(_key(self.take()), "!")
        _key(key)
        if not self.tokens or self.tokens[0] == ",":
            return Requirement(key, "exists")
        operator = self.take()
        if operator in ("in", "notin"):
            return Requirement(key, operator, self.values())
        if operator not in ("=", "==", "!="):
            raise _unparsed(operator, "in, notin, =, ==, !=, gt, lt")
        value = self.tokens[0] if self.tokens else ","
        if re.fullmatch(r"[=!()<>]+", value):
            raise _unparsed(value, "identifier")
        value = "" if value == "," else self.take()
        return Requirement(key, "!=" if operator == "!=" else "=", (_value(key, value),))

    def values(self) -> tuple[str, ...]:
        if self.take() != "(":
            raise _unparsed("", "'('")
        found = [self.take()]
        while (after := self.take()) != ")":
            if after != ",":
                raise _unparsed(after, "',' or ')'")
            found.append(self.take())
        return tuple(found)


def _unparsed(found: str, expected: str) -> ApiError:
    return bad_request(f"unable to parse requirement: found '{found}', expected: {expected}")


def _key(key: str) -> str:
    if problem := label_key_error(key):
        raise bad_request(f'unable to parse requirement: <nil>: Invalid value: "{key}": {problem}')
    return key


def _value(key: str, value: str) -> str:
    if problem := label_value_error(value):
        raise bad_request(f'unable to parse requirement: values[0][{key}]: Invalid value: "{value}": {problem}')
    return value


def parse_labels(text: str) -> Selector:
    """A label selector of a query.

    Raises:
        ApiError: 400, in the words of the real parser.
    """
    return _Parser(text).parse()


@frozen
class FieldRequirement:
    """A field and the value that it has, or has not."""

    path: str
    value: str
    equal: bool

    def matches(self, obj: Mapping[str, Any]) -> bool:
        """Whether an object meets it. An absent field counts as empty."""
        found: Any = obj
        for part in self.path.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        text = "" if found is None else str(found).lower() if isinstance(found, bool) else str(found)
        return (text == self.value) == self.equal


def parse_fields(text: str) -> tuple[FieldRequirement, ...]:
    """A field selector of a query; whether its fields are supported is up to the resource.

    Raises:
        ApiError: 400.
    """
    found = []
    for part in text.split(",") if text else ():
        match = re.fullmatch(r"([^=!]+)(==|=|!=)(.*)", part)
        if not match:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
        found.append(FieldRequirement(match[1], match[3], match[2] != "!="))
    return tuple(found)


_OPERATORS = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}


def check_object(selector: Mapping[str, Any], path: str) -> list[Cause]:
    """What is wrong with a LabelSelector."""
    found = []
    for i, e in enumerate(selector.get("matchExpressions") or ()):
        operator, has = e.get("operator", ""), bool(e.get("values"))
        where = f"{path}.matchExpressions[{i}]"
        if operator not in _OPERATORS:
            found.append(invalid(f"{where}.operator", operator, "not a valid selector operator"))
        elif has != (operator in ("In", "NotIn")):
            why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            wrong = forbidden(f"{where}.values", why) if has else required(f"{where}.values")
            found.append(wrong)
    return found


def from_object(selector: Mapping[str, Any] | None) -> Selector:
    """A LabelSelector of a spec."""
    selector = selector or {}
    found = [Requirement(k, "in", (v,)) for k, v in (selector.get("matchLabels") or {}).items()]
    more = selector.get("matchExpressions") or ()
    found += [Requirement(e["key"], _OPERATORS[e["operator"]], tuple(e.get("values") or ())) for e in more]
    return tuple(found)


def to_text(selector: Mapping[str, Any] | None) -> str:
    """A LabelSelector as text, as in Scale and in tables."""
    parts = []
    for r in sorted(from_object(selector), key=lambda r: r.key):
        if r.operator in ("exists", "!"):
            parts.append(r.key if r.operator == "exists" else f"!{r.key}")
        elif r.operator == "in" and len(r.values) == 1:
            parts.append(f"{r.key}={r.values[0]}")
        else:
            parts.append(f"{r.key} {r.operator} ({','.join(sorted(r.values))})")
    return ",".join(parts)
