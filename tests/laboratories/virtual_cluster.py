"""A controller without a process over a cluster without a server, in virtual time: for counting over months.

The API server here is a dictionary behind the methods of `Api`: versions, conflicts and ownership as far as the
controller relies on them. Pods are ready at once, unless a test says otherwise.
"""

from __future__ import annotations

import copy
import itertools
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from kubernetes.client import Configuration

from applications.demo_app import NAME, application, article_canary
from canary_adapters.controller.assembly import Assembly
from canary_adapters.controller.interests import Claims, Interests, Key
from canary_adapters.controller.options import Options
from canary_adapters.controller.reconciler import Reconciler, Verdict
from canary_adapters.kubernetes.answers import AbsentError
from canary_adapters.kubernetes.api import Api
from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.resources import CANARIES, DEPLOYMENTS, Obj, Resource
from canary_adapters.prometheus.pool import Server
from canary_lab.cluster.patches import merge_patch
from canary_ports import ConflictError
from laboratories.stand_ins import registry_with_prometheus

START_S = 1_770_000_000.0


class VirtualApi(Api):
    """The API server."""

    def __init__(self) -> None:
        super().__init__(Configuration(host="http://127.0.0.1:1"))
        self.objects: dict[tuple[str, str], dict[str, Obj]] = {}
        """By plural and namespace, then by name."""
        self.calls: Counter[str] = Counter()
        self.would_store: Callable[[str, Obj], Obj] = lambda _, body: body
        """What a dry run makes of an object; it may refuse it."""
        self.told: list[Obj] = []
        """Canaries as they were after each write of their status."""
        self.pods: Callable[[str, int], int] = lambda _, replicas: replicas
        """How many Pods of a Deployment are there and ready, by its name and what it asks for."""
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Obj | None = None,
    ) -> Obj:
        _, _, rest = path.partition("/namespaces/")
        namespace, plural, name, subresource = [*rest.split("/"), "", ""][:4]
        with self._lock:  # events come from a thread of their own
            if "dryRun" in (query or {}):
                return self._judge(namespace, plural, name, copy.deepcopy(body or {}))
            return copy.deepcopy(self._answer(method, path, (namespace, plural, name, subresource), body))

    def _judge(self, namespace: str, plural: str, name: str, body: Obj) -> Obj:
        """A dry run: nothing is kept, and what would be made has no version."""
        self.calls[f"DRY {plural}"] += 1
        old = self.objects.get((plural, namespace), {}).get(name or body["metadata"]["name"])
        if bool(name) != (old is not None):
            raise ConflictError(name)
        if old is not None:
            self._check(old, body["metadata"])
        return self.would_store(plural, body)

    def _answer(self, method: str, path: str, wanted: tuple[str, str, str, str], body: Obj | None) -> Obj:
        namespace, plural, name, subresource = wanted
        self.calls[f"{method} {plural}{'/' if subresource else ''}{subresource}"] += 1
        place = self.objects.setdefault((plural, namespace), {})
        if method == "POST":
            assert body is not None
            return self._create(place, namespace, plural, body)
        old = place.get(name)
        if old is None:
            raise AbsentError(path, certain=True)
        if method == "GET":
            return old
        assert body is not None
        if method == "DELETE":
            self._check(old, body["preconditions"])
            self._delete(place, old)
            return {}
        self._check(old, body["metadata"])
        if method == "PATCH":
            new = merge_patch(old, body)
        else:
            new = {**body, "metadata": {**old["metadata"], **body["metadata"]}}
        if subresource == "status":
            new = {**old, "status": new.get("status")}
        stored = self._store(place, plural, old, new)
        if (plural, subresource) == ("canaries", "status"):
            self.told.append(stored)
        return stored

    def _create(self, place: dict[str, Obj], namespace: str, plural: str, body: Obj) -> Obj:
        metadata = body["metadata"]
        if metadata["name"] in place:
            raise ConflictError(metadata["name"])
        made = {"uid": f"uid-{next(self._numbers)}", "namespace": namespace, "generation": 1}
        return self._store(place, plural, {}, {**body, "metadata": {**metadata, **made}})

    def _store(self, place: dict[str, Obj], plural: str, old: Obj, new: Obj) -> Obj:
        metadata = {**new["metadata"], "resourceVersion": str(next(self._numbers))}
        if old and old.get("spec") != new.get("spec"):
            metadata["generation"] = old["metadata"]["generation"] + 1
        found = {**new, "metadata": metadata}
        if plural == "deployments":
            pods = self.pods(metadata["name"], found["spec"].get("replicas", 1))
            numbers = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), pods)
            found["status"] = {**numbers, "observedGeneration": metadata["generation"]}
        place[metadata["name"]] = found
        if metadata.get("deletionTimestamp") and not metadata.get("finalizers"):
            self._remove(place, found)
        return found

    def _delete(self, place: dict[str, Obj], obj: Obj) -> None:
        if obj["metadata"].get("finalizers"):
            self._store(place, "", obj, {**obj, "metadata": {**obj["metadata"], "deletionTimestamp": "now"}})
        else:
            self._remove(place, obj)

    def _remove(self, place: dict[str, Obj], obj: Obj) -> None:
        """With all that it owns."""
        del place[obj["metadata"]["name"]]
        next(self._numbers)
        for other in self.objects.values():
            for owned in list(other.values()):
                owners = owned["metadata"].get("ownerReferences") or ()
                if any(owner["uid"] == obj["metadata"]["uid"] for owner in owners):
                    del other[owned["metadata"]["name"]]

    @staticmethod
    def _check(old: Obj, wanted: Obj) -> None:
        if any(old["metadata"][field] != wanted[field] for field in ("uid", "resourceVersion") if field in wanted):
            raise ConflictError(old["metadata"]["name"])

    # -- As a cache that is never behind ----------------------------------------------------------------------------

    def cached(self, resource: Resource, namespace: str, name: str) -> Obj | None:
        """An object."""
        found = self.objects.get((resource.plural, namespace), {}).get(name)
        return {"metadata": found["metadata"]} if found is not None and resource.metadata_only else found


