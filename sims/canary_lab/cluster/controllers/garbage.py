# ruff: noqa: D102
# `keys` and `look` are described in `Controller`.
"""Garbage collection by owner references: dependents follow their owners, go before them, or stay."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from canary_lab.cluster.api import Api
from canary_lab.cluster.controllers.base import Controller, Loop
from canary_lab.cluster.deletion import DeleteOptions, delete
from canary_lab.cluster.resources import Resource
from canary_lab.cluster.store import Event, Key, Obj

_FOREGROUND, _ORPHAN = "foregroundDeletion", "orphan"


class Garbage(Controller):
    """Keys are ("", uid) of objects to look at."""

    def __init__(self, api: Api, loop: Loop) -> None:
        super().__init__(api, loop)
        self._where: dict[str, tuple[str, Key]] = {}
        self._dependents: dict[str, set[str]] = defaultdict(set)
        """Owner's uid to dependents' uids; those that have gone are sorted out when they are met."""

    def keys(self, event: Event) -> Iterable[Key]:
        meta = event.obj["metadata"]
        uid, owners = meta["uid"], meta.get("ownerReferences") or []
        for owner in owners:
            self._dependents[owner["uid"]].add(uid)
        if event.type == "DELETED":
            self._where.pop(uid, None)
            yield from (("", d) for d in self._dependents.pop(uid, ()))
            yield from (("", o["uid"]) for o in owners)  # one that waits for its dependents may go now
            return
        self._where[uid] = (event.store, event.key)
        if owners or "deletionTimestamp" in meta:
            yield ("", uid)
            yield from (("", o["uid"]) for o in owners if "deletionTimestamp" in meta)

    def _get(self, uid: str) -> tuple[Resource, Obj] | None:
        store, key = self._where.get(uid, ("", ("", "")))
        obj, resource = self.api.store.get(store, *key), self.api.registry.of_store(store)
        return (resource, obj) if obj and resource and obj["metadata"]["uid"] == uid else None

    def look(self, key: Key) -> None:
        found = self._get(key[1])
        if found is None:
            return
        resource, obj = found
        finalizers = obj["metadata"].get("finalizers") or ()
        if "deletionTimestamp" in obj["metadata"]:
            if _ORPHAN in finalizers:
                self._orphan(resource, obj)
            elif _FOREGROUND in finalizers:
                self._foreground(resource, obj)
        else:
            self._collect(resource, obj)

    def _of(self, uid: str) -> list[tuple[Resource, Obj]]:
        found = [self._get(d) for d in sorted(self._dependents.get(uid, ()))]
        return [f for f in found if f and any(o["uid"] == uid for o in f[1]["metadata"].get("ownerReferences") or ())]

    def _collect(self, resource: Resource, obj: Obj) -> None:
        """Deletes an object whose owners are all gone; forgets those that are gone while others stay."""
        owners = obj["metadata"].get("ownerReferences") or []
        there = [o for o in owners if self._get(o["uid"])]
        if len(there) == len(owners):
            return
        if there:
            self._set(resource, obj, "ownerReferences", there)
        else:
            meta = obj["metadata"]
            delete(self.api, resource, meta.get("namespace", ""), meta["name"], DeleteOptions(uid=meta["uid"]))

    def _foreground(self, resource: Resource, obj: Obj) -> None:
        waiting = False
        for inner, dependent in self._of(obj["metadata"]["uid"]):
            meta = dependent["metadata"]
            refs = [o for o in meta["ownerReferences"] if o["uid"] == obj["metadata"]["uid"]]
            waiting = waiting or any(r.get("blockOwnerDeletion") for r in refs)
            if "deletionTimestamp" not in meta:
                policy = "Foreground" if self._of(meta["uid"]) else ""
                delete(
                    self.api,
                    inner,
                    meta.get("namespace", ""),
                    meta["name"],
                    DeleteOptions(policy=policy, uid=meta["uid"]),
                )
                waiting = waiting or self._get(meta["uid"]) is not None
        still = [d for _, d in self._of(obj["metadata"]["uid"])]
        if not waiting or not still:
            self._release(resource, obj, _FOREGROUND)

    def _orphan(self, resource: Resource, obj: Obj) -> None:
        uid = obj["metadata"]["uid"]
        for inner, dependent in self._of(uid):
            kept = [o for o in dependent["metadata"]["ownerReferences"] if o["uid"] != uid]
            self._set(inner, dependent, "ownerReferences", kept)
        self._release(resource, obj, _ORPHAN)

    def _release(self, resource: Resource, obj: Obj, finalizer: str) -> None:
        kept = [f for f in obj["metadata"].get("finalizers") or () if f != finalizer]
        self._set(resource, obj, "finalizers", kept)

    def _set(self, resource: Resource, obj: Obj, field: str, value: list[Any]) -> None:
        meta = obj["metadata"]

        def edit(o: Obj) -> None:
            o["metadata"][field] = value

        kind = (resource.group, resource.version, resource.plural)
        self.api.change(kind, meta.get("namespace", ""), meta["name"], edit)
