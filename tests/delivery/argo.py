"""Argo CD, as far as it concerns the objects of an Application: what is out of sync, what is pruned, what is applied.

What is known of it: objects are told to be an Application's by a label (``app.kubernetes.io/instance``) or by an
annotation that holds the object's whole identity, so that a copy of it on another object counts for nothing. Objects
with an owner are never taken for extra ones. Manifest and object are compared after what ``ignoreDifferences`` names
was taken out of both. A sync applies the manifest as it is, ignored fields included, unless
``RespectIgnoreDifferences=true`` has them taken over from the object.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal, TypeAlias

import jsonpointer
from attrs import frozen

from delivery.fleet import Ref, ref_of
from delivery.merging import BUILT_IN, Obj, removed, three_way, without_extra

INSTANCE: Final = "app.kubernetes.io/instance"
TRACKING: Final = "argocd.argoproj.io/tracking-id"
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
MANAGER: Final = "argocd-controller"

Tracking: TypeAlias = Literal["label", "annotation"]
Path: TypeAlias = tuple[str, ...]


@frozen(kw_only=True)
class Ignored:
    """One of ``spec.ignoreDifferences``."""

    group: str = ""
    kind: str
    name: str = ""
    namespace: str = ""
    pointers: tuple[str, ...] = ()
    managers: tuple[str, ...] = ()

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Ignored:
        """From the manifest of an Application."""
        return cls(
            group=given.get("group", ""),
            kind=given["kind"],
            name=given.get("name", ""),
            namespace=given.get("namespace", ""),
            pointers=tuple(given.get("jsonPointers") or ()),
            managers=tuple(given.get("managedFieldsManagers") or ()),
        )

    def pointers_of(self, wanted: Obj, live: Obj) -> tuple[str, ...]:
        """What is not compared of an object."""
        group = live["apiVersion"].rpartition("/")[0]
        metadata = live["metadata"]
        for given, has in ((self.name, metadata["name"]), (self.namespace, metadata.get("namespace", ""))):
            if given and given != has:
                return ()
        if (self.group, self.kind) != (group, live["kind"]):
            return ()
        return (*self.pointers, *_trusted(wanted, live, self.managers))


def _trusted(wanted: Obj, live: Obj, managers: tuple[str, ...]) -> Iterator[str]:
    """Fields that differ and that one of these managers has set. What it set as a whole it has not set in its parts."""
    owned: set[Path] = set()
    for entry in live["metadata"].get("managedFields") or ():
        if entry["manager"] in managers:
            owned |= set(_leaves(entry.get("fieldsV1") or {}))
    for path in _differing(wanted, live):
        if path in owned:
            yield "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in path)


def _leaves(fields: Obj, path: Path = ()) -> Iterator[Path]:
    for key, inner in fields.items():
        if key.startswith("f:"):
            if inner and set(inner) != {"."}:
                yield from _leaves(inner, (*path, key[2:]))
            else:
                yield (*path, key[2:])


def _differing(wanted: Obj, live: Obj, path: Path = ()) -> Iterator[Path]:
    for key in wanted.keys() & live.keys():
        one, other = wanted[key], live[key]
        if isinstance(one, dict) and isinstance(other, dict):
            yield from _differing(one, other, (*path, key))
        elif one != other:
            yield (*path, key)


def _has_owner(obj: Obj) -> bool:
    """Of Endpoints the Service is the owner, although nothing in them says so."""
    return bool(obj["metadata"].get("ownerReferences")) or obj["kind"] == "Endpoints"


@frozen(kw_only=True)
class Application:
    """An Application of Argo CD."""

    name: str
    objects: tuple[Obj, ...]
    tracking: Tracking = "annotation"
    ignored: tuple[Ignored, ...] = ()
    respects: bool = False
    """``RespectIgnoreDifferences=true``."""

    def manifests(self) -> tuple[Obj, ...]:
        """The objects as they are applied."""
        return tuple(self._tracked(obj) for obj in self.objects)

    def _tracked(self, obj: Obj) -> Obj:
        mark = (
            {"labels": {INSTANCE: self.name}}
            if self.tracking == "label"
            else {"annotations": {TRACKING: self._id(obj)}}
        )
        return three_way({}, {"metadata": mark}, obj)

    def _id(self, obj: Obj) -> str:
        version, kind, namespace, name = ref_of(obj)
        return f"{self.name}:{version.rpartition('/')[0]}/{kind}:{namespace}/{name}"

    def _is_mine(self, obj: Obj) -> bool:
        metadata = obj["metadata"]
        if self.tracking == "label":
            return (metadata.get("labels") or {}).get(INSTANCE) == self.name
        return (metadata.get("annotations") or {}).get(TRACKING) == self._id(obj)

    def to_prune(self, live: Iterable[Obj]) -> list[Ref]:
        """What would be pruned."""
        wanted = {ref_of(obj) for obj in self.objects}
        mine = (obj for obj in live if self._is_mine(obj) and not _has_owner(obj))
        return sorted({ref_of(obj) for obj in mine} - wanted)

    def out_of_sync(self, live: Iterable[Obj]) -> list[Ref]:
        """What a sync would create or change."""
        there = {ref_of(obj): obj for obj in live}
        wanted = {ref_of(obj): obj for obj in self.manifests()}
        return sorted(ref for ref, obj in wanted.items() if ref not in there or self._differs(obj, there[ref]))

    def _differs(self, wanted: Obj, live: Obj) -> bool:
        pointers = self._pointers(wanted, live)
        applied = (live["metadata"].get("annotations") or {}).get(LAST_APPLIED)
        original = removed(json.loads(applied), pointers) if applied else removed(wanted, pointers)
        wanted, live = removed(wanted, pointers), removed(live, pointers)
        if wanted["apiVersion"].rpartition("/")[0] not in BUILT_IN:
            live = without_extra(wanted, live)
        return three_way(original, wanted, live) != live

    def _pointers(self, wanted: Obj, live: Obj) -> tuple[str, ...]:
        return tuple(pointer for rule in self.ignored for pointer in rule.pointers_of(wanted, live))

    def to_apply(self, wanted: Obj, live: Obj | None) -> Obj:
        """The manifest that a sync applies."""
        if live is None or not self.respects:
            return wanted
        found = copy.deepcopy(wanted)
        missing = object()
        for pointer in self._pointers(wanted, live):
            has = jsonpointer.resolve_pointer(live, pointer, missing)
            found = removed(found, [pointer])
            if has is not missing:
                jsonpointer.set_pointer(found, pointer, has)
        return found
