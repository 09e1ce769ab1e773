"""Patches as pure functions: what each kind makes of an object."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from canary_lab.cluster.errors import ApiError
from canary_lab.cluster.patches import json_patch, merge_patch, strategic_patch
from canary_lab.cluster.shapes import go_shape

DEPLOYMENT = go_shape("apps/v1.Deployment")
SERVICE = go_shape("core/v1.Service")


def pods(*containers: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A Deployment with these containers, or a patch of one."""
    return {"spec": {"template": {"spec": {"containers": list(containers), **more}}}}


def names(obj: dict[str, Any]) -> list[str]:
    return [c["name"] for c in obj["spec"]["template"]["spec"]["containers"]]


@pytest.mark.parametrize(
    ("patch", "result"),
    [
        ({"a": None}, {"b": {"c": 1}}),
        ({"b": {"c": None, "d": 2}}, {"a": [1], "b": {"d": 2}}),
        ({"a": [2]}, {"a": [2], "b": {"c": 1}}),
        ({"b": "text"}, {"a": [1], "b": "text"}),
        ({"new": {"x": None, "y": 1}}, {"a": [1], "b": {"c": 1}, "new": {"y": 1}}),
        ({}, {"a": [1], "b": {"c": 1}}),
    ],
)
def test_a_merge_patch_merges_maps_and_replaces_the_rest(patch: dict[str, Any], result: dict[str, Any]) -> None:
    obj = {"a": [1], "b": {"c": 1}}
    before = copy.deepcopy(obj)
    assert merge_patch(obj, patch) == result
    assert obj == before


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/none"},
        {"op": "test", "path": "/a", "value": 2},
        {"op": "add", "path": "/none/b", "value": 1},
        {"op": "frob", "path": "/a"},
        {"path": "/a"},
        "text",
    ],
)
def test_a_json_patch_that_fails_says_nothing_about_why(operation: Any) -> None:
    obj = {"a": 1}
    with pytest.raises(ApiError) as refused:
        json_patch(obj, [{"op": "add", "path": "/b", "value": 1}, operation])
    assert refused.value.code == 422
    assert str(refused.value) == "the server rejected our request due to an error in our request"
    assert obj == {"a": 1}


def test_a_json_patch_replaces_what_is_not_there() -> None:
    assert json_patch({"a": {}}, [{"op": "replace", "path": "/a/b", "value": 1}]) == {"a": {"b": 1}}


def test_new_members_of_a_list_come_first_and_known_ones_stay() -> None:
    obj = pods({"name": "a", "image": "1"}, {"name": "b", "image": "1"})
    patched = strategic_patch(DEPLOYMENT, obj, pods({"name": "c", "image": "1"}, {"name": "b", "image": "2"}))
    assert names(patched) == ["c", "a", "b"]
    assert patched["spec"]["template"]["spec"]["containers"][2] == {"name": "b", "image": "2"}
    assert names(obj) == ["a", "b"]


def test_members_are_deleted_and_ordered_as_asked() -> None:
    obj = pods({"name": "a"}, {"name": "b"}, {"name": "c"})
    patch = pods({"name": "b", "$patch": "delete"})
    patch["spec"]["template"]["spec"]["$setElementOrder/containers"] = [{"name": "c"}, {"name": "a"}]
    assert names(strategic_patch(DEPLOYMENT, obj, patch)) == ["c", "a"]


def test_lists_without_a_key_are_replaced() -> None:
    obj = pods({"name": "a", "args": ["x", "y"]})
    patched = strategic_patch(DEPLOYMENT, obj, pods({"name": "a", "args": ["z"]}))
    assert patched == pods({"name": "a", "args": ["z"]})


def test_only_the_kept_keys_of_a_union_stay() -> None:
    obj = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    patch = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert strategic_patch(DEPLOYMENT, obj, patch) == {"spec": {"strategy": {"type": "Recreate"}}}


def test_plain_lists_are_merged_and_thinned() -> None:
    obj = {"metadata": {"finalizers": ["x/a", "x/b"]}}
    assert strategic_patch(SERVICE, obj, {"metadata": {"finalizers": ["x/c"]}})["metadata"]["finalizers"] == [
        "x/c",
        "x/a",
        "x/b",
    ]
    thinned = strategic_patch(SERVICE, obj, {"metadata": {"$deleteFromPrimitiveList/finalizers": ["x/a"]}})
    assert thinned == {"metadata": {"finalizers": ["x/b"]}}


def test_a_member_without_its_key_is_an_error_of_the_server() -> None:
    with pytest.raises(ApiError) as refused:
        strategic_patch(DEPLOYMENT, pods({"name": "a"}), pods({"image": "i"}))
    assert refused.value.code == 500
