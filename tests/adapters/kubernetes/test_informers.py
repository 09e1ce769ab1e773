"""Caches that follow the API server, through cut watches, forgotten history and kinds that come late."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kubernetes.client import Configuration

from canary_adapters.kubernetes.api import Api
from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.informers import Informers, _Cache
from canary_adapters.kubernetes.resources import CONFIG_MAPS, SERVICES, Obj, Resource
from canary_lab.cluster import EmbeddedCluster
from canary_ports import PortError

WIDGETS = Resource(group="example.com", version="v1", plural="widgets", kind="Widget")
WIDGET_DEFINITION = {
    "metadata": {"name": "widgets.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "widgets", "kind": "Widget"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                },
            }
        ],
    },
}


def _service(name: str) -> Obj:
    return {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}], "selector": {"app": name}}}


def _soon(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end, "never became true"
        time.sleep(0.01)


@pytest.fixture
def own() -> Iterator[EmbeddedCluster]:
    with EmbeddedCluster() as cluster:
        yield cluster


@pytest.fixture
def reached(own: EmbeddedCluster) -> Iterator[Api]:
    configuration = Configuration()
    configuration.host = own.url
    api = Api(configuration)
    yield api
    api.close()


@pytest.fixture
def changes() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def informers(reached: Api, changes: list[tuple[str, str]]) -> Iterator[Informers]:
    def note(resource: Resource, obj: Obj) -> None:
        changes.append((resource.plural, obj["metadata"]["name"]))

    found = Informers(reached, [SERVICES, CONFIG_MAPS, WIDGETS], on_change=note)
    found.start()
    assert found.wait(20)
    yield found
    found.stop()


def test_what_changes_is_in_the_cache_and_told(
    informers: Informers, reached: Api, changes: list[tuple[str, str]]
) -> None:
    made = reached.create(SERVICES, "default", _service("one"))
    made["metadata"].pop("managedFields", None)
    _soon(lambda: informers.get(SERVICES, "default", "one") == made)
    assert ("services", "one") in changes
    assert informers.seen(SERVICES) >= int(made["metadata"]["resourceVersion"])
    assert [obj["metadata"]["name"] for obj in informers.list(SERVICES, "default")] == ["kubernetes", "one"]
    reached.delete(SERVICES, made)
    _soon(lambda: informers.get(SERVICES, "default", "one") is None)
    assert informers.alive


def test_contents_of_configs_never_get_into_the_cache(informers: Informers, reached: Api) -> None:
    reached.create(CONFIG_MAPS, "default", {"metadata": {"name": "one"}, "data": {"secret": "x"}})
    _soon(lambda: informers.get(CONFIG_MAPS, "default", "one") is not None)
    assert "secret" not in str(informers.get(CONFIG_MAPS, "default", "one"))


def test_a_watch_that_is_cut_goes_on_where_it_was(
    informers: Informers, reached: Api, own: EmbeddedCluster, changes: list[tuple[str, str]]
) -> None:
    """Nothing is listed anew, and nothing that was told before is told again."""
    own.requests.clear()
    changes.clear()
    for number in range(3):
        own.end_watches()
        reached.create(SERVICES, "default", _service(f"s{number}"))
        _soon(lambda number=number: informers.get(SERVICES, "default", f"s{number}") is not None)  # type: ignore[misc]
    assert own.requests.count(verb="list", resource="services") == 0
    _soon(lambda: ("services", "s2") in changes)
    assert [name for kind, name in changes if kind == "services"] == ["s0", "s1", "s2"]


def test_history_that_is_forgotten_is_listed_anew(
    informers: Informers, reached: Api, own: EmbeddedCluster, changes: list[tuple[str, str]]
) -> None:
    doomed = reached.create(SERVICES, "default", _service("doomed"))
    _soon(lambda: informers.get(SERVICES, "default", "doomed") is not None)
    changes.clear()
    own.end_watches()
    reached.delete(SERVICES, doomed)
    reached.create(SERVICES, "default", _service("new"))
    own.forget_history()
    own.end_watches()
    _soon(lambda: informers.get(SERVICES, "default", "new") is not None)
    _soon(lambda: informers.get(SERVICES, "default", "doomed") is None)
    _soon(lambda: ("services", "doomed") in changes)


def test_a_kind_that_the_server_learns_later_is_found(informers: Informers, reached: Api) -> None:
    """No Istio yet, say: everything else works meanwhile."""
    assert informers.synced
    definitions = Resource(group="apiextensions.k8s.io", version="v1", plural="customresourcedefinitions", kind="")
    reached._send("POST", definitions.path(None), body={"kind": "CustomResourceDefinition", **WIDGET_DEFINITION})
    end = time.monotonic() + 20
    while True:
        try:
            reached.create(WIDGETS, "default", {"metadata": {"name": "late"}})
            break
        except PortError:
            assert time.monotonic() < end
            time.sleep(0.05)
    _soon(lambda: informers.get(WIDGETS, "default", "late") is not None)


def test_a_cluster_reads_its_writes_through_them(informers: Informers, reached: Api) -> None:
    cluster = Cluster(reached, informers)
    made = cluster.create(SERVICES, "default", _service("mine"))
    for number in range(20):
        made = cluster.patch(SERVICES, made, {"metadata": {"labels": {"turn": str(number)}}})
        seen = cluster.get(SERVICES, "default", "mine")
        assert seen is not None
        assert seen["metadata"]["labels"] == {"turn": str(number)}
    cluster.delete(SERVICES, made)
    assert cluster.get(SERVICES, "default", "mine") is None


def test_the_end_of_a_watch_that_was_asked_for_is_no_error(reached: Api, caplog: pytest.LogCaptureFixture) -> None:
    informers = Informers(reached, (SERVICES,), on_change=lambda *_: None)
    informers.start()
    assert informers.wait(20)
    informers.stop()
    assert [record.getMessage() for record in caplog.records] == []


def _at(version: int, tag: str = "") -> Obj:
    return {"metadata": {"namespace": "n", "name": "a", "resourceVersion": str(version)}, "tag": tag}


def test_what_is_told_of_once_more_changes_nothing() -> None:
    """A watch that begins too early repeats what is past: an older state, or the end of an object that came again."""
    made: Any = _Cache
    cache = made()
    cache._put(_at(9, "old"))
    cache._put(_at(12, "new"))
    cache._put(_at(9, "old"))
    cache._remove(_at(10))
    assert cache.get_by_key("n/a") == _at(12, "new")
    cache._remove(_at(13))
    assert cache.get_by_key("n/a") is None


def test_a_namespace_is_listed_by_itself() -> None:
    """Whatever came, changed and went: as if the whole had been searched for it."""
    made: Any = _Cache
    cache = made()

    def obj(namespace: str, name: str, version: int) -> Obj:
        return {"metadata": {"namespace": namespace, "name": name, "resourceVersion": str(version)}}

    cache._put(obj("a", "one", 1))
    cache._put(obj("b", "one", 2))
    cache._put(obj("a", "two", 3))
    cache._put(obj("a", "one", 4))
    assert cache.list_of("a") == [obj("a", "one", 4), obj("a", "two", 3)]
    cache._remove(obj("b", "one", 5))
    assert (cache.list_of("b"), cache._places.keys()) == ([], {"a"})
    cache._remove(obj("b", "one", 6))
    cache._replace_all([obj("c", "one", 7), obj("a", "two", 8)])
    assert (cache.list_of("a"), cache.list_of("c")) == ([obj("a", "two", 8)], [obj("c", "one", 7)])
    assert sorted(cache.list_keys()) == ["a/two", "c/one"]
