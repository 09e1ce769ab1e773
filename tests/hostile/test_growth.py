"""Nothing grows for ever: what is gone is forgotten, what is woken again and again is kept once."""

from __future__ import annotations

from canary_adapters.controller.queue import DueQueue
from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.events import EventRecorder
from canary_adapters.kubernetes.resources import SERVICES, Obj, Resource
from canary_ports import ConflictError


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_keys_that_are_woken_again_and_again_are_kept_once() -> None:
    clock = _Clock()
    queue: DueQueue[str] = DueQueue(clock)
    for round_ in range(5000):
        queue.add("a", 300.0)
        queue.add("a", 0.02)
        queue.add(f"gone-{round_}", 300.0)
        queue.forget(f"gone-{round_}")
        clock.now += 0.1
        taken = queue.take(0)
        assert taken is not None
        assert taken[0] == "a"
        queue.done("a", 300.0)
    assert len(queue) == 1
    assert len(queue._heap) <= 67


def test_compaction_changes_nothing_of_what_is_due() -> None:
    clock = _Clock()
    queue: DueQueue[int] = DueQueue(clock)
    for number in range(200):
        queue.add(number, 1000.0 - number)
    taken = queue.take(0)
    assert taken is None
    for _ in range(1000):
        queue.add(7, 2000.0)
        queue.forget(8)
    clock.now = 1000.0
    found = []
    while (taken := queue.take(0)) is not None:
        queue.add(taken[0], 5.0)
        found.append(taken[0])
        queue.done(taken[0])
    assert found == [number for number in reversed(range(200)) if number != 8]
    assert len(queue) == 199


class _Server:
    """An API server that takes everything, and a cache that has seen it."""

    def __init__(self) -> None:
        self.version = 0
        self.objects: dict[tuple[str, str], Obj] = {}

    def create(self, _: Resource, namespace: str, body: Obj) -> Obj:
        self.version += 1
        name = body["metadata"]["name"]
        if (namespace, name) in self.objects:
            raise ConflictError(name)
        metadata = {"name": name, "namespace": namespace, "uid": name, "resourceVersion": str(self.version)}
        self.objects[namespace, name] = {"metadata": metadata}
        return self.objects[namespace, name]

    def delete(self, _: Resource, obj: Obj) -> None:
        self.version += 1
        del self.objects[obj["metadata"]["namespace"], obj["metadata"]["name"]]

    def get(self, _: Resource, namespace: str, name: str) -> Obj | None:
        return self.objects.get((namespace, name))

    def list(self, _: Resource, namespace: str) -> list[Obj]:
        return [obj for (place, _), obj in self.objects.items() if place == namespace]

    def seen(self, _: Resource) -> int:
        return self.version


def test_writes_of_what_is_gone_are_forgotten() -> None:
    server = _Server()
    cluster = Cluster(server, server)  # type: ignore[arg-type]
    for number in range(5000):
        made = cluster.create(SERVICES, "here", {"metadata": {"name": f"a-{number}"}})
        if number % 2:
            cluster.delete(SERVICES, made)
        else:
            server.delete(SERVICES, made)  # somebody else does
    assert len(cluster._written) <= 512


def test_events_of_a_canary_that_is_gone_are_forgotten() -> None:
    """Those of others are not: an equal one would be made anew rather than counted."""
    server = _Server()
    recorder = EventRecorder(server, now_s=lambda: 1.0)  # type: ignore[arg-type]
    for name in ("stays", *(f"goes-{number}" for number in range(100))):
        obj = {"metadata": {"name": name, "namespace": "here", "uid": name, "resourceVersion": "1"}}
        for text in ("one", "two"):
            recorder.record(obj, text, warning=False)
        if name != "stays":
            recorder.forget("here", name)
    recorder.close(20)
    assert len(server.objects) == 202
    assert [(sent.canary.name, text) for (_, _, text), sent in recorder._sent.items()] == [
        ("stays", "one"),
        ("stays", "two"),
    ]
