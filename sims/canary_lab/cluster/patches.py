"""The patches of PATCH: JSON patch, JSON merge patch, strategic merge patch."""

from __future__ import annotations

import json
from collections import deque
from typing import Any

import jsonpatch
import jsonpointer

from canary_lab.cluster.errors import ApiError
from canary_lab.cluster.shapes import ANY, Shape
from canary_lab.cluster.store import copied

MOST_COPIED = 3 * 1024 * 1024
DIRECTIVE, RETAIN = "$patch", "$retainKeys"
ORDER, DELETE = "$setElementOrder/", "$deleteFromPrimitiveList/"


def json_patch(obj: Any, patch: list[Any]) -> Any:
    """A JSON patch applied to a copy.

    Raises:
        ApiError: 422 without a word about which operation failed, as the real server answers.
    """
    result, left = copied(obj), MOST_COPIED
    try:
        for operation in patch:
            left -= _copied_size(result, operation)
            if left < 0:
                raise ApiError(413, "RequestEntityTooLarge", f"the patch copies more than {MOST_COPIED} bytes", {})
            result = jsonpatch.apply_patch(result, [_lenient(result, operation)], in_place=True)
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, TypeError, KeyError) as e:
        raise ApiError(422, "Invalid", "the server rejected our request due to an error in our request", {}) from e
    return result


def _copied_size(obj: Any, operation: Any) -> int:
    """Bytes that an operation adds which do not stand in the patch: copies of copies would soon fill any memory."""
    if not isinstance(operation, dict) or operation.get("op") != "copy":
        return 0
    return len(json.dumps(jsonpointer.JsonPointer(operation["from"]).resolve(obj)))


def _lenient(obj: Any, operation: Any) -> Any:
    """The server adds what `replace` does not find."""
    if not isinstance(operation, dict) or operation.get("op") != "replace" or not operation.get("path"):
        return operation
    parent, _ = jsonpointer.JsonPointer(operation["path"]).to_last(obj)
    return {**operation, "op": "add"} if isinstance(parent, dict) else operation


def merge_patch(obj: Any, patch: Any) -> Any:
    """RFC 7386: maps are merged, null removes, all else is replaced."""
    if not isinstance(patch, dict):
        return patch
    result = dict(obj) if isinstance(obj, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


def strategic_patch(shape: Shape, obj: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """A strategic merge patch: lists are merged by the keys that the Go types name; `$patch` and its kin are obeyed.

    Raises:
        ApiError: 500, a member of a list lacks its key.
    """
    if DIRECTIVE in patch:
        replace = patch[DIRECTIVE] == "replace"
        return {k: v for k, v in patch.items() if k != DIRECTIVE} if replace else {}
    result = dict(obj)
    if RETAIN in patch:
        result = {k: v for k, v in result.items() if k in patch[RETAIN]}
    lists = {k.partition("/")[2] for k in patch if k.startswith((ORDER, DELETE))}
    for key in [k for k in patch if not k.startswith("$")] + sorted(lists - set(patch)):
        _merge_key(shape.field(key) or ANY, result, patch, key)
    return result


def _merge_key(shape: Shape, result: dict[str, Any], patch: dict[str, Any], key: str) -> None:
    value, old = patch.get(key), result.get(key)
    if key in patch and value is None:
        result.pop(key, None)
    elif isinstance(value, dict):
        if isinstance(old, dict):
            result[key] = strategic_patch(shape, old, value)
        else:
            result[key] = {} if DIRECTIVE in value else strategic_patch(shape, {}, value)
    elif "merge" in shape.patch and isinstance(value or [], list):
        lists = (value or [], patch.get(DELETE + key, []), patch.get(ORDER + key))
        result[key] = _merge_list(shape, old or [], *lists)
    else:
        result[key] = copied(value)


def _merge_list(shape: Shape, old: list[Any], new: list[Any], gone: list[Any], order: list[Any] | None) -> list[Any]:
    name = shape.patch_key
    if any(isinstance(v, dict) and v.get(DIRECTIVE) == "replace" for v in new):
        return [v for v in new if not (isinstance(v, dict) and DIRECTIVE in v)]
    dropped = {_text(v) for v in gone}
    items = {_key(v, name): v for v in old if not dropped or _text(v) not in dropped}
    for value in new:
        key = _key(value, name)
        if isinstance(value, dict) and value.get(DIRECTIVE) == "delete":
            items.pop(key, None)
        elif isinstance(value, dict):
            items[key] = strategic_patch(shape.items(), items.get(key, {}), value)
        else:
            items[key] = value
    wanted = [_key(v, name) for v in (new if order is None else order)]
    return _in_order(items, [_key(v, name) for v in old], wanted)


def _in_order(items: dict[Any, Any], old: list[Any], wanted: list[Any]) -> list[Any]:
    """The members that the patch names in its order, the others among them where they were; new ones come first."""
    named = dict.fromkeys(k for k in wanted if k in items)
    left, right = deque(named), deque(k for k in items if k not in named)
    was = {k: i for i, k in reversed(list(enumerate(old)))}
    result = []
    while left or right:
        both = left and right
        late = both and left[0] in was and right[0] in was and was[right[0]] < was[left[0]]
        result.append((right if late or not left else left).popleft())
    return [items[k] for k in result]


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _key(value: Any, name: str) -> Any:
    if name and isinstance(value, dict) and name not in value:
        raise ApiError(500, "", f"map: {value} does not contain declared merge key: {name}")
    key = value[name] if name and isinstance(value, dict) else value
    return key if isinstance(key, str | int) else repr(key)  # what is no name will not be taken later on
