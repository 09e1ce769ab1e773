"""What the controller sends: one JSON object, the same for every kind of webhook."""

import json
from collections.abc import Mapping
from typing import Any, Final

from attrs import field, frozen

from canary_adapters.controls import Controls, control_fault

__all__ = ["LONGEST_NAME", "Payload", "PayloadError", "read_payload"]

LONGEST_NAME: Final = 253
"""Characters of a name or a namespace: no object of Kubernetes has a longer one."""


_CONTROLS: Final = {
    **dict.fromkeys(("name", "namespace", "phase"), Controls.NONE),
    **dict.fromkeys(("metadata.cmd", "metadata.type"), Controls.LINES),
}
"""What is run, or written into logs; the rest of metadata is somebody else's."""


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
        name=_text("name", raw.get("name"), LONGEST_NAME),
        namespace=_text("namespace", raw.get("namespace"), LONGEST_NAME),
        phase=_text("phase", raw.get("phase"), LONGEST_NAME),
        metadata=_metadata(raw.get("metadata")),
    )


def _text(key: str, value: Any, longest: int | None = None) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise PayloadError(f"{key}: must be a string")
    if longest is not None and len(value) > longest:
        raise PayloadError(f"{key}: at most {longest} characters")
    # Neither can be passed to a program, and the second cannot be written down anywhere.
    odd = next((index for index, char in enumerate(value) if char == "\0" or "\ud800" <= char <= "\udfff"), None)
    if odd is not None:
        where = f"U+{ord(value[odd]):04X} at character {odd + 1}"
        raise PayloadError(f"{key}: must be text without null characters and halves of characters: {where}")
    if fault := control_fault(value, _CONTROLS.get(key, Controls.ANY)):
        raise PayloadError(f"{key}: {fault}")
    return value


def _metadata(raw: Any) -> Mapping[str, str] | None:
    if raw is None:
        return None
    if not isinstance(raw, dict):
        raise PayloadError("metadata: must be an object of strings")
    return {key: _text(f"metadata.{key}", value) for key, value in raw.items()}
