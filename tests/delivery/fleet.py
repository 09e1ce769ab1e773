"""Rancher Fleet, as far as it concerns the objects of a bundle: what it delivers, and what it calls drift.

What is known of it: the agent installs a bundle as a Helm release. Each object gets a label with the hash of the
bundle and an annotation with its name. To look for drift it lists the kinds that are in the bundle, in its namespaces,
by that label: what lacks is *missing*, what has the label and is not in the bundle is *extra*, and what would change
if the manifest was merged into it is *modified*. Before that, manifest and object go through the bundle's
``comparePatches``. An upgrade merges the new manifests into the live objects as Helm does, and undoes drift in every
field that the manifests name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import jsonpatch
import jsonpointer
import yaml
from attrs import frozen

from delivery.merging import BUILT_IN, Obj, patched, removed, three_way, without_extra

HASH: Final = "objectset.rio.cattle.io/hash"
ID: Final = "objectset.rio.cattle.io/id"
AGENT_NAMESPACE: Final = "cattle-fleet-system"

State: TypeAlias = Literal["missing", "modified", "extra"]
Ref: TypeAlias = tuple[str, str, str, str]
"""API version, kind, namespace and name."""


@frozen
class Drift:
    """Why a bundle is not in order."""

    state: State
    ref: Ref


def ref_of(obj: Obj) -> Ref:
    """What an object is called."""
    metadata = obj["metadata"]
    return obj["apiVersion"], obj["kind"], metadata.get("namespace", ""), metadata["name"]


@frozen
class ComparePatch:
    """One of ``diff.comparePatches``."""

    ref: Ref
    operations: tuple[Obj, ...] = ()
    pointers: tuple[str, ...] = ()

    def __call__(self, obj: Obj) -> Obj:
        """The object with what is not to be compared left out.

        One operation that cannot be applied, and Fleet applies none of them.
        """
        if ref_of(obj) != self.ref:
            return obj
        less = removed(obj, self.pointers)
        try:
            return patched(less, self.operations)
        except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException):
            return less


def compare_patches(fleet_yaml: Mapping[str, Any]) -> tuple[ComparePatch, ...]:
    """Those of a ``fleet.yaml``."""
    found = (fleet_yaml.get("diff") or {}).get("comparePatches") or ()
    return tuple(
        ComparePatch(
            (each["apiVersion"], each["kind"], each.get("namespace", ""), each["name"]),
            tuple(each.get("operations") or ()),
            tuple(each.get("jsonPointers") or ()),
        )
        for each in found
    )


@frozen
class Bundle:
    """What Fleet made of a folder."""

    name: str
    objects: tuple[Obj, ...]
    patches: tuple[ComparePatch, ...] = ()

    @classmethod
    def read(cls, folder: Path, name: str) -> Bundle:
        """That of a folder with manifests and a ``fleet.yaml``."""
        texts = {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.yaml"))}
        options = yaml.safe_load(texts.pop("fleet.yaml"))
        default = options["defaultNamespace"]
        objects = [each for text in texts.values() for each in yaml.safe_load_all(text) if each]
        placed = [{**each, "metadata": {"namespace": default, **each["metadata"]}} for each in objects]
        return cls(name, tuple(placed), compare_patches(options))

    @property
    def place(self) -> str:
        """The namespace of the Helm release."""
        return str(next(obj["metadata"]["namespace"] for obj in self.objects if "namespace" in obj["metadata"]))

    @property
    def hash(self) -> str:
        """Value of the label by which its objects are found."""
        return hashlib.sha1(f"{AGENT_NAMESPACE}-{self.name}".encode(), usedforsecurity=False).hexdigest()

    def manifests(self) -> tuple[Obj, ...]:
        """The objects as they are in the Helm release."""
        marks = {"labels": {HASH: self.hash}, "annotations": {ID: f"{AGENT_NAMESPACE}-{self.name}"}}
        return tuple(
            three_way({}, {**obj, "metadata": {**obj["metadata"]}}, {"metadata": marks}) for obj in self.objects
        )

    def delivered(self) -> tuple[Obj, ...]:
        """The objects as Helm creates them."""
        helm = {"meta.helm.sh/release-name": self.name, "meta.helm.sh/release-namespace": self.place}
        extra = {"labels": {"app.kubernetes.io/managed-by": "Helm"}, "annotations": helm}
        return tuple(three_way({}, {"metadata": extra}, obj) for obj in self.manifests())

    def drift(self, live: Iterable[Obj]) -> tuple[Drift, ...]:
        """What Fleet reports of the objects in a cluster."""
        wanted = {ref_of(obj): obj for obj in self.manifests()}
        kinds, places = {ref[:2] for ref in wanted}, {ref[2] for ref in wanted}
        there = {ref_of(obj): obj for obj in live if (obj["metadata"].get("labels") or {}).get(HASH) == self.hash}
        ours = {ref: obj for ref, obj in there.items() if ref[:2] in kinds and ref[2] in places}
        missing = [Drift("missing", ref) for ref in wanted.keys() - ours.keys()]
        extra = [Drift("extra", ref) for ref in ours.keys() - wanted.keys()]
        both = wanted.keys() & ours.keys()
        modified = [Drift("modified", ref) for ref in both if self._is_modified(wanted[ref], ours[ref])]
        return tuple(sorted([*missing, *modified, *extra], key=lambda each: (each.state, each.ref)))

    def _is_modified(self, wanted: Obj, live: Obj) -> bool:
        for patch in self.patches:
            wanted, live = patch(wanted), patch(live)
        if wanted["apiVersion"].rpartition("/")[0] not in BUILT_IN:
            live = without_extra(wanted, live)
        return three_way(wanted, wanted, live) != live

    def upgraded(self, before: Bundle, live: Obj) -> Obj:
        """What a live object becomes when Helm upgrades from another version of the bundle, or rolls drift back."""
        old = {ref_of(obj): obj for obj in before.manifests()}
        new = {ref_of(obj): obj for obj in self.manifests()}
        return three_way(old.get(ref_of(live), {}), new[ref_of(live)], live)
