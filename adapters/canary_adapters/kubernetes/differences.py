"""What of an object did not come back as it was sent, field by field, and what of that may be shown."""

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from canary_adapters.kubernetes.resources import Obj
from canary_adapters.manifests.structure import Path
from canary_adapters.redaction import is_secret_name

__all__ = ["ABSENT", "Difference", "differences", "may_be_secret", "written"]

ABSENT: Final = object()
"""In the place of a value: there is none."""
_NOTHING: Final[tuple[object, ...]] = (None, "", False, 0, [], {})
"""What a server may leave out."""
_PRIVATE: Final = frozenset({"annotations", "args", "command", "env", "headers"})
"""Fields that may hold secrets, with all that is in them."""
Difference: TypeAlias = tuple[Path, object, object]
"""Where, what was sent, and what came back."""


def written(obj: Obj) -> Obj:
    """What of an object is ours to write."""
    parts = {key: value for key, value in obj.items() if key not in {"apiVersion", "kind", "metadata", "status"}}
    metadata: dict[str, Any] = obj.get("metadata") or {}
    return {**parts, "metadata": {key: metadata[key] for key in ("labels", "annotations") if key in metadata}}


def differences(sent: object, came: object, path: Path = ()) -> Iterator[Difference]:
    """What of a write did not come back. What came besides is no difference."""
    if isinstance(sent, dict) and isinstance(came, dict):
        for key, value in sent.items():
            yield from differences(value, came.get(key, ABSENT), (*path, key))
    elif isinstance(sent, list) and isinstance(came, list) and len(sent) == len(came):
        for index, (value, found) in enumerate(zip(sent, came, strict=True)):
            yield from differences(value, found, (*path, index))
    elif sent != came and not (came is ABSENT and sent in _NOTHING):
        yield path, sent, came


def may_be_secret(path: Path, value: object) -> bool:
    """Whether a value is not for everybody who may read a Canary: environment, headers, or whatever is called so."""
    names = [part for part in path if isinstance(part, str)]
    return isinstance(value, dict | list) or any(name in _PRIVATE or is_secret_name(name) for name in names)
