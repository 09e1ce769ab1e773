"""Errors as the server answers them: Status objects, and the causes they are made of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from attrs import frozen

GENERIC_404 = "the server could not find the requested resource"
GENERIC_405 = "the server does not allow this method on the requested resource"
MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def status(code: int, reason: str, message: str, details: dict[str, Any] | None = None, **meta: str) -> dict[str, Any]:
    """A Status of failure, in the order of the Go struct."""
    body: dict[str, Any] = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": meta,
        "status": "Failure",
        "message": message,
    }
    if reason:
        body["reason"] = reason
    if details is not None:
        body["details"] = details
    return {**body, "code": code}


class ApiError(Exception):
    """An answer that is an error. `body` is its Status; `warnings` become headers."""

    def __init__(
        self, code: int, reason: str, message: str, details: dict[str, Any] | None = None, **meta: str
    ) -> None:
        super().__init__(message)
        self.code, self.warnings = code, list[str]()
        self.body = status(code, reason, message, details, **meta)


class NotServed(Exception):  # noqa: N818 - it is an answer, "404 page not found" as text
    """A path that nothing is registered for."""


@frozen
class Cause:
    """One thing that is wrong, with the path of its field."""

    reason: str
    message: str
    field: str

    def json(self) -> dict[str, str]:
        """As in `details.causes`."""
        pairs = {"reason": self.reason, "message": self.message, "field": self.field}
        return {k: v for k, v in pairs.items() if v}


def go_value(value: Any) -> str:
    """A value in a message: text in quotes, the rest as compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def required(field: str, detail: str = "") -> Cause:
    """A field that must be there."""
    return Cause("FieldValueRequired", "Required value" + (f": {detail}" if detail else ""), field)


def invalid(field: str, value: Any, detail: str) -> Cause:
    """A value that may not be."""
    return Cause("FieldValueInvalid", f"Invalid value: {go_value(value)}: {detail}", field)


def forbidden(field: str, detail: str) -> Cause:
    """A field that may not be set here."""
    return Cause("FieldValueForbidden", f"Forbidden: {detail}", field)


def unsupported(field: str, value: Any, allowed: Sequence[str]) -> Cause:
    """A value outside an enumeration."""
    names = ", ".join(go_value(a) for a in allowed)
    return Cause("FieldValueNotSupported", f"Unsupported value: {go_value(value)}: supported values: {names}", field)


def duplicate(field: str, value: Any) -> Cause:
    """A value that is there already."""
    return Cause("FieldValueDuplicate", f"Duplicate value: {go_value(value)}", field)


def too_long(field: str, limit: int) -> Cause:
    """Text over its limit."""
    return Cause("FieldValueTooLong", f"Too long: may not be more than {limit} bytes", field)


def details(name: str = "", group: str = "", kind: str = "", **more: Any) -> dict[str, Any]:
    """The details of a Status, without what is empty."""
    return {k: v for k, v in {"name": name, "group": group, "kind": kind, **more}.items() if v}


def qualified(name: str, group: str) -> str:
    """A kind or resource with its group: Deployment.apps."""
    return f"{name}.{group}" if group else name


def invalid_error(group: str, kind: str, name: str, causes: Sequence[Cause]) -> ApiError:
    """422 with everything that is wrong."""
    texts = list(dict.fromkeys(f"{c.field}: {c.message}" for c in causes))
    text = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    found = details(name, group, kind, causes=[c.json() for c in causes])
    return ApiError(422, "Invalid", f'{qualified(kind, group)} "{name}" is invalid: {text}', found)


def options_error(kind: str, *causes: Cause) -> ApiError:
    """422 about the options of a request."""
    return invalid_error("meta.k8s.io", kind, "", causes)


def patch_error(patched: str, message: str) -> ApiError:
    """422 about what a patch led to; it names no object."""
    return invalid_error("", "", "", [invalid("patch", patched, message)])


def not_found(group: str, plural: str, name: str) -> ApiError:
    """404 of one object."""
    return ApiError(404, "NotFound", f'{qualified(plural, group)} "{name}" not found', details(name, group, plural))


def no_resource() -> ApiError:
    """404 of a path below a group that is known."""
    return ApiError(404, "NotFound", GENERIC_404, {})


def no_method() -> ApiError:
    """405 of a path that is known."""
    return ApiError(405, "MethodNotAllowed", GENERIC_405, {})


def bad_request(message: str) -> ApiError:
    """400."""
    return ApiError(400, "BadRequest", message)


def conflict(group: str, plural: str, name: str, why: str = MODIFIED) -> ApiError:
    """409 of a write that came too late."""
    message = f'Operation cannot be fulfilled on {qualified(plural, group)} "{name}": {why}'
    return ApiError(409, "Conflict", message, details(name, group, plural))


def exists(group: str, plural: str, name: str, *, deleting: bool = False) -> ApiError:
    """409 of a create."""
    message = ("object is being deleted: " if deleting else "") + f'{qualified(plural, group)} "{name}" already exists'
    return ApiError(409, "AlreadyExists", message, details(name, group, plural))


def forbidden_error(group: str, plural: str, name: str, why: str, **more: Any) -> ApiError:
    """403."""
    what = qualified(plural, group) + (f' "{name}"' if name else "")
    return ApiError(403, "Forbidden", f"{what} is forbidden: {why}", details(name, group, plural, **more))


def expired(message: str, **meta: str) -> ApiError:
    """410 of a version that is gone."""
    return ApiError(410, "Expired", message, None, **meta)
