"""managedFields: who set which field, kept up to date by plain writes and by apply."""

from __future__ import annotations

import copy
import json
from typing import Any

from attrs import evolve, frozen

from canary_lab.cluster import fieldsets
from canary_lab.cluster.clock import timestamp
from canary_lab.cluster.errors import ApiError
from canary_lab.cluster.fieldsets import Fields, Path
from canary_lab.cluster.shapes import ANY, Shape, effective, element_key
from canary_lab.cluster.store import copied

Obj = dict[str, Any]


@frozen
class Manager:
    """Who writes, how, in which version and through which subresource."""

    name: str
    operation: str
    """Apply or Update."""
    version: str
    subresource: str = ""

    def __str__(self) -> str:
        text = json.dumps(self.name)
        if self.subresource:
            text += f' with subresource "{self.subresource}"'
        return text + (f" using {self.version}" if self.operation == "Update" else "")


@frozen
class Entry:
    """The fields of one manager and when it last changed something; no time if it never did."""

    fields: Fields
    time: str | None


Entries = dict[Manager, Entry]


def read(obj: Obj) -> Entries:
    """The entries of an object."""
    found = {}
    for e in obj["metadata"].get("managedFields") or ():
        if not e.get("manager"):
            continue
        manager = Manager(e["manager"], e["operation"], e["apiVersion"], e.get("subresource", ""))
        found[manager] = Entry(fieldsets.from_json(e.get("fieldsV1") or {}), e.get("time"))
    return found


def write(obj: Obj, entries: Entries) -> None:
    """Puts entries into an object, sorted as the real server does."""
    result = []
    for m, e in sorted(entries.items(), key=lambda p: (p[0].operation, p[1].time or "", p[0].name, p[0].version)):
        item: Obj = {"manager": m.name, "operation": m.operation, "apiVersion": m.version, "time": e.time}
        item |= {
            "fieldsType": "FieldsV1",
            "fieldsV1": fieldsets.to_json(e.fields),
            "subresource": m.subresource or None,
        }
        result.append({k: v for k, v in item.items() if v is not None})
    obj["metadata"].pop("managedFields", None)
    if result:
        obj["metadata"]["managedFields"] = result


def _without(entries: Entries, fields: Fields) -> Entries:
    kept = {m: evolve(e, fields=e.fields - fields) for m, e in entries.items()}
    return {m: e for m, e in kept.items() if e.fields}


def is_reset(obj: Obj) -> bool:
    """Whether the client asks to forget all managers: by an empty list, or by one empty entry."""
    return obj["metadata"].get("managedFields") in ([], [{}])


def update(shape: Shape, old: Obj | None, empty: Obj, new: Obj, manager: Manager) -> None:
    """Notes in `new` what a plain write changed. `empty` is what an object of that kind is before it is created."""
    entries = (read(new) or read(old)) if old else {}  # a client may edit them
    if old is not None and not entries:
        new["metadata"].pop("managedFields", None)
        return  # nobody tracks it, or its managers were reset
    difference = fieldsets.compare(shape, old if old is not None else empty, new)
    before = entries.get(manager, Entry(frozenset(), None))
    entries = _without(entries, difference.changed | difference.removed)
    if difference.changed:
        fields = before.fields - difference.removed | difference.changed
        # real servers note no time for what came through the scale of an object
        entries[manager] = Entry(fields, None if manager.subresource == "scale" else timestamp())
    write(new, entries)


def apply(
    shape: Shape, live: Obj, config: Obj, manager: Manager, *, force: bool, free: Fields = frozenset()
) -> tuple[Obj, Entries]:
    """Merges an applied configuration into a live object; answers with the object and its managers.

    Args:
        shape: That of the object.
        live: As it is.
        config: What is applied.
        manager: Who applies it.
        force: Whether it takes what others have.
        free: What it may take without.

    Raises:
        ApiError: 409, if fields of others would change and `force` is not set.
    """
    entries = read(live)
    if not entries and live["metadata"].get("uid"):
        first = Manager("before-first-apply", "Update", manager.version)
        entries[first] = Entry(fieldsets.owned(fieldsets.of(shape, live)), live["metadata"].get("creationTimestamp"))
    fields = fieldsets.owned(fieldsets.of(shape, config))
    before = entries.get(manager, Entry(frozenset(), None))
    merged = merge(shape, live, config)
    others = {m: e for m, e in entries.items() if m != manager}
    kept = fields.union(*(e.fields for e in others.values()))
    _prune(shape, merged, before.fields, kept)
    difference = fieldsets.compare(shape, live, merged)
    _refuse_conflicts(others, difference.changed - free, force=force)
    others = _without(others, difference.changed | difference.removed)
    time = before.time if difference.same else timestamp()
    own = {manager: Entry(fields, time)} if fields else {}
    return merged, {**others, **own}


def _refuse_conflicts(others: Entries, changed: Fields, *, force: bool) -> None:
    conflicts = [(m, p) for m, e in others.items() for p in sorted(e.fields & changed)]
    if force or not conflicts:
        return
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {m}", "field": fieldsets.to_text(p)}
        for m, p in conflicts
    ]
    if len(conflicts) == 1:
        text = f"1 conflict: conflict with {conflicts[0][0]}: {fieldsets.to_text(conflicts[0][1])}"
    else:
        lines = []
        for manager in sorted({m for m, _ in conflicts}, key=str):
            lines += [
                f"conflicts with {manager}:",
                *(f"- {fieldsets.to_text(p)}" for m, p in conflicts if m == manager),
            ]
        text = f"{len(conflicts)} conflicts: " + "\n".join(lines)
    raise ApiError(409, "Conflict", f"Apply failed with {text}", {"causes": causes})


def merge(shape: Shape, old: Any, new: Any) -> Any:
    """`new` over `old`: maps and keyed lists are merged, all else is replaced."""
    kind = effective(shape, new)
    if kind == "map" and isinstance(old, dict) and isinstance(new, dict):
        result = dict(old)
        for key, value in new.items():
            result[key] = merge(shape.field(key) or ANY, old[key], value) if key in old else copied(value)
        return result
    if kind in ("list", "set") and isinstance(old, list) and isinstance(new, list):
        items = {element_key(shape, v): v for v in old}
        for value in new:
            key = element_key(shape, value)
            items[key] = merge(shape.items(), items[key], value) if key in items else copied(value)
        return list(items.values())
    return copied(new)


def _prune(shape: Shape, value: Any, given_up: Fields, kept: Fields) -> None:
    """Removes from a merged object what its manager had applied before and nobody owns now."""
    prefixes = {p[:i] for p in kept for i in range(1, len(p) + 1)}
    removed: set[Path] = set()
    for path in sorted(given_up, key=len):
        if path not in prefixes and not any(path[:i] in removed for i in range(len(path))):
            _remove(shape, value, path)
            removed.add(path)


def _remove(shape: Shape, value: Any, path: Path) -> None:
    if isinstance(value, dict):
        name = path[0][2:]
        if len(path) == 1:
            value.pop(name, None)
        elif name in value:
            value[name] = copy.copy(value[name])
            _remove(shape.field(name) or ANY, value[name], path[1:])
            if not value[name]:
                del value[name]  # what has lost its last member is not there, which is more than empty
    elif isinstance(value, list):
        for i, item in enumerate(value):
            if element_key(shape, item) == path[0]:
                if len(path) == 1:
                    del value[i]
                else:
                    value[i] = copy.copy(item)
                    _remove(shape.items(), value[i], path[1:])
                return
