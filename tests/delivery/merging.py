"""How kubectl, Helm, Fleet and Argo CD bring an object from a cluster together with its manifest."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

import jsonpatch
import jsonpointer

Obj: TypeAlias = dict[str, Any]

KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "volumes": ("name",),
    "env": ("name",),
    "imagePullSecrets": ("name",),
    "volumeMounts": ("mountPath",),
    "ports": ("containerPort", "port"),
}
"""Lists of the built-in kinds whose members are told apart by one of their fields; all other lists are values."""
BUILT_IN: Final = frozenset({"", "apps", "autoscaling", "networking.k8s.io", "policy", "rbac.authorization.k8s.io"})
"""Groups whose Go types the tools have compiled in; of other kinds they only know the JSON."""


def three_way(original: Obj, wanted: Obj, live: Obj) -> Obj:
    """What the live object becomes if the manifest is applied: theirs stays, ours is put right, what we gave up goes.

    Args:
        original: The manifest as it was applied last.
        wanted: The manifest.
        live: The object as it is.
    """
    group = str(wanted.get("apiVersion", "")).rpartition("/")[0]
    return _merged(_without_empty(original), wanted, live, strategic=group in BUILT_IN)


def _without_empty(original: Obj) -> Obj:
    """Kubectl notes empty annotations for a manifest without any, which then were not given up."""
    metadata = original.get("metadata") or {}
    kept = {key: value for key, value in metadata.items() if key != "annotations" or value}
    return {**original, "metadata": kept} if metadata else original


def _merged(original: Any, wanted: Obj, live: Any, *, strategic: bool) -> Obj:
    old = original if isinstance(original, dict) else {}
    result = dict(live) if isinstance(live, dict) else {}
    for key in old.keys() - wanted.keys():
        result.pop(key, None)
    for key, value in wanted.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            result[key] = _merged(old.get(key), value, result.get(key), strategic=strategic)
        elif strategic and key in KEYS and isinstance(value, list):
            result[key] = _merged_list(KEYS[key], old.get(key) or [], value, result.get(key) or [])
        else:
            result[key] = copy.deepcopy(value)
    return result


def _merged_list(names: tuple[str, ...], original: list[Obj], wanted: list[Obj], live: list[Obj]) -> list[Obj]:
    def key(item: Obj) -> object:
        return next((item[name] for name in names if name in item), None)

    before, now = {key(each): each for each in original}, {key(each): each for each in live}
    ours = {key(each): each for each in wanted}
    kept = {k: v for k, v in now.items() if k in ours or k not in before}
    merged = {k: _merged(before.get(k), v, kept.get(k), strategic=True) for k, v in ours.items()}
    return list({**kept, **merged}.values())


def without_extra(wanted: Any, live: Any) -> Any:
    """The part of a live value of which the manifest speaks; members of lists are compared by their places."""
    if isinstance(wanted, dict) and isinstance(live, dict):
        return {key: without_extra(wanted[key], value) for key, value in live.items() if key in wanted}
    if isinstance(wanted, list) and isinstance(live, list):
        paired = [without_extra(a, b) for a, b in zip(wanted, live, strict=False)]
        return paired + live[len(wanted) :]
    return live


def merge_patch(old: Obj, new: Obj) -> Obj:
    """The JSON merge patch that makes one of the other."""
    found: Obj = dict.fromkeys(old.keys() - new.keys())
    for key, value in new.items():
        before = old.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            inner = merge_patch(before, value)
            if inner:
                found[key] = inner
        elif value != before or key not in old:
            found[key] = value
    return found


def removed(obj: Obj, pointers: Iterable[str]) -> Obj:
    """A copy without these parts, as far as they are there."""
    found = copy.deepcopy(obj)
    for pointer in pointers:
        parent, last = jsonpointer.JsonPointer(pointer).to_last(found) if _has(found, pointer) else (None, None)
        if parent is not None:
            del parent[last]
    return found


def _has(obj: Obj, pointer: str) -> bool:
    missing = object()
    return jsonpointer.resolve_pointer(obj, pointer, missing) is not missing


def patched(obj: Obj, operations: Iterable[Obj]) -> Obj:
    """A copy with a JSON patch applied, operation by operation.

    Raises:
        jsonpatch.JsonPatchException: One of them cannot be applied.
        jsonpointer.JsonPointerException: The same.
    """
    found: Obj = copy.deepcopy(obj)
    for operation in operations:
        found = jsonpatch.apply_patch(found, [operation])
    return found
