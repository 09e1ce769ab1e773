"""The way to the API server, and reads that never miss an own write."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.client import Configuration

from canary_adapters.kubernetes.api import Api
from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.resources import CONFIG_MAPS, SECRETS, SERVICES, Obj, Resource
from canary_ports import ConflictError, RefusedError, UnavailableError


def _service(name: str, app: str = "a") -> Obj:
    return {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}], "selector": {"app": app}}}


def test_an_object_lives_from_create_to_delete(cluster: Cluster, namespace: str) -> None:
    made = cluster.create(SERVICES, namespace, _service("one"))
    assert cluster.get(SERVICES, namespace, "one") == made
    patched = cluster.patch(SERVICES, made, {"spec": {"selector": {"app": "b"}}})
    assert patched["spec"]["selector"] == {"app": "b"}
    replaced = cluster.replace(SERVICES, {**patched, "spec": {**patched["spec"], "selector": {"app": "c"}}})
    assert [obj["spec"]["selector"] for obj in cluster.list(SERVICES, namespace)] == [{"app": "c"}]
    cluster.delete(SERVICES, replaced)
    cluster.delete(SERVICES, replaced)
    assert cluster.get(SERVICES, namespace, "one") is None
    assert cluster.list(SERVICES, namespace) == []


def test_an_older_version_changes_nothing(cluster: Cluster, namespace: str) -> None:
    old = cluster.create(SERVICES, namespace, _service("one"))
    new = cluster.patch(SERVICES, old, {"metadata": {"labels": {"a": "b"}}})
    with pytest.raises(ConflictError):
        cluster.patch(SERVICES, old, {"spec": {"selector": {"app": "b"}}})
    with pytest.raises(ConflictError):
        cluster.replace(SERVICES, old)
    with pytest.raises(ConflictError):
        cluster.delete(SERVICES, old)
    with pytest.raises(ConflictError):
        cluster.create(SERVICES, namespace, _service("one"))
    assert cluster.get(SERVICES, namespace, "one") == new


def test_another_object_of_the_same_name_is_left_alone(cluster: Cluster, namespace: str) -> None:
    old = cluster.create(SERVICES, namespace, _service("one"))
    cluster.delete(SERVICES, old)
    new = cluster.create(SERVICES, namespace, _service("one"))
    forged = {**old, "metadata": {**old["metadata"], "resourceVersion": new["metadata"]["resourceVersion"]}}
    with pytest.raises(ConflictError):
        cluster.delete(SERVICES, forged)
    with pytest.raises(ConflictError):
        cluster.patch(SERVICES, forged, {"spec": {"selector": {"app": "b"}}})


def test_what_is_gone_is_a_conflict_for_who_would_change_it(cluster: Cluster, namespace: str) -> None:
    gone = cluster.create(SERVICES, namespace, _service("one"))
    cluster.delete(SERVICES, gone)
    with pytest.raises(ConflictError):
        cluster.patch(SERVICES, gone, {"spec": {"selector": {"app": "b"}}})


def test_what_the_server_refuses_says_why(cluster: Cluster, namespace: str) -> None:
    with pytest.raises(RefusedError, match=r"spec.ports") as refused:
        cluster.create(SERVICES, namespace, {"metadata": {"name": "one"}, "spec": {"selector": {}}})
    assert refused.value.reason == "Invalid"
    with pytest.raises(RefusedError):
        cluster.create(SERVICES, "nowhere", _service("one"))


def test_of_configs_only_the_metadata_is_read_unless_asked_for(cluster: Cluster, namespace: str) -> None:
    for resource in (CONFIG_MAPS, SECRETS):
        cluster.create(resource, namespace, {"metadata": {"name": "one"}, "data": {"a": "Yg=="}})
        fresh = Cluster(cluster.api)
        seen = fresh.get(resource, namespace, "one")
        assert seen is not None
        assert seen.keys() == {"kind", "apiVersion", "metadata"}
        whole = fresh.read(resource, namespace, "one")
        assert whole is not None
        assert whole["data"] == {"a": "Yg=="}


def test_nothing_is_sent_through_a_closed_fence(configuration: Configuration, namespace: str) -> None:
    def closed() -> None:
        raise UnavailableError("not the leader")

    api = Api(configuration, may_write=closed)
    with pytest.raises(UnavailableError, match="leader"):
        api.create(SERVICES, namespace, _service("one"))
    assert api.list(SERVICES, namespace).items == []
    api.close()


# -- A cache that lags behind ---------------------------------------------------------------------------------------


class _Lagging:
    """A cache that has seen a prefix of what happened."""

    def __init__(self) -> None:
        self.history: list[tuple[int, Obj | None]] = [(0, None)]
        self.position = 0

    def get(self, resource: Resource, namespace: str, name: str) -> Obj | None:
        return self.history[self.position][1]

    def list(self, resource: Resource, namespace: str) -> list[Obj]:
        found = self.history[self.position][1]
        return [] if found is None else [found]

    def seen(self, resource: Resource) -> int:
        return self.history[self.position][0]


class _Server(Api):
    """One object in memory, with versions and identities."""

    def __init__(self, cache: _Lagging) -> None:
        self.cache, self.version, self.identities = cache, 0, 0

    def _now(self, obj: Obj | None) -> None:
        self.cache.history.append((self.version, obj))

    def put(self, text: str) -> Obj:
        self.version += 1
        before = self.cache.history[-1][1]
        self.identities += before is None
        uid = before["metadata"]["uid"] if before is not None else f"u{self.identities}"
        metadata = {"namespace": "n", "name": "x", "uid": uid, "resourceVersion": str(self.version)}
        obj = {"metadata": metadata, "text": text}
        self._now(obj)
        return obj

    def remove(self) -> None:
        self.version += 1
        self._now(None)

    def replace(self, resource: Resource, body: Obj, *, subresource: str = "") -> Obj:
        return self.put(body["text"])

    def delete(self, resource: Resource, obj: Obj) -> None:
        self.remove()


@given(st.lists(st.tuples(st.sampled_from(["write", "delete", "foreign", "foreign delete"]), st.integers(0, 3))))
def test_a_read_is_never_older_than_an_own_write_however_late_the_cache(steps: list[tuple[str, int]]) -> None:
    cache = _Lagging()
    server = _Server(cache)
    cluster = Cluster(server, cache)
    own = 0
    for number, (what, progress) in enumerate(steps):
        there = cache.history[-1][1]
        if what == "write":
            cluster.replace(SERVICES, {"metadata": {"namespace": "n", "name": "x"}, "text": str(number)})
            own = len(cache.history) - 1
        elif what == "delete" and there is not None:
            cluster.delete(SERVICES, there)
            own = len(cache.history) - 1
        elif what == "foreign":
            server.put(f"foreign {number}")
        elif what == "foreign delete" and there is not None:
            server.remove()
        cache.position = min(len(cache.history) - 1, cache.position + progress)
        newest = max(own, cache.position)
        expected = [state for _, state in cache.history[own : newest + 1]]
        assert cluster.get(SERVICES, "n", "x") in expected
        assert cluster.list(SERVICES, "n") in [[] if one is None else [one] for one in expected]
    cache.position = len(cache.history) - 1
    assert cluster.get(SERVICES, "n", "x") == cache.history[-1][1]


# -- A server that misbehaves ---------------------------------------------------------------------------------------


@pytest.fixture
def answers() -> Iterator[tuple[list[tuple[int, dict[str, str], bytes]], Api]]:
    """A server that gives prepared answers."""
    prepared: list[tuple[int, dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = prepared.pop(0)
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    configuration = Configuration()
    configuration.host = f"http://127.0.0.1:{server.server_port}"
    api = Api(configuration)
    yield prepared, api
    api.close()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    ("status", "headers", "body", "after"),
    [
        (429, {"Retry-After": "7"}, b"", 7.0),
        (429, {}, json.dumps({"message": "slow down", "details": {"retryAfterSeconds": 3}}).encode(), 3.0),
        (429, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, b"", None),
        (500, {}, b"<html>", None),
        (503, {"Retry-After": "100000"}, b"{}", 60.0),
        (401, {}, b"{}", None),
        (200, {}, b"<html>an intermediary</html>", None),
        (200, {}, b"[1]", None),
    ],
)
def test_what_is_no_answer_is_told_apart_from_one(
    answers: tuple[list[tuple[int, dict[str, str], bytes]], Api],
    status: int,
    headers: dict[str, str],
    body: bytes,
    after: float | None,
) -> None:
    prepared, api = answers
    prepared.append((status, headers, body))
    with pytest.raises(UnavailableError) as caught:
        api.read(SERVICES, "n", "x")
    assert caught.value.retry_after_s == after


def test_nobody_listens() -> None:
    nowhere = Configuration()
    nowhere.host = "http://127.0.0.1:9"
    api = Api(nowhere)
    with pytest.raises(UnavailableError):
        api.read(SERVICES, "n", "x")
    api.close()
