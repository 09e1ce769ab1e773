"""Sets of fields, as managedFields has them, and the comparison of two objects that yields them.

A field is a path: a tuple of elements such as "f:spec", 'k:{"name":"app"}', 'v:"x"'. A set is a frozenset of paths.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from attrs import frozen

from canary_lab.cluster.shapes import ANY, Shape, effective, element_key

Path = tuple[str, ...]
Fields = frozenset[Path]

_META = (
    "name namespace creationTimestamp selfLink uid clusterName generation managedFields resourceVersion "
    "deletionTimestamp deletionGracePeriodSeconds"
)
_OF_THE_SERVER = {("f:apiVersion",), ("f:kind",), ("f:metadata",), *(("f:metadata", f"f:{n}") for n in _META.split())}


def owned(fields: Iterable[Path]) -> Fields:
    """Without what nobody owns: names, versions and the like."""
    return frozenset(f for f in fields if f not in _OF_THE_SERVER and f[:2] != ("f:metadata", "f:managedFields"))


def to_json(fields: Fields) -> dict[str, Any]:
    """As FieldsV1: a member that has members of its own is marked by "."."""
    root: dict[str, Any] = {}
    for path in sorted(fields):
        node = root
        for element in path:
            node = node.setdefault(element, {})
        node["."] = {}
    return _leaves_bare(root)


def _leaves_bare(node: dict[str, Any]) -> dict[str, Any]:
    if set(node) == {"."}:
        return {}
    return {k: _leaves_bare(v) if k != "." else {} for k, v in node.items()}


def from_json(tree: dict[str, Any], path: Path = ()) -> Fields:
    """The set that FieldsV1 stands for."""
    found: set[Path] = set()
    for element, below in tree.items():
        if element == ".":
            found.add(path)
        else:
            found |= from_json(below, (*path, element)) if below else {(*path, element)}
    return frozenset(found)


def to_text(path: Path) -> str:
    """As conflicts name a field: .spec.containers[name="app"].image."""
    text = ""
    for element in path:
        kind, _, name = element.partition(":")
        if kind == "k":
            text += "[" + ",".join(f"{k}={json.dumps(v)}" for k, v in json.loads(name).items()) + "]"
        else:
            text += f"[={name}]" if kind == "v" else f".{name}"
    return text


def members(shape: Shape, value: Any) -> list[tuple[str, Shape, Any]]:
    """The members of a map or keyed list: path element, shape, value."""
    kind = effective(shape, value)
    if kind == "map" and isinstance(value, dict):
        return [("f:" + k, shape.field(k) or ANY, v) for k, v in value.items()]
    if kind in ("list", "set") and isinstance(value, list):
        return [(element_key(shape, v), shape.items(), v) for v in value]
    return []


def of(shape: Shape, value: Any, path: Path = ()) -> Fields:
    """The fields that an applied object sets: leaves, members of lists, and maps and lists that are empty."""
    if effective(shape, value) in ("scalar", "atomic") or value is None:
        return frozenset({path})
    found: set[Path] = set()
    for element, inner, v in members(shape, value):
        below = (*path, element)
        if not element.startswith("f:") or v in ({}, []):
            found.add(below)
        found |= of(inner, v, below)
    return frozenset(found - {()})


def _all(shape: Shape, value: Any, path: Path) -> set[Path]:
    found = {path}
    for element, inner, v in members(shape, value):
        found |= _all(inner, v, (*path, element))
    return found


@frozen
class Comparison:
    """What one object has that the other has not."""

    added: Fields
    modified: Fields
    removed: Fields

    @property
    def changed(self) -> Fields:
        """Added or modified."""
        return self.added | self.modified

    @property
    def same(self) -> bool:
        """Whether there is no difference."""
        return not (self.added or self.modified or self.removed)


def compare(shape: Shape, old: Any, new: Any) -> Comparison:
    """The difference between two objects, field by field, without the fields of the server."""
    added: set[Path] = set()
    modified: set[Path] = set()
    removed: set[Path] = set()

    def walk(shape: Shape, a: Any, b: Any, path: Path) -> None:
        if a == b:
            return
        was = {element: (inner, v) for element, inner, v in members(shape, a)}
        now = {element: (inner, v) for element, inner, v in members(shape, b)}
        if not was and not now:
            modified.add(path)
        for element, (inner, v) in now.items():
            if element in was:
                walk(inner, was[element][1], v, (*path, element))
            else:
                added.update(_all(inner, v, (*path, element)))
        for element, (inner, v) in was.items():
            if element not in now:
                removed.update(_all(inner, v, (*path, element)))

    walk(shape, old, new, ())
    return Comparison(owned(added), owned(modified), owned(removed))
