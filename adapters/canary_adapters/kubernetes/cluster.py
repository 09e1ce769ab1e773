"""What the adapters see of a cluster: reads from a cache, writes to the API server, and never an own write unseen."""

import itertools
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final, Protocol

from attrs import frozen

from canary_adapters.kubernetes.api import Api
from canary_adapters.kubernetes.kept import Kept
from canary_adapters.kubernetes.resources import Obj, Ref, Resource

__all__ = ["Cluster", "LiveReader", "Own", "Reader", "version_of"]


_SWEPT: Final = 2
"""Old writes that are looked at with each new one: more than one, so that their number falls."""


def version_of(obj: Obj) -> int:
    """``metadata.resourceVersion`` as a number.

    Versions of one kind of object can be compared as numbers:
    https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
    """
    return int(obj["metadata"]["resourceVersion"])


class Reader(Protocol):
    """Where objects are read. What it returns is shared and must not be changed."""

    def get(self, resource: Resource, namespace: str, name: str) -> Obj | None:
        """One object. None: there is none."""
        ...

    def list(self, resource: Resource, namespace: str) -> list[Obj]:
        """All objects of a kind in a namespace."""
        ...

    def seen(self, resource: Resource) -> int:
        """The version up to which all changes of a kind have been seen."""
        ...


