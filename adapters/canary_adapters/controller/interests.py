"""Which objects a canary depends on, so that a change wakes the right canaries, and whose target it is."""

import heapq
import threading
from collections.abc import Iterable
from typing import TypeAlias

from canary_adapters.kubernetes.resources import Obj, Ref, Resource

__all__ = ["Claims", "Interests", "Key"]

Key: TypeAlias = tuple[str, str]
"""Namespace and name of a Canary."""
_Age: TypeAlias = tuple[str, str]
"""When a canary was made, and its identity."""


class Interests:
    """Who wants to know of which objects. Safe for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: dict[Key, frozenset[Ref]] = {}
        self._in: dict[Ref, set[Key]] = {}

    def set(self, key: Key, refs: Iterable[Ref]) -> None:
        """A canary depends on these objects, and on no others any more."""
        wanted = frozenset(refs)
        with self._lock:
            had = self._of.get(key, frozenset())
            if wanted == had:
                return
            self._of[key] = wanted
            for ref in wanted - had:
                self._in.setdefault(ref, set()).add(key)
            for ref in had - wanted:
                self._drop(ref, key)

    def forget(self, key: Key) -> None:
        """A canary is gone."""
        with self._lock:
            for ref in self._of.pop(key, frozenset()):
                self._drop(ref, key)

    def of(self, resource: Resource, obj: Obj) -> frozenset[Key]:
        """The canaries that depend on an object."""
        metadata = obj["metadata"]
        with self._lock:
            return frozenset(self._in.get((resource, metadata["namespace"], metadata["name"]), ()))

    def _drop(self, ref: Ref, key: Key) -> None:
        self._in[ref].discard(key)
        if not self._in[ref]:
            del self._in[ref]


class _Claimants:
    """The canaries that want one target, of which many may."""

    def __init__(self) -> None:
        self._age: dict[Key, _Age] = {}
        self._oldest: list[tuple[_Age, Key]] = []
        """A heap; entries of those that have gone, or have another age, stay until they are the first."""

    def __bool__(self) -> bool:
        return bool(self._age)

    def set(self, key: Key, age: _Age) -> None:
        if self._age.get(key) != age:
            self._age[key] = age
            heapq.heappush(self._oldest, (age, key))

    def drop(self, key: Key) -> None:
        self._age.pop(key, None)

    def first(self) -> Key | None:
        while self._oldest and self._age.get(self._oldest[0][1]) != self._oldest[0][0]:
            heapq.heappop(self._oldest)
        return self._oldest[0][1] if self._oldest else None


class Claims:
    """Which canaries want which target: the oldest has it. Safe for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._target: dict[Key, tuple[str, str, str]] = {}
        self._claims: dict[tuple[str, str, str], _Claimants] = {}

    def set(self, obj: Obj) -> Key | None:
        """Take note of a canary as it is now, however wrong the rest of it may be.

        Returns:
            The canary that has the target now which this one had before and wants no more, if there is one.
        """
        metadata = obj["metadata"]
        key = (metadata["namespace"], metadata["name"])
        spec = obj.get("spec")
        ref = spec.get("targetRef") if isinstance(spec, dict) else None
        given = ref if isinstance(ref, dict) else {}
        target = (str(given.get("kind")), metadata["namespace"], str(given.get("name")))
        with self._lock:
            before = self._target.get(key)
            next_ = self._leave(key) if before not in {None, target} else None
            self._target[key] = target
            age = (metadata.get("creationTimestamp") or "", metadata.get("uid") or "")
            self._claims.setdefault(target, _Claimants()).set(key, age)
            return next_

    def forget(self, key: Key) -> Key | None:
        """A canary is gone.

        Returns:
            The canary that has its target now, if it had it and another one wants it.
        """
        with self._lock:
            return self._leave(key)

    def holder(self, key: Key) -> Key:
        """The canary that has the target which this one wants: often itself."""
        with self._lock:
            target = self._target.get(key)
            claims = self._claims.get(target) if target is not None else None
            found = claims.first() if claims is not None else None
            return found if found is not None else key

    def _leave(self, key: Key) -> Key | None:
        target = self._target.pop(key, None)
        if target is None:
            return None
        claims = self._claims[target]
        had = claims.first() == key
        claims.drop(key)
        if not claims:
            del self._claims[target]
        return claims.first() if had else None
