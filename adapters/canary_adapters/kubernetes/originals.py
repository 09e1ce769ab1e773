"""How an object of somebody else was before us: kept in an annotation of its own, and gone with what it tells of.

It is written in the same request as our first change and taken away in the same request as our last, so that there is
no moment at which nobody knows. What kubectl notes of its last apply is no substitute: others may have changed the
object since, or made it in another way.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from canary_adapters.kubernetes.resources import Obj
from canary_ports import RefusedError

__all__ = [
    "LARGEST",
    "NOTE",
    "annotations_of",
    "applied_spec",
    "check_size",
    "noted",
    "read_json",
    "read_note",
    "restored",
    "values_before",
]

NOTE: Final = "canary-core/original"
"""Annotation: what we have changed of an object, and how that was, as JSON."""
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
LARGEST: Final = 256 * 1024
"""Bytes of all annotations of an object together, keys included, which the API server allows."""


def annotations_of(obj: Mapping[str, Any]) -> dict[str, str]:
    """The annotations of an object, as a new table."""
    return dict(obj["metadata"].get("annotations") or {})


def noted(note: Mapping[str, Any]) -> str:
    """A note as the annotation has it."""
    return json.dumps(note, sort_keys=True, separators=(",", ":"))


def read_json(obj: Mapping[str, Any], annotation: str) -> dict[str, Any] | None:
    """The table that an annotation holds as JSON. None: there is none, or somebody has made something else of it."""
    text = annotations_of(obj).get(annotation)
    try:
        found = json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def read_note(obj: Mapping[str, Any]) -> dict[str, Any] | None:
    """What our note says. None: there is none that can be read."""
    return read_json(obj, NOTE)


def applied_spec(obj: Mapping[str, Any]) -> dict[str, Any] | None:
    """The spec as it was applied with kubectl last. None: it was not, or that cannot be read."""
    found = (read_json(obj, LAST_APPLIED) or {}).get("spec")
    return found if isinstance(found, dict) else None


def values_before(given: Mapping[str, str], keys: Iterable[str], before: object) -> dict[str, str | None]:
    """The values that keys had before us: as noted when each was first set, or as they are.

    Args:
        given: Labels or annotations as they are.
        keys: Those that we set.
        before: What is noted so far.
    """
    known = before if isinstance(before, dict) else {}
    return {**{key: given.get(key) for key in keys}, **known}


def restored(given: Mapping[str, str], before: object) -> dict[str, str]:
    """Labels or annotations with the values that they had before us, and all others as they are."""
    known = before if isinstance(before, dict) else {}
    kept = {key: value for key, value in given.items() if key not in known}
    return kept | {key: value for key, value in known.items() if isinstance(value, str)}


def check_size(kind: str, obj: Obj) -> None:
    """Refuse annotations that the API server would not store.

    Args:
        kind: Of the object, for the message.
        obj: As it is about to be written.

    Raises:
        RefusedError: They are too large.
    """
    metadata = obj["metadata"]
    where = ".".join(metadata[part] for part in ("name", "namespace") if part in metadata)
    size = sum(len(key.encode()) + len(value.encode()) for key, value in annotations_of(obj).items())
    if size > LARGEST:
        raise RefusedError(
            "OriginalTooLarge",
            f"{kind} {where}: with a note of how it was before, its annotations "
            f"would have {size} bytes, and {LARGEST} are allowed; make it smaller, or choose another spec.service.name",
        )
