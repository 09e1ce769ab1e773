"""What is news of a canary and what is not: own writes are none, and nothing that others do is taken for one."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from canary_adapters.controller.news import after, declared, look, whole
from canary_adapters.kubernetes.cluster import Cluster, Own
from canary_adapters.kubernetes.resources import CONFIG_MAPS, DEPLOYMENTS, SERVICES, Obj, Ref
from laboratories.virtual_cluster import VirtualApi, _Caches

REF: Ref = (SERVICES, "here", "app")


def _at(version: int | None, **parts: Any) -> Obj | None:
    metadata = {"name": "app", "namespace": "here", "uid": "u", "resourceVersion": str(version), **parts}
    return None if version is None else {"metadata": metadata}


class _Reader:
    """A cluster in which an object is what it is set to."""

    def __init__(self) -> None:
        self.now: Obj | None = None

    def get(self, *_: object) -> Obj | None:
        return self.now


@settings(max_examples=200, deadline=None)
@given(writes=st.lists(st.sampled_from(["own", "own, after a look", "somebody"]), max_size=8))
def test_what_somebody_else_did_in_between_is_news_and_own_writes_are_not(writes: list[str]) -> None:
    """An own write that was made on top of what somebody else had written hides nothing of that."""
    reader: Any = _Reader()
    reader.now = _at(1)
    before = look(reader, [REF])
    version, known, own, others = 1, 1, list[Own](), False
    for write in writes:
        if write == "somebody":
            version, others = version + 1, True
        else:
            if write == "own, after a look":
                known = version
            if known != version:
                continue  # refused: it was made on an older version
            own.append(Own(ref=REF, base=str(version), obj=_at(version + 1)))
            version = known = version + 1
        reader.now = _at(version)
    left = after(before, [REF], own)
    assert (whole(left) != whole(look(reader, [REF]))) is others


def test_what_is_made_and_what_goes_is_known_as_ones_own() -> None:
    reader: Any = _Reader()
    before = look(reader, [REF])
    reader.now = _at(5)
    made = Own(ref=REF, base=None, obj=_at(5))
    assert whole(after(before, [REF], [made])) == whole(look(reader, [REF]))
    reader.now = None
    gone = Own(ref=REF, base="5", obj=None)
    assert whole(after(before, [REF], [made, gone])) == whole(look(reader, [REF]))
    assert whole(after(before, [REF], [made])) != whole(look(reader, [REF])), "somebody else has deleted it"


def test_a_cluster_notes_the_writes_of_a_thread() -> None:
    api = VirtualApi()
    cluster = Cluster(api, _Caches(api))
    with cluster.noting() as own:
        made = cluster.create(SERVICES, "here", {"metadata": {"name": "app"}, "spec": {}})
        changed = cluster.patch(SERVICES, made, {"spec": {"a": 1}})
        cluster.delete(SERVICES, changed)
    cluster.create(SERVICES, "here", {"metadata": {"name": "app"}, "spec": {}})
    versions = [made["metadata"]["resourceVersion"], changed["metadata"]["resourceVersion"]]
    assert [each.ref for each in own] == [REF] * 3
    assert [each.base for each in own] == [None, *versions]
    assert [each.obj and each.obj["metadata"]["resourceVersion"] for each in own] == [*versions, None]
    api.close()


def test_what_is_declared_is_no_status_and_no_version() -> None:
    reader: Any = _Reader()
    ref: Ref = (DEPLOYMENTS, "here", "app")

    def number(version: int, generation: int | None, **more: Any) -> int:
        reader.now = {**(_at(version, generation=generation) or {}), **more}
        return declared(look(reader, [ref]))

    first = number(1, 1, spec={"replicas": 1}, status={"availableReplicas": 1})
    assert number(2, 1, spec={"replicas": 1}, status={}) == first
    assert number(2, 2, spec={"replicas": 2}) != first
    plain = number(1, None, spec={"port": 1})
    assert number(2, None, spec={"port": 1}, status={"a": 1}) == plain
    assert number(2, None, spec={"port": 2}) != plain
    reader.now = None
    assert declared(look(reader, [ref])) not in {first, plain}


def test_contents_that_are_not_known_count_by_their_version() -> None:
    reader: Any = _Reader()
    ref: Ref = (CONFIG_MAPS, "here", "app")
    reader.now = _at(1)
    first = declared(look(reader, [ref]))
    reader.now = _at(2)
    assert declared(look(reader, [ref])) != first


def test_what_is_given_besides_counts() -> None:
    reader: Any = _Reader()
    seen = look(reader, [REF])
    assert whole(seen, "a") != whole(seen, "b")
    assert declared(seen, "a") != declared(seen, "b")
