"""Which objects a canary depends on, so that a change wakes the right canaries, and whose target it is."""

import enum
import threading
from collections.abc import Iterable
from typing import TypeAlias

from attrs import frozen

from canary_adapters.kubernetes.resources import Obj, Ref, Resource

__all__ = ["Claim", "Claims", "Interests", "Key", "Reason", "holder", "reason"]

Key: TypeAlias = tuple[str, str]
"""Namespace and name of a Canary."""


class Interests:
    """Who wants to know of which objects. Safe for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: dict[Key, frozenset[Ref]] = {}
        self._in: dict[Ref, frozenset[Key]] = {}

    def set(self, key: Key, refs: Iterable[Ref]) -> None:
        """A canary depends on these objects, and on no others any more."""
        wanted = frozenset(refs)
        with self._lock:
            had = self._of.get(key, frozenset())
            if wanted == had:
                return
            self._of[key] = wanted
            for ref in wanted - had:
                self._in[ref] = self._in.get(ref, frozenset()) | {key}
            for ref in had - wanted:
                self._drop(ref, key)

    def forget(self, key: Key) -> None:
        """A canary is gone."""
        with self._lock:
            for ref in self._of.pop(key, frozenset()):
                self._drop(ref, key)

    def refs(self, key: Key) -> frozenset[Ref]:
        """The objects that a canary depends on."""
        return self._of.get(key, frozenset())

    def of(self, resource: Resource, obj: Obj) -> frozenset[Key]:
        """The canaries that depend on an object."""
        metadata = obj["metadata"]
        return self._in.get((resource, metadata["namespace"], metadata["name"]), frozenset())

    def _drop(self, ref: Ref, key: Key) -> None:
        left = self._in[ref] - {key}
        if left:
            self._in[ref] = left
        else:
            del self._in[ref]


class Reason(enum.Enum):
    """Why a target is somebody's. The value says it of that canary."""

    OWNER = "owns its primary"
    OLDER = "is older"
    NAME = "was made in the same second, and comes first by its name"


@frozen(kw_only=True)
class Claim:
    """A canary that wants a target."""

    key: Key
    uid: str
    created: str
    """RFC 3339, to the second: the order of texts is that of times."""
    valid: bool
    """Whether it can be served as it is declared, and is not on its way out."""


def holder(claims: Iterable[Claim], owner: str | None) -> Claim | None:
    """Whose a target is: it depends on nothing but this, so that all who ask get the same answer.

    Whoever owns the primary has it, whatever has become of its spec. Without a primary it is the oldest of those that
    can be served, so that a mistake takes nothing from anybody; of the same age, the first by name.

    Args:
        claims: All that want it.
        owner: UID of the canary that owns the primary. None: there is no primary, or nobody's.
    """
    found = list(claims)
    owning = next((claim for claim in found if claim.uid == owner), None) if owner else None
    return owning or min(found, key=lambda claim: (not claim.valid, claim.created, claim.key), default=None)


def reason(held: Claim, other: Claim, owner: str | None) -> Reason:
    """Why one canary has a target and another one does not."""
    if owner and held.uid == owner:
        return Reason.OWNER
    return Reason.NAME if held.created == other.created else Reason.OLDER


_Target: TypeAlias = tuple[str, str, str]
"""Kind, namespace and name."""


class Claims:
    """Which canaries want which target. Safe for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._target: dict[Key, _Target] = {}
        self._claims: dict[_Target, dict[Key, Claim]] = {}

    def set(self, obj: Obj, *, valid: bool) -> frozenset[Key]:
        """Take note of a canary as it is now, however wrong it may be.

        Args:
            obj: The Canary.
            valid: Whether it can be served as it is declared.

        Returns:
            Other canaries whose claim may be a better one now than it was.
        """
        metadata = obj["metadata"]
        key = (metadata["namespace"], metadata["name"])
        spec = obj.get("spec")
        ref = spec.get("targetRef") if isinstance(spec, dict) else None
        given = ref if isinstance(ref, dict) else {}
        target = (str(given.get("kind")), metadata["namespace"], str(given.get("name")))
        claim = Claim(
            key=key,
            uid=str(metadata.get("uid") or ""),
            created=str(metadata.get("creationTimestamp") or ""),
            valid=valid and not metadata.get("deletionTimestamp"),
        )
        with self._lock:
            before = self._target.get(key)
            left = self._leave(key) if before not in {None, target} else frozenset[Key]()
            self._target[key] = target
            claims = self._claims.setdefault(target, {})
            worse = key in claims and claims[key] != claim
            claims[key] = claim
            return left | (frozenset(claims) - {key} if worse else frozenset())

    def forget(self, key: Key) -> frozenset[Key]:
        """A canary is gone.

        Returns:
            Other canaries that wanted its target.
        """
        with self._lock:
            return self._leave(key)

    def rivals(self, key: Key) -> tuple[Claim, ...]:
        """All that want the target of a canary, itself included, in the order of their names."""
        with self._lock:
            target = self._target.get(key)
            claims = self._claims.get(target, {}) if target is not None else {}
            return tuple(claims[each] for each in sorted(claims))

    def _leave(self, key: Key) -> frozenset[Key]:
        target = self._target.pop(key, None)
        claims = self._claims.get(target, {}) if target is not None else {}
        claims.pop(key, None)
        if target is not None and not claims:
            self._claims.pop(target, None)
        return frozenset(claims)
