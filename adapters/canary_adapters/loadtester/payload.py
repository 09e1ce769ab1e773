"""What the controller sends: one JSON object, the same for every kind of webhook."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from attrs import field, frozen

__all__ = ["LONGEST_NAME", "Payload", "PayloadError", "read_payload"]

LONGEST_NAME: Final = 253
"""Characters of a name or a namespace: no object of Kubernetes has a longer one."""
_NO_TEXT: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""No program takes a null character, nothing takes halves of characters, and terminals act on the other ones."""


class PayloadError(ValueError):
    """The body of a request is not a payload. The message says where, and what is allowed."""


@frozen(kw_only=True)
class Payload:
    """Which canary asks, and for what."""

    name: str = ""
    namespace: str = ""
    phase: str = ""
    metadata: Mapping[str, str] | None = field(default=None, repr=False)
    """As declared at the webhook; may hold secrets. None: there is none."""


def read_payload(body: bytes) -> Payload:
    """A payload from the body of a request.

    Raises:
        PayloadError: It is none.
    """
    try:
        raw = json.loads(body)
    except (ValueError, RecursionError):
        raise PayloadError("payload: must be JSON") from None
    if not isinstance(raw, dict):
        raise PayloadError("payload: must be a JSON object")
    return Payload(
        name=_name(raw, "name"),
        namespace=_name(raw, "namespace"),
        phase=_name(raw, "phase"),
        metadata=_metadata(raw.get("metadata")),
    )


def _name(raw: Mapping[str, Any], key: str) -> str:
    value = _string(raw, key)
    if len(value) > LONGEST_NAME:
        raise PayloadError(f"{key}: at most {LONGEST_NAME} characters")
    if not value.isprintable():
        _refuse(key, value, next(index for index, each in enumerate(value) if not each.isprintable()))
    return value


def _text(raw: Mapping[str, Any], key: str) -> str:
    value = _string(raw, key)
    if (found := _NO_TEXT.search(value)) is not None:
        _refuse(key, value, found.start())
    return value


def _string(raw: Mapping[str, Any], key: str) -> str:
    value = raw.get(key)
    if not isinstance(value, str | None):
        raise PayloadError(f"{key}: must be a string")
    return value or ""


def _refuse(key: str, value: str, index: int) -> NoReturn:
    raise PayloadError(f"{key}: character U+{ord(value[index]):04X} must not be in it; it is at {index + 1}")


def _metadata(raw: Any) -> Mapping[str, str] | None:
    if raw is None:
        return None
    if not isinstance(raw, dict):
        raise PayloadError("metadata: must be an object of strings")
    if not all(key.isprintable() and len(key) <= LONGEST_NAME for key in raw):
        raise PayloadError(f"metadata: keys are at most {LONGEST_NAME} characters, all of which can be seen")
    return {key: _text(raw, key) for key in raw}
