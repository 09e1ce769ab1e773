"""The embedded API server without HTTP and without threads, and pods in virtual time.

Requests go to the very code that serves HTTP, so versions, conflicts, generations, defaults, schemas and owners are
those of the embedded cluster. Deployments are played here, as the cluster's own controllers live in real time.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, cast

import yaml
from attrs import define, frozen

from canary_adapters.kubernetes.answers import content_of
from canary_adapters.kubernetes.crds import definitions
from canary_lab.cluster.addresses import Addresses
from canary_lab.cluster.api import Api
from canary_lab.cluster.auth import ADMIN, Tokens
from canary_lab.cluster.controllers.base import Loop
from canary_lab.cluster.controllers.garbage import Garbage
from canary_lab.cluster.crds import istio
from canary_lab.cluster.errors import ApiError
from canary_lab.cluster.handlers import Call, Handlers
from canary_lab.cluster.kinds import Strategies
from canary_lab.cluster.kinds.custom import CustomStrategy
from canary_lab.cluster.rbac import Rbac
from canary_lab.cluster.requests import parse
from canary_lab.cluster.resources import Registry, from_definition
from canary_lab.cluster.store import Event, Key, Store, clone
from stories.flagger_definition import flaggers_definition

Obj = dict[str, Any]
Kind = tuple[str, str, str]
"""Group, version and plural."""

START_S: Final = 1_770_000_000.0
STARTING_S: Final = 5.0
"""Until pods are ready."""
DEADLINE_S: Final = 600.0
"""Until a Deployment says that it makes no progress. As in Kubernetes."""
DEPLOYMENTS: Final = ("apps", "v1", "deployments")
SCALERS: Final = ("autoscaling", "v2", "horizontalpodautoscalers")
NAMESPACES: Final = ("", "v1", "namespaces")
BROKEN: Final = "broken"
"""Pods of images with this in their tag never become ready."""


@cache
def _registry(*, flaggers: bool) -> Registry:
    """What is served; shared, as nothing changes it.

    Args:
        flaggers: Canaries by Flagger's own definition.
    """
    found = Registry()
    canaries, *others = definitions()
    for definition in [flaggers_definition() if flaggers else canaries, *others, *yaml.safe_load_all(istio())]:
        found.add(from_definition(definition))
    return found


@frozen
class Answered:
    """What a request was answered with."""

    status: int
    data: bytes

    @property
    def content(self) -> Any:
        """The JSON."""
        return json.loads(self.data)


@define
class _Pods:
    """Those of a Deployment."""

    template: Obj
    asked: int
    since_s: float
    """Since when this template is rolled out."""
    old: int = 0
    """Ready ones of the template before."""
    ready: int = 0
    up_s: float = 0.0
    """When all that are asked for are ready."""


class QuietServer:
    """Objects, and what Kubernetes does with them."""

    def __init__(self, *, flaggers: bool = False) -> None:
        """Starts one.

        Args:
            flaggers: Its definition of Canary is Flagger's.
        """
        self.now_s, self._flaggers = START_S, flaggers
        self.never_ready: set[str] = set()
        """Deployments whose pods do not start any more."""
        self._attach(Store())
        self.api.make(NAMESPACES, "", {"metadata": {"name": "default"}})

    def _attach(self, store: Store) -> None:
        self.store = store
        self.api = Api(store, _registry(flaggers=self._flaggers), Strategies(Addresses(store)))
        self._handlers = Handlers(self.api, Rbac(store), Tokens(store))
        self._garbage = Garbage(self.api, cast("Loop", None))
        self._orphans: deque[Key] = deque()
        self._pods: dict[str, _Pods] = {}
        for name, key, obj in store.everything():
            self._orphans.extend(self._garbage.keys(Event(0, "ADDED", name, key, obj, None)))
        store.subscribe(lambda event: self._orphans.extend(self._garbage.keys(event)))

    def fork(self) -> QuietServer:
        """Another one with the same objects, pods and time. Nobody listens to it yet."""
        store = Store()
        store.rv = self.store.rv
        for name, _, obj in self.store.everything():
            store.put(name, obj)
        for name, _, obj in self.store.everything():  # under the versions that they had
            store.restore(name, obj)
        store.rv = self.store.rv
        store.forget_history()
        found = object.__new__(QuietServer)
        found.now_s, found.never_ready, found._flaggers = self.now_s, set(self.never_ready), self._flaggers
        found._attach(store)
        found.api.admissions.extend(self.api.admissions)
        found._pods = {
            uid: _Pods(p.template, p.asked, p.since_s, p.old, p.ready, p.up_s) for uid, p in self._pods.items()
        }
        return found

    # -- Requests ---------------------------------------------------------------------------------------------------

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Obj | None = None,
    ) -> Answered:
        """Answer a request as over HTTP."""
        head = {"Accept": "application/json", "Content-Type": "application/json", **(headers or {})}
        data = b"" if body is None else json.dumps(body).encode()
        call = Call(parse(method, path, query or {}), query or {}, head, ADMIN, data)
        try:
            answer = self._handlers.handle(call)
            found = Answered(answer.code, answer.format.encode(answer.body))
        except ApiError as error:
            found = Answered(error.code, json.dumps(error.body).encode())
        self._collect()
        return found

    def lists(self, method: str, path: str, **how: Any) -> Obj:
        """A request of the caches, as the client library reads the answer."""
        answer = self.request(method, path, **how)
        return content_of(f"{method} {path}", answer.status, {}, answer.data)

    def _collect(self) -> None:
        while self._orphans:
            self._garbage.look(self._orphans.popleft())

    # -- What people do ---------------------------------------------------------------------------------------------

    def namespace(self, name: str) -> None:
        """Make a namespace."""
        self.api.make(NAMESPACES, "", {"metadata": {"name": name}})

    def apply(self, obj: Obj) -> None:
        """Create an object, as somebody who is not the controller."""
        group, _, version = str(obj["apiVersion"]).rpartition("/")
        plural = self._plural(group, version, obj["kind"])
        namespace = obj["metadata"]["namespace"]
        root = f"/apis/{group}/{version}" if group else f"/api/{version}"
        answer = self.request("POST", f"{root}/namespaces/{namespace}/{plural}", body=clone(obj))
        assert answer.status == 201, answer.content

    def redefine(self) -> None:
        """Replace the definition of Canary: ours by Flagger's, or Flagger's by ours."""
        self._flaggers = not self._flaggers
        self.api.registry = _registry(flaggers=self._flaggers)
        resource = self.api.registry.get("flagger.app", "v1beta1", "canaries")
        assert resource is not None
        strategy = self.api.strategies.of(resource)
        assert isinstance(strategy, CustomStrategy)
        for obj in self.store.all(resource.store):
            read = clone(obj)
            strategy.prune(read)
            self.store.restore(resource.store, read)

    def _plural(self, group: str, version: str, kind: str) -> str:
        found = self.api.registry.of_kind(f"{group}/{version}" if group else version, kind)
        assert found is not None, kind
        return found.plural

    def edit(self, kind: Kind, namespace: str, name: str, change: Callable[[Obj], None]) -> None:
        """Change an object, as somebody who is not the controller."""
        assert self.api.change(kind, namespace, name, change, manager="somebody") is not None, name
        self._collect()

    def delete(self, kind: Kind, namespace: str, name: str) -> None:
        """Delete an object, as somebody who is not the controller."""
        group, version, plural = kind
        root = f"/apis/{group}/{version}" if group else f"/api/{version}"
        answer = self.request("DELETE", f"{root}/namespaces/{namespace}/{plural}/{name}", body={})
        assert answer.status == 200, answer.content

    def get(self, store: str, namespace: str, name: str) -> Obj | None:
        """An object as it is stored; not to be changed."""
        return self.store.get(store, namespace, name)

    # -- What Kubernetes does ---------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Do what is due now: autoscalers first, then pods."""
        for scaler in self.store.all("autoscaling/horizontalpodautoscalers"):
            self._autoscale(scaler)
        live = set()
        for deployment in self.store.all("apps/deployments"):
            live.add(deployment["metadata"]["uid"])
            self._play(deployment)
        for uid in self._pods.keys() - live:
            del self._pods[uid]

    def next_s(self) -> float | None:
        """When something is due next by itself."""
        due = [pods.up_s for pods in self._pods.values() if pods.ready < pods.asked and pods.up_s > self.now_s]
        return min(due, default=None)

    def _autoscale(self, scaler: Obj) -> None:
        namespace, spec = scaler["metadata"]["namespace"], scaler["spec"]
        found = self.store.get("apps/deployments", namespace, spec["scaleTargetRef"]["name"])
        if found is None or not found["spec"]["replicas"]:
            return
        wanted = min(max(found["spec"]["replicas"], spec.get("minReplicas") or 1), spec["maxReplicas"])
        if wanted != found["spec"]["replicas"]:
            self.edit(
                DEPLOYMENTS, namespace, found["metadata"]["name"], lambda obj: obj["spec"].update(replicas=wanted)
            )

    def _play(self, deployment: Obj) -> None:
        metadata, spec = deployment["metadata"], deployment["spec"]
        asked, template = spec["replicas"], spec["template"]
        pods = self._pods.get(metadata["uid"])
        if pods is None:
            pods = self._pods[metadata["uid"]] = self._started(deployment, asked, 0)
        elif pods.template != template:
            serving = pods.ready or pods.old
            pods = self._pods[metadata["uid"]] = self._started(deployment, asked, min(serving, asked))
        elif asked > pods.asked:
            pods.asked, pods.up_s = asked, self._up_s(deployment)
            pods.since_s = self.now_s if not pods.ready else pods.since_s
        elif asked < pods.asked:
            pods.asked, pods.ready, pods.old = asked, min(pods.ready, asked), min(pods.old, asked)
        if pods.ready < pods.asked and self.now_s >= pods.up_s and not self._fails(deployment):
            pods.ready, pods.old = pods.asked, 0
        self._report(deployment, pods)

    def _started(self, deployment: Obj, asked: int, old: int) -> _Pods:
        return _Pods(deployment["spec"]["template"], asked, self.now_s, old=old, up_s=self._up_s(deployment))

    def _up_s(self, deployment: Obj) -> float:
        """When pods that start now are ready; of those that never are, when that is said."""
        return self.now_s + (DEADLINE_S if self._fails(deployment) else STARTING_S)

    def _fails(self, deployment: Obj) -> bool:
        """Whether pods that start now never become ready."""
        return deployment["metadata"]["name"] in self.never_ready or BROKEN in image_of(deployment)

    def _report(self, deployment: Obj, pods: _Pods) -> None:
        late = pods.ready < pods.asked and self.now_s - pods.since_s >= DEADLINE_S
        numbers = {
            "replicas": pods.asked + pods.old if pods.ready < pods.asked else pods.asked,
            "updatedReplicas": pods.asked,
            "readyReplicas": pods.ready + pods.old,
            "availableReplicas": pods.ready + pods.old,
        }
        reason = "ProgressDeadlineExceeded" if late else "ReplicaSetUpdated"
        status = {
            "observedGeneration": deployment["metadata"]["generation"],
            **{key: number for key, number in numbers.items() if number},
            "conditions": [{"type": "Progressing", "status": "False" if late else "True", "reason": reason}],
        }
        old = deployment.get("status") or {}
        if {key: old.get(key) for key in (*numbers, "observedGeneration")} == {
            key: status.get(key) for key in (*numbers, "observedGeneration")
        } and _reason(old) == reason:
            return
        namespace, name = deployment["metadata"]["namespace"], deployment["metadata"]["name"]
        self.api.change(DEPLOYMENTS, namespace, name, lambda obj: obj.update(status=status), subresource="status")


def _reason(status: Obj) -> str:
    return str(next((each.get("reason") for each in status.get("conditions") or ()), ""))


def image_of(deployment: Obj) -> str:
    """The tag of the first container's image."""
    found: str = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    return found.rpartition(":")[2]


def ready_of(deployment: Obj) -> int:
    """Pods that can answer, as its status says."""
    return int((deployment.get("status") or {}).get("availableReplicas") or 0)