class LiveReader:
    """Asks the API server each time: for commands and tests, where a cache does not pay."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def get(self, resource: Resource, namespace: str, name: str) -> Obj | None:
        """One object as it is now."""
        found = self._api.read(resource, namespace, name, metadata_only=resource.metadata_only)
        return _trimmed(found) if found is not None else None

    def list(self, resource: Resource, namespace: str) -> list[Obj]:
        """All objects as they are now."""
        return [_trimmed(obj) for obj in self._api.list(resource, namespace).items]

    def seen(self, resource: Resource) -> int:  # noqa: ARG002 - part of the protocol
        """Everything: nothing is older than an own write."""
        return 2**63


@frozen(kw_only=True)
class _Written:
    version: int
    obj: Obj | None
    """None: deleted."""
    uid: str


@frozen(kw_only=True)
class Own:
    """A write of ours that was acknowledged."""

    ref: Ref
    base: str | None
    """The version that it was made on. None: there was no such object."""
    obj: Obj | None
    """What came of it. None: it is gone."""


class Cluster:
    """Reads and writes. May be used from any thread; the same object is not to be written by two at once.

    A read is at least as new as every write that went through this object: what a write returned covers the cache
    until the cache has caught up (as the mutation cache of Kubernetes' Go client does).
    """

    def __init__(self, api: Api, reader: Reader | None = None) -> None:
        """Makes one.

        Args:
            api: For writes, and for what no cache has.
            reader: None: every read asks the API server.
        """
        self.api = api
        self._reader = reader if reader is not None else LiveReader(api)
        self._is_live = reader is None
        self._written: OrderedDict[Ref, _Written] = OrderedDict()
        self._lock = threading.Lock()
        self._here = threading.local()
        self._kept = Kept()

    @contextmanager
    def noting(self) -> Iterator[list[Own]]:
        """The writes that this thread makes meanwhile, in order."""
        found: list[Own] = []
        self._here.notes = found
        try:
            yield found
        finally:
            del self._here.notes

    def get(self, resource: Resource, namespace: str, name: str) -> Obj | None:
        """One object; only its metadata if the resource is ``metadata_only``. None: there is none. Do not change it."""
        # The order matters: a version that the cache reports is one whose changes it has.
        seen = self._reader.seen(resource)
        return self._covered(resource, namespace, name, seen, self._reader.get(resource, namespace, name))

    def list(self, resource: Resource, namespace: str) -> list[Obj]:
        """All objects of a kind in a namespace. Do not change them."""
        seen = self._reader.seen(resource)
        found = {obj["metadata"]["name"]: obj for obj in self._reader.list(resource, namespace)}
        with self._lock:
            mine = [name for kind, place, name in self._written if kind == resource and place == namespace]
        names = {**found, **dict.fromkeys(mine)}
        covered = (self._covered(resource, namespace, name, seen, found.get(name)) for name in names)
        return [obj for obj in covered if obj is not None]

    def read(self, resource: Resource, namespace: str, name: str) -> Obj | None:
        """One object, whole and as it is now, from the API server. None: there is none."""
        return self.api.read(resource, namespace, name)

    def create(self, resource: Resource, namespace: str, body: Obj) -> Obj:
        """Create an object; see `Api.create`."""
        return self._note(resource, None, self.api.create(resource, namespace, body))

    def replace(self, resource: Resource, body: Obj, *, subresource: str = "") -> Obj:
        """Replace an object; see `Api.replace`.

        Raises:
            RefusedError: It was written and not kept, as the last time.
        """
        send = partial(self.api.replace, resource, body, subresource=subresource)
        return self._changed(resource, body, body if not subresource else None, send)

    def patch(self, resource: Resource, obj: Obj, changes: Obj, *, subresource: str = "") -> Obj:
        """Change some fields of an object; see `Api.patch`.

        Raises:
            RefusedError: It was written and not kept, as the last time.
        """
        send = partial(self.api.patch, resource, obj, changes, subresource=subresource)
        return self._changed(resource, obj, changes if not subresource else None, send)

    def delete(self, resource: Resource, obj: Obj) -> None:
        """Delete an object; see `Api.delete`."""
        self.api.delete(resource, obj)
        metadata = obj["metadata"]
        if metadata.get("finalizers"):
            return  # it goes when its finalizers do, which the cache will tell
        self._record(resource, metadata, base=metadata["resourceVersion"], obj=None)
        self._cover(resource, metadata, _Written(version=version_of(obj), obj=None, uid=metadata["uid"]))

    @property
    def unseen(self) -> int:
        """Own writes that are kept until the cache is known to have them."""
        return len(self._written)

    def _record(self, resource: Resource, metadata: Obj, *, base: str | None, obj: Obj | None) -> None:
        notes: list[Own] | None = getattr(self._here, "notes", None)
        if notes is not None:
            notes.append(Own(ref=(resource, metadata["namespace"], metadata["name"]), base=base, obj=obj))

    def _changed(self, resource: Resource, base: Obj, sent: Obj | None, send: Callable[[], Obj]) -> Obj:
        """Make a change and take note of it; of what is sent of an object itself, see whether it was kept."""
        metadata = base["metadata"]
        ref = resource, metadata["namespace"], metadata["name"]
        was = self.get(*ref) if ref in self._kept else None
        found = self._note(resource, metadata.get("resourceVersion"), send())
        if sent is not None:
            self._kept.check(ref, sent, found, was)
        return found

    def _note(self, resource: Resource, base: str | None, obj: Obj) -> Obj:
        metadata = _trimmed(obj)["metadata"]
        kept = {"metadata": metadata} if resource.metadata_only else obj
        self._record(resource, metadata, base=base, obj=kept)
        self._cover(resource, metadata, _Written(version=version_of(obj), obj=kept, uid=metadata["uid"]))
        return obj

    def _cover(self, resource: Resource, metadata: Obj, written: _Written) -> None:
        if self._is_live:  # nothing that is read is older
            return
        with self._lock:
            self._written[resource, metadata["namespace"], metadata["name"]] = written
        self._sweep()

    def _sweep(self) -> None:
        """Let go of the oldest writes that the cache has seen: not everything that is written is ever read again."""
        with self._lock:
            oldest = list(itertools.islice(self._written, _SWEPT))
        for place in oldest:
            self.get(*place)
            with self._lock:
                if place in self._written:  # not seen yet: its turn comes again
                    self._written.move_to_end(place)

    def _covered(self, resource: Resource, namespace: str, name: str, seen: int, cached: Obj | None) -> Obj | None:
        key = (resource, namespace, name)
        with self._lock:
            written = self._written.get(key)
            if written is None:
                return cached
            if _caught_up(written, seen, cached):
                del self._written[key]
                return cached
            return written.obj


def _trimmed(obj: Obj) -> Obj:
    """Without what nobody reads: who wrote which field."""
    obj["metadata"].pop("managedFields", None)
    return obj


def _uid(obj: Obj) -> str:
    found: str = obj["metadata"]["uid"]
    return found


def _caught_up(written: _Written, seen: int, cached: Obj | None) -> bool:
    if written.obj is None:
        # The version is one at which it was still there: whoever has seen that and has nothing has seen it go.
        gone = cached is None and seen >= written.version
        return gone or (cached is not None and version_of(cached) > written.version and _uid(cached) != written.uid)
    return seen >= written.version or (cached is not None and version_of(cached) >= written.version)
