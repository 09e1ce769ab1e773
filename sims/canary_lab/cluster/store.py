"""The storage: all objects in memory under one counter of versions, with a bounded history for watches and old lists.

Stored objects are never changed in place: a write puts a new one there, so that readers may keep what they got.
"""

from __future__ import annotations

import copy
import json
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Literal

from attrs import frozen

from canary_lab.cluster.errors import ApiError

Obj = dict[str, Any]
Key = tuple[str, str]
"""Namespace ("" for cluster scope) and name."""
Change = Literal["ADDED", "MODIFIED", "DELETED"]

_PLAIN = frozenset({str, int, float, bool, type(None)})
FIRST_VERSION = 1000
"""Versions below are gone: as with a real server, whose history is compacted."""
LARGEST = 1_572_864 - 512
"""Bytes of an object, as JSON, that etcd takes: its --max-request-bytes less what a transaction needs."""
HISTORY = 20_000
"""How many changes are remembered."""


@frozen
class Event:
    """One change; `old` is what was there before."""

    rv: int
    type: Change
    store: str
    key: Key
    obj: Obj
    old: Obj | None


class Expired(Exception):  # noqa: N818 - it is an answer
    """The history does not reach back to that version."""


class Store:
    """Objects by store ("apps/deployments") and key."""

    def __init__(self) -> None:
        self.rv = FIRST_VERSION
        self.floor = FIRST_VERSION
        """The oldest version that can still be looked at."""
        self._objects: dict[str, dict[Key, Obj]] = {}
        self._places: dict[tuple[str, str], dict[Key, Obj]] = {}
        """The same by store and namespace: controllers look at one namespace at a time, again and again."""
        self._history: deque[Event] = deque()
        self._listeners: list[Callable[[Event], None]] = []

    def get(self, store: str, namespace: str, name: str) -> Obj | None:
        """An object, or None."""
        return self._objects.get(store, {}).get((namespace, name))

    def all(self, store: str, namespace: str = "") -> list[Obj]:
        """The objects of a namespace, or of all, sorted by namespace and name."""
        found = self._places.get((store, namespace), {}) if namespace else self._objects.get(store, {})
        return [found[key] for key in sorted(found)]

    def everything(self) -> Iterator[tuple[str, Key, Obj]]:
        """Every object there is, with its store."""
        for store, objects in list(self._objects.items()):
            for key, obj in list(objects.items()):
                yield store, key, obj

    def put(self, store: str, obj: Obj) -> Obj:
        """Stores an object under the next version, which it gets.

        Raises:
            ApiError: 500, it is larger than etcd takes.
        """
        if len(json.dumps(obj, ensure_ascii=False, separators=(",", ":")).encode()) > LARGEST:
            raise ApiError(500, "", "etcdserver: request is too large")
        meta = obj["metadata"]
        key = (meta.get("namespace", ""), meta["name"])
        objects = self._objects.setdefault(store, {})
        old = objects.get(key)
        self.rv += 1
        obj = _with_version(obj, self.rv)
        objects[key] = self._places.setdefault((store, key[0]), {})[key] = obj
        self._record(Event(self.rv, "MODIFIED" if old else "ADDED", store, key, obj, old))
        return obj

    def restore(self, store: str, obj: Obj) -> None:
        """Stores an object under the version that it has already; nobody is told."""
        meta = obj["metadata"]
        key = (meta.get("namespace", ""), meta["name"])
        self._objects.setdefault(store, {})[key] = self._places.setdefault((store, key[0]), {})[key] = obj

    def remove(self, store: str, namespace: str, name: str, last: Obj | None = None) -> Obj:
        """Removes an object; answers with its last state under the version of the removal."""
        old = self._objects[store].pop((namespace, name))
        place = self._places[store, namespace]
        del place[namespace, name]
        if not place:
            del self._places[store, namespace]
        self.rv += 1
        obj = _with_version(last or old, self.rv)
        self._record(Event(self.rv, "DELETED", store, (namespace, name), obj, old))
        return obj

    def _record(self, event: Event) -> None:
        self._history.append(event)
        if len(self._history) > HISTORY:
            self.floor = self._history.popleft().rv
        for listener in list(self._listeners):
            listener(event)

    def subscribe(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Calls `listener` with every change from now on; what comes back ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def forget_history(self) -> None:
        """Compacts the history: versions up to now are gone."""
        self._history.clear()
        self.floor = self.rv

    def since(self, store: str, rv: int) -> list[Event]:
        """The changes of a store after a version.

        Raises:
            Expired: that version is gone.
        """
        if rv < self.floor:
            raise Expired
        found = []
        for event in reversed(self._history):
            if event.rv <= rv:
                break
            if event.store == store:
                found.append(event)
        return found[::-1]

    def at(self, store: str, rv: int, namespace: str = "") -> list[Obj]:
        """The objects of a store as they were at a version.

        Raises:
            Expired: that version is gone.
        """
        objects = dict(self._objects.get(store, {}))
        for event in reversed(self.since(store, rv)):
            if event.old is None:
                objects.pop(event.key, None)
            else:
                objects[event.key] = event.old
        return [objects[key] for key in sorted(objects) if not namespace or key[0] == namespace]


def _with_version(obj: Obj, rv: int) -> Obj:
    return {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(rv)}}


def clone(obj: Obj) -> Obj:
    """A copy that may be changed. Of JSON only, which makes it several times as fast as `copy.deepcopy`."""
    return {key: copied(value) for key, value in obj.items()}


def copied(value: Any) -> Any:
    """The same of any JSON."""
    kind = type(value)
    if kind is dict:
        return {key: copied(inner) for key, inner in value.items()}
    if kind is list:
        return [copied(inner) for inner in value]
    return value if kind in _PLAIN else copy.deepcopy(value)