class _Caches:
    def __init__(self, api: VirtualApi) -> None:
        self._api = api

    def get(self, resource: Resource, namespace: str, name: str) -> Obj | None:
        return self._api.cached(resource, namespace, name)

    def list(self, resource: Resource, namespace: str) -> list[Obj]:
        names = self._api.objects.get((resource.plural, namespace), {})
        return [obj for name in list(names) if (obj := self.get(resource, namespace, name)) is not None]

    def seen(self, resource: Resource) -> int:
        return 2**62


class _Prometheus:
    """Says that all is well, or that nothing is."""

    success_rate = 100.0

    def query(self, server: Server, query: str, *, namespace: str) -> list[float]:
        return [0.05 if "bucket" in query else self.success_rate]

    def close(self) -> None:
        pass


class VirtualController:
    """What the controller's workers do, one tick after the other."""

    def __init__(self, options: Options | None = None) -> None:
        self.now_s = START_S
        self.api = VirtualApi()
        self.prometheus = _Prometheus()
        cluster = Cluster(self.api, _Caches(self.api))
        registry = registry_with_prometheus(self.prometheus)
        self.assembly = Assembly(options or Options(), cluster, _Clock(self), registry, telling=self.api)
        self.interests, self.claims = Interests(), Claims()
        self.reconciler = Reconciler(
            self.assembly,
            self.interests,
            self.claims,
            gather=lambda _: map,
            now_s=lambda: self.now_s,
            clock=lambda: self.now_s,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.assembly.close(10.0)
        self.api.close()

    # -- What people do ---------------------------------------------------------------------------------------------

    def deploy(self, namespace: str, **spec: Any) -> Key:
        """The article's application."""
        deployment, _ = application(namespace)
        canary = article_canary(namespace)
        canary["spec"] |= spec
        self.api.create(DEPLOYMENTS, namespace, deployment)
        self.api.create(CANARIES, namespace, canary)
        key = (namespace, NAME)
        self.changed(key)
        return key

    def edit(self, resource: Resource, key: Key, change: Callable[[Obj], None]) -> None:
        """Somebody changes an object."""
        new = copy.deepcopy(self.api.objects[resource.plural, key[0]][key[1]])
        change(new)
        self.api.replace(resource, new)

    def image(self, key: Key, tag: str) -> None:
        """Another revision."""

        def change(deployment: Obj) -> None:
            deployment["spec"]["template"]["spec"]["containers"][0]["image"] = f"example.com/app:{tag}"

        self.edit(DEPLOYMENTS, key, change)

    def delete(self, key: Key) -> None:
        """Delete the canary and its application."""
        for resource in (CANARIES, DEPLOYMENTS):
            self.api.delete(resource, self.api.objects[resource.plural, key[0]][key[1]])
        self.changed(key)

    def changed(self, key: Key) -> None:
        """As the informers would tell."""
        canary = self.api.cached(CANARIES, *key)
        if canary is not None:
            self.claims.set(canary, valid=self.assembly.reader.accepts(canary))
        else:
            self.claims.forget(key)
            self.reconciler.reconcile(key)

    # -- What the controller does -----------------------------------------------------------------------------------

    def tick(self, key: Key) -> Verdict:
        """Work on it once."""
        return self.reconciler.reconcile(key)

    def status(self, key: Key) -> Obj:
        """As it is."""
        found: Obj = (self.api.cached(CANARIES, *key) or {}).get("status") or {}
        return found

    def until(self, phase: str, key: Key, most: int = 60) -> int:
        """Tick whenever it is due, until a phase is reached and nothing is left to do; returns the number of ticks."""
        for number in range(1, most + 1):
            verdict = self.tick(key)
            assert verdict.result == "ok", verdict
            self.now_s += min(verdict.again_in_s or 0.0, 65.0)
            if self.status(key).get("phase") == phase and (verdict.again_in_s or 0.0) > 100:
                return number
        raise AssertionError(f"{phase} not reached, but {self.status(key).get('phase')}")


class _Clock:
    def __init__(self, controller: VirtualController) -> None:
        self._controller = controller

    def now_s(self) -> float:
        return self._controller.now_s


def secret(name: str, value: str) -> Obj:
    """A Secret."""
    return {"metadata": {"name": name}, "type": "Opaque", "data": {"key": value}}
