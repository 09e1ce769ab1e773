"""What a canary depends on, as it is now, in numbers that can be compared; and what of a change is our own doing."""

import json
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from attrs import frozen

from canary_adapters.kubernetes.cluster import Cluster, Own
from canary_adapters.kubernetes.resources import Obj, Ref

__all__ = ["Seen", "after", "declared", "look", "whole"]

_REPORTED: Final = frozenset({"status", "metadata", "apiVersion", "kind"})
_DECLARED: Final = ("uid", "generation", "deletionTimestamp", "labels", "annotations", "ownerReferences")


@frozen
class _One:
    version: str | None
    """None: there is no such object."""
    obj: Obj | None


_ABSENT: Final = _One(None, None)
Seen: TypeAlias = Mapping[Ref, _One]
"""Objects as they were seen."""


def look(cluster: Cluster, refs: Iterable[Ref]) -> Seen:
    """Objects as they are now, from the caches."""
    return {ref: _one(cluster.get(*ref)) for ref in refs}


def after(before: Seen, refs: Iterable[Ref], own: Iterable[Own]) -> Seen:
    """Objects as one's own writes have left them, and nobody else's.

    What somebody else has changed meanwhile shows as it was: the next look finds it changed.

    Args:
        before: Before the writes.
        refs: Of which objects. Those that were not looked at before count as not there.
        own: The writes, in order.
    """
    found = {ref: before.get(ref, _ABSENT) for ref in refs}
    for write in own:
        if write.ref in found and found[write.ref].version == write.base:
            found[write.ref] = _one(write.obj)
    return found


def whole(seen: Seen, *more: object) -> int:
    """A number that differs if any object does, or what is given besides."""
    return hash((frozenset((ref, one.version) for ref, one in seen.items()), more))


def declared(seen: Seen, *more: object) -> int:
    """The same of what somebody asks for: not of what is reported."""
    return hash((frozenset((ref, _asked(ref, one)) for ref, one in seen.items()), more))


def _one(obj: Obj | None) -> _One:
    return _ABSENT if obj is None else _One(obj["metadata"]["resourceVersion"], obj)


def _asked(ref: Ref, one: _One) -> str:
    if one.obj is None or ref[0].metadata_only:  # its contents are not known, and nobody reports in there
        return one.version or ""
    metadata = one.obj["metadata"]
    asked = {key: metadata.get(key) for key in _DECLARED}
    contents = {key: value for key, value in one.obj.items() if key not in _REPORTED}
    # Where there is a generation it stands for the spec, and nothing else needs to be read.
    return json.dumps([asked, {} if asked["generation"] else contents], sort_keys=True, default=str)
