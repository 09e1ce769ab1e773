"""One process of the controller over a quiet server: the real adapters, caches, wake-ups and reconciler.

Left out are threads and HTTP: workers take turns, events are sent when a tick is over, metrics and hooks are answered
by the story.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Protocol
from unittest import mock

import structlog
from kubernetes.client import Configuration
from kubernetes.informer import DELETED

from canary_adapters.controller import assembly as assembling
from canary_adapters.controller import reconciler as reconciling
from canary_adapters.controller.assembly import Assembly
from canary_adapters.controller.interests import Claims, Interests, Key
from canary_adapters.controller.options import Options
from canary_adapters.controller.queue import DueQueue
from canary_adapters.controller.reconciler import Reconciler, Verdict
from canary_adapters.controller.registry import Registry
from canary_adapters.controller.wakeups import Wakeups
from canary_adapters.kubernetes.answers import content_of
from canary_adapters.kubernetes.api import Api
from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.events import EventRecorder
from canary_adapters.kubernetes.informers import _Informer, _Source
from canary_adapters.kubernetes.resources import Obj, Resource
from canary_adapters.prometheus.pool import Server
from canary_adapters.webhook.http import Answer
from canary_lab.cluster.store import Event, clone
from canary_sims.harness.faults.places import Steady
from laboratories.quiet_server import QuietServer
from laboratories.stand_ins import registry_with_prometheus

SILENT: Final = structlog.make_filtering_bound_logger(50)
WATCHED: Final = Registry.load().watched()
STORES: Final = {f"{resource.group or 'core'}/{resource.plural}": resource for resource in WATCHED}


class Outside(Protocol):
    """What a process talks to."""

    def send(
        self, method: str, path: str, *, query: Mapping[str, str], headers: Mapping[str, str], body: Obj | None
    ) -> Obj:
        """Make a request, as `Api._send` does."""
        ...

    def lists(
        self, method: str, path: str, *, query: Mapping[str, str], headers: Mapping[str, str], body: Obj | None
    ) -> Obj:
        """The same for the caches, which nothing goes wrong with."""
        ...

    def measured(self, query: str) -> list[float]:
        """The values of a query."""
        ...

    def posted(self, url: str, body: Any) -> Answer:
        """What a hook answers."""
        ...

    def now_s(self) -> float:
        """The present time."""
        ...


class SendingApi(Api):
    """An API server that is a function."""

    def __init__(self, sending: Callable[..., Obj]) -> None:
        super().__init__(Configuration(host="http://127.0.0.1:1"))
        self._sending = sending

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Obj | None = None,
    ) -> Obj:
        return self._sending(method, path, query=query or {}, headers=headers or {}, body=body)


@contextmanager
def cluster_of(server: QuietServer) -> Iterator[Cluster]:
    """What there is on a server, read and written without caches."""

    def send(method: str, path: str, **how: Any) -> Obj:
        answer = server.request(method, path, **how)
        return content_of(f"{method} {path}", answer.status, {}, answer.data)

    api = SendingApi(send)
    try:
        yield Cluster(api)
    finally:
        api.close()


class _Recorder(EventRecorder):
    """Sends events when it is told to, in the thread that tells it."""

    def _run(self) -> None:
        pass

    def send_all(self) -> None:
        with self._changed:
            self._closed = True  # so that it ends when nothing is pending
        super()._run()
        with self._changed:
            self._closed = False


class _AtOnce:
    """In the place of background threads."""

    def put(self, key: str, job: Callable[[], None]) -> None:
        job()

    def close(self, timeout_s: float) -> None:
        pass


class _Prometheus:
    def __init__(self, outside: Outside) -> None:
        self._outside = outside

    def query(self, server: Server, query: str, *, namespace: str) -> list[float]:
        return [1.0] if query == "vector(1)" else self._outside.measured(query)

    def close(self) -> None:
        pass


class _Http:
    def __init__(self, outside: Outside) -> None:
        self._outside = outside

    def post(self, url: str, body: Any, **_: Any) -> Answer:
        return self._outside.posted(url, body)

    def close(self) -> None:
        pass


class Caches:
    """The real informers without their threads: changes are handed to them."""

    def __init__(self, api: Api, on_change: Callable[[Resource, Obj], None]) -> None:
        self._each = {resource: _Informer(_Source(api, resource, None), resource, on_change) for resource in WATCHED}

    def relist(self) -> None:
        """As after a watch that had to begin anew."""
        for informer in self._each.values():
            informer._initial_list()

    def hear(self, event: Event) -> None:
        """As through a watch."""
        resource = STORES.get(event.store)
        if resource is None:
            return
        informer, obj = self._each[resource], clone(event.obj)
        if resource.metadata_only:
            obj = {"metadata": obj["metadata"]}
        if event.type == DELETED:
            informer._cache._remove(obj)
        else:
            informer._cache._put(obj)
        informer._fire(event.type, obj)

    def get(self, resource: Resource, namespace: str, name: str) -> Obj | None:
        """One object."""
        found: Obj | None = self._each[resource].cache.get_by_key(f"{namespace}/{name}")
        return found

    def list(self, resource: Resource, namespace: str) -> list[Obj]:
        """All of a namespace."""
        every: list[Obj] = self._each[resource].cache.list()
        return [obj for obj in every if obj["metadata"]["namespace"] == namespace]

    def seen(self, resource: Resource) -> int:
        """The version up to which it has seen everything."""
        return self._each[resource].seen


class _Clock:
    def __init__(self, now_s: Callable[[], float]) -> None:
        self.now_s = now_s


class Process:
    """From its start to its death."""

    def __init__(self, outside: Outside, options: Options | None = None) -> None:
        self._api, self._listing = SendingApi(outside.send), SendingApi(outside.lists)
        self.queue: DueQueue[Key] = DueQueue(outside.now_s)
        self.interests, self.claims = Interests(), Claims()
        self.caches = Caches(self._listing, self._changed)
        cluster = Cluster(self._api, self.caches)
        with (
            mock.patch.object(assembling, "Background", _AtOnce),
            mock.patch.object(assembling, "EventRecorder", _Recorder),
        ):
            registry = registry_with_prometheus(_Prometheus(outside))
            self.assembly = Assembly(options or Options(), cluster, _Clock(outside.now_s), registry, telling=self._api)
        self.assembly.http = _Http(outside)  # type: ignore[assignment]
        self.wakeups = Wakeups(
            self.caches,
            self.queue,
            self.interests,
            self.claims,
            self.assembly.digests,
            accepts=self.assembly.reader.accepts,
        )
        self.reconciler = Reconciler(
            self.assembly,
            self.interests,
            self.claims,
            gather=lambda _: map,
            now_s=outside.now_s,
            clock=outside.now_s,
        )
        self.caches.relist()

    def _changed(self, resource: Resource, obj: Obj) -> None:
        self.wakeups.changed(resource, obj)

    @property
    def next_s(self) -> float | None:
        """When it wants to work next."""
        return min(self.queue._due.values(), default=None)

    def work(self) -> tuple[Key, Verdict] | None:
        """What a worker does in one turn. None: nothing is due."""
        while True:
            taken = self.queue.take(0)
            if taken is None:
                return None
            key, _ = taken
            with mock.patch.object(reconciling, "_CHANCE", Steady()):
                verdict = self.reconciler.attend(key)
            self.queue.done(key, verdict.again_in_s)
            if verdict.result != "waiting":
                break
        recorder = self.assembly.recorder
        assert isinstance(recorder, _Recorder)
        recorder.send_all()
        return key, verdict

    def end(self) -> None:
        """Nothing of it is left."""
        self.assembly.close(0.0)
        self._api.close()
        self._listing.close()
