"""What the controller sends: one JSON object, the same for every kind of webhook."""

import json
from collections.abc import Mapping
from typing import Any, Final

from attrs import field, frozen

__all__ = ["LONGEST_NAME", "Payload", "PayloadError", "read_payload"]

LONGEST_NAME: Final = 253
"""Characters of a name or a namespace: no object of Kubernetes has a longer one."""


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
        name=_text(raw, "name", LONGEST_NAME),
        namespace=_text(raw, "namespace", LONGEST_NAME),
        phase=_text(raw, "phase", LONGEST_NAME),
        metadata=_metadata(raw.get("metadata")),
    )


def _text(raw: Mapping[str, Any], key: str, longest: int | None = None) -> str:
    value = raw.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise PayloadError(f"{key}: must be a string")
    if longest is not None and len(value) > longest:
        raise PayloadError(f"{key}: at most {longest} characters")
    # Neither can be passed to a program, and the second cannot be written down anywhere.
    if "\0" in value or any("\ud800" <= char <= "\udfff" for char in value):
        raise PayloadError(f"{key}: must be text without null characters and halves of characters")
    return value


def _metadata(raw: Any) -> Mapping[str, str] | None:
    if raw is None:
        return None
    if not isinstance(raw, dict):
        raise PayloadError("metadata: must be an object of strings")
    return {key: _text(raw, key) for key in raw}
