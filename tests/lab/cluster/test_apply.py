"""Field ownership: what managers own after writes and applies."""

from __future__ import annotations

from typing import Any

import pytest

from canary_lab.cluster import fieldsets, managed
from canary_lab.cluster.errors import ApiError
from canary_lab.cluster.managed import Manager
from canary_lab.cluster.shapes import SchemaShape, go_shape

CONFIG_MAP = go_shape("core/v1.ConfigMap")
ITEMS = {"type": "object", "properties": {"type": {"type": "string"}, "status": {"type": "string"}}}
CONDITIONS = {"type": "array", "items": ITEMS, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}
CUSTOM = SchemaShape({"type": "object", "properties": {"conditions": CONDITIONS, "list": {"type": "array"}}}, top=True)
ONE, TWO = Manager("one", "Apply", "v1"), Manager("two", "Apply", "v1")


def live(**data: Any) -> dict[str, Any]:
    return {"metadata": {"name": "a"}, **data}


def apply(shape: Any, obj: dict[str, Any], manager: Manager, *, force: bool = False, **config: Any) -> dict[str, Any]:
    merged, entries = managed.apply(shape, obj, live(**config), manager, force=force)
    merged = {**merged, "metadata": dict(merged["metadata"])}
    managed.write(merged, entries)
    return merged


def owners(obj: dict[str, Any]) -> dict[str, Any]:
    return {e["manager"]: e["fieldsV1"] for e in obj["metadata"].get("managedFields", [])}


def test_what_is_applied_is_owned_and_what_is_left_out_goes() -> None:
    obj = apply(CONFIG_MAP, live(), ONE, data={"k": "1", "l": "1"})
    assert owners(obj) == {"one": {"f:data": {"f:k": {}, "f:l": {}}}}
    obj = apply(CONFIG_MAP, obj, ONE, data={"k": "1"})
    assert obj["data"] == {"k": "1"}
    assert owners(obj) == {"one": {"f:data": {"f:k": {}}}}


def test_what_has_lost_all_members_is_gone() -> None:
    """Empty would be something else: a Deployment that is to be recreated may not even have empty parameters."""
    deployment = go_shape("apps/v1.Deployment")
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}
    obj = apply(deployment, live(), ONE, spec={"strategy": rolling})
    obj = apply(deployment, obj, ONE, spec={"strategy": {"type": "Recreate"}})
    assert obj["spec"] == {"strategy": {"type": "Recreate"}}


def test_a_value_of_another_is_a_conflict_unless_forced() -> None:
    obj = apply(CONFIG_MAP, live(), ONE, data={"k": "1", "l": "1"})
    with pytest.raises(ApiError) as refused:
        apply(CONFIG_MAP, obj, TWO, data={"k": "2", "l": "2"})
    assert refused.value.code == 409
    assert str(refused.value) == 'Apply failed with 2 conflicts: conflicts with "one":\n- .data.k\n- .data.l'
    forced = apply(CONFIG_MAP, obj, TWO, force=True, data={"k": "2"})
    assert forced["data"] == {"k": "2", "l": "1"}
    assert owners(forced) == {"one": {"f:data": {"f:l": {}}}, "two": {"f:data": {"f:k": {}}}}


def test_an_equal_value_is_shared_and_stays_when_one_lets_go() -> None:
    obj = apply(CONFIG_MAP, live(), ONE, data={"k": "1"})
    obj = apply(CONFIG_MAP, obj, TWO, data={"k": "1"})
    assert set(owners(obj)) == {"one", "two"}
    obj = apply(CONFIG_MAP, obj, ONE, data={})
    assert obj["data"] == {"k": "1"}


def test_members_of_a_keyed_list_have_owners_of_their_own() -> None:
    a, b = {"type": "A", "status": "True"}, {"type": "B", "status": "True"}
    obj = apply(CUSTOM, live(), ONE, conditions=[a])
    obj = apply(CUSTOM, obj, TWO, conditions=[b])
    assert obj["conditions"] == [a, b]
    obj = apply(CUSTOM, obj, ONE)
    assert obj["conditions"] == [b]
    assert owners(obj)["two"] == {"f:conditions": {'k:{"type":"B"}': {".": {}, "f:status": {}, "f:type": {}}}}


def test_a_plain_list_is_owned_as_one() -> None:
    obj = apply(CUSTOM, live(), ONE, list=[1])
    assert owners(obj) == {"one": {"f:list": {}}}
    with pytest.raises(ApiError, match=r"\.list"):
        apply(CUSTOM, obj, TWO, list=[1, 2])


def test_a_plain_write_takes_what_it_changes_from_all() -> None:
    obj = apply(CONFIG_MAP, live(), ONE, data={"k": "1", "l": "1"})
    new = {**obj, "metadata": dict(obj["metadata"]), "data": {"k": "2", "l": "1", "m": "1"}}
    managed.update(CONFIG_MAP, obj, live(), new, Manager("three", "Update", "v1"))
    assert owners(new) == {"one": {"f:data": {"f:l": {}}}, "three": {"f:data": {"f:k": {}, "f:m": {}}}}


def test_sets_of_fields_survive_their_written_form() -> None:
    tree = {"f:a": {".": {}, 'k:{"name":"x"}': {".": {}, "f:b": {}}}, "f:c": {'v:"y"': {}}, "f:d": {}}
    fields = fieldsets.from_json(tree)
    assert fieldsets.to_json(fields) == tree
    assert {fieldsets.to_text(f) for f in fields} == {".a", '.a[name="x"]', '.a[name="x"].b', '.c[="y"]', ".d"}
