"""Which objects a canary depends on, so that a change wakes the right canaries, and whose target it is."""

import enum
import heapq
import threading
from collections.abc import Iterable
from typing import Final, TypeAlias

from attrs import frozen

from canary_adapters.kubernetes.resources import Obj, Ref, Resource

__all__ = ["Claims", "Interests", "Key", "Target", "Why"]

Key: TypeAlias = tuple[str, str]
"""Namespace and name of a Canary."""
Target: TypeAlias = tuple[str, str, str]
"""Kind, namespace and name of a workload."""
_Rank: TypeAlias = tuple[bool, str, Key]
_STALE: Final = 2
_FEW: Final = 16
"""More entries than so many for each claim, and these, are too many."""


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

    def refs(self, key: Key) -> frozenset[Ref]:
        """The objects that a canary depends on."""
        with self._lock:
            return self._of.get(key, frozenset())

    def of(self, resource: Resource, obj: Obj) -> frozenset[Key]:
        """The canaries that depend on an object."""
        metadata = obj["metadata"]
        with self._lock:
            return frozenset(self._in.get((resource, metadata["namespace"], metadata["name"]), ()))

    def _drop(self, ref: Ref, key: Key) -> None:
        self._in[ref].discard(key)
        if not self._in[ref]:
            del self._in[ref]


class Why(enum.Enum):
    """Why a target is another canary's. The value says it of that one."""

    OWNER = "owns its primary"
    VALID = "can be served as it is declared"
    OLDER = "is older"
    NAME = "was made in the same second, and comes first by its name"


@frozen(kw_only=True)
class _Claim:
    """A canary that wants a target. Of two, the lesser has the better claim."""

    valid: bool
    """Whether it can be served as it is declared, and is not on its way out."""
    created: str
    """RFC 3339, to the second: the order of texts is that of times."""
    key: Key
    uid: str

    @property
    def rank(self) -> _Rank:
        return not self.valid, self.created, self.key


class _Claimants:
    """The canaries that want one target, of which many may."""

    def __init__(self) -> None:
        self._claims: dict[Key, _Claim] = {}
        self._by_uid: dict[str, _Claim] = {}
        self._ranked: list[_Rank] = []
        """A heap; entries of those that have gone, or have another rank, stay until they are the first, or too many."""

    def __bool__(self) -> bool:
        return bool(self._claims)

    def of(self, key: Key) -> _Claim | None:
        return self._claims.get(key)

    def set(self, claim: _Claim) -> bool:
        """Whether that is new."""
        before = self._claims.get(claim.key)
        if before == claim:
            return False
        self.drop(claim.key)
        self._claims[claim.key] = self._by_uid[claim.uid] = claim
        heapq.heappush(self._ranked, claim.rank)
        if len(self._ranked) > _STALE * len(self._claims) + _FEW:
            self._ranked = sorted(each.rank for each in self._claims.values())
        return True

    def drop(self, key: Key) -> None:
        claim = self._claims.pop(key, None)
        if claim is not None:
            self._by_uid.pop(claim.uid, None)

    def holder(self, owner: str | None) -> _Claim | None:
        found = self._by_uid.get(owner) if owner else None
        return found if found is not None else self._first()

    def _first(self) -> _Claim | None:
        while self._ranked:
            claim = self._claims.get(self._ranked[0][-1])
            if claim is not None and claim.rank == self._ranked[0]:
                return claim
            heapq.heappop(self._ranked)
        return None


class Claims:
    """Which canaries want which target, and which of them has it. Safe for many threads.

    Whoever owns the primary has the target, whatever has become of its spec. Without a primary it is the oldest of
    those that can be served, so that a mistake takes nothing from anybody; of the same second, the first by name. All
    who ask get the same answer.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._target: dict[Key, Target] = {}
        self._claims: dict[Target, _Claimants] = {}

    def set(self, obj: Obj, *, valid: bool) -> Key | None:
        """Take note of a canary as it is now, however wrong it may be. A mistake changes nothing of what it has.

        Args:
            obj: The Canary.
            valid: Whether it can be served as it is declared.

        Returns:
            Another canary that may have a target now which it had not before, if there is one.
        """
        metadata = obj["metadata"]
        key = (metadata["namespace"], metadata["name"])
        claim = _Claim(
            key=key,
            uid=str(metadata.get("uid") or ""),
            created=str(metadata.get("creationTimestamp") or ""),
            valid=valid and not metadata.get("deletionTimestamp"),
        )
        with self._lock:
            before = self._target.get(key)
            target = before if before is not None and not valid else _target(obj)
            next_ = self._leave(key) if before not in {None, target} else None
            self._target[key] = target
            claims = self._claims.setdefault(target, _Claimants())
            if claims.set(claim) and before == target:
                next_ = _other(claims.holder(None), key)
            return next_

    def forget(self, key: Key) -> Key | None:
        """A canary is gone.

        Returns:
            Another canary that may have its target now, if there is one.
        """
        with self._lock:
            return self._leave(key)

    def target(self, key: Key) -> Target | None:
        """What a canary wants. None: nobody knows the canary."""
        with self._lock:
            return self._target.get(key)

    def holder(self, key: Key, owner: str | None = None) -> Key:
        """The canary that has the target which this one wants: often itself.

        Args:
            key: Of a canary.
            owner: UID of the canary that owns the primary. None: there is no primary, or nobody's.
        """
        with self._lock:
            held, _ = self._held(key, owner)
            return held.key if held is not None else key

    def why(self, key: Key, owner: str | None = None) -> Why | None:
        """Why another canary has the target which this one wants. None: no other one has it."""
        with self._lock:
            held, own = self._held(key, owner)
        if held is None or own is None or held == own:
            return None
        if held.uid == owner:
            return Why.OWNER
        if held.valid != own.valid:
            return Why.VALID
        return Why.NAME if held.created == own.created else Why.OLDER

    def _held(self, key: Key, owner: str | None) -> tuple[_Claim | None, _Claim | None]:
        """The claim that prevails, and that of this canary."""
        target = self._target.get(key)
        claims = self._claims[target] if target is not None else None
        return (claims.holder(owner), claims.of(key)) if claims is not None else (None, None)

    def _leave(self, key: Key) -> Key | None:
        target = self._target.pop(key, None)
        if target is None:
            return None
        claims = self._claims[target]
        claims.drop(key)
        if not claims:
            del self._claims[target]
        return _other(claims.holder(None), key)


def _other(claim: _Claim | None, key: Key) -> Key | None:
    return claim.key if claim is not None and claim.key != key else None


def _target(obj: Obj) -> Target:
    spec = obj.get("spec")
    ref = spec.get("targetRef") if isinstance(spec, dict) else None
    given = ref if isinstance(ref, dict) else {}
    return str(given.get("kind")), obj["metadata"]["namespace"], str(given.get("name"))
