# ruff: noqa: D102
# `keys` and `look` are described in `Controller`.
"""CustomResourceDefinitions: names accepted, resources served, and their objects deleted at the end."""

from __future__ import annotations

from collections.abc import Iterable

from canary_lab.cluster.api import Api
from canary_lab.cluster.clock import timestamp
from canary_lab.cluster.controllers.base import Controller, Loop
from canary_lab.cluster.deletion import DeleteOptions, delete
from canary_lab.cluster.kinds.custom import CustomStrategy
from canary_lab.cluster.resources import Resource, from_definition
from canary_lab.cluster.store import Event, Key, Obj, clone

DEFINITIONS = ("apiextensions.k8s.io", "v1", "customresourcedefinitions")
CLEANUP = "customresourcecleanup.apiextensions.k8s.io"
_MANAGER = "kube-apiserver"


class Definitions(Controller):
    """Serves what definitions define."""

    store = "apiextensions.k8s.io/customresourcedefinitions"

    def __init__(self, api: Api, loop: Loop) -> None:
        super().__init__(api, loop)
        self._raw: dict[str, tuple[str, Obj]] = {}
        """Custom resources as they were written, by uid, with their version; of those whose definition was replaced."""

    def keys(self, event: Event) -> Iterable[Key]:
        if event.store == self.store:
            if event.type == "DELETED":
                self.api.registry.remove(event.obj["spec"]["group"], event.obj["spec"]["names"]["plural"])
            else:
                yield event.key
        elif event.type == "DELETED":
            group, _, plural = event.store.partition("/")
            yield ("", f"{plural}.{group}")

    def look(self, key: Key) -> None:
        definition = self.api.store.get(self.store, *key)
        if definition is None:
            return
        if "deletionTimestamp" in definition["metadata"]:
            self._clean(definition)
        else:
            self._accept(definition)

    def _accept(self, definition: Obj) -> None:
        name = definition["metadata"]["name"]
        self.api.change(DEFINITIONS, "", name, _add_finalizer, manager=_MANAGER)
        self.api.change(DEFINITIONS, "", name, _establish, manager=_MANAGER, subresource="status")
        spec = definition["spec"]
        resources = from_definition(definition)
        served = {r.version: r for r in resources}
        known = self.api.registry.in_version
        have = {v: r for v in self.api.registry.groups().get(spec["group"], ()) for r in known(spec["group"], v)}
        same = {v: r.definition for v, r in have.items() if r.plural == spec["names"]["plural"]}
        if same != {v: r.definition for v, r in served.items()}:
            self.api.registry.remove(spec["group"], spec["names"]["plural"])
            self.api.registry.add(resources)
            self._decode_anew(resources)

    def _decode_anew(self, resources: Iterable[Resource]) -> None:
        """What is stored is pruned as it is read, and still there for a definition that knows it."""
        for resource in resources:
            for obj in self.api.store.all(resource.store):
                metadata = obj["metadata"]
                version, raw = self._raw.get(metadata["uid"], ("", obj))
                if version != metadata["resourceVersion"]:
                    raw = obj
                self._raw[metadata["uid"]] = metadata["resourceVersion"], raw
                read = clone(raw)
                strategy = self.api.strategies.of(resource)
                if isinstance(strategy, CustomStrategy):
                    strategy.prune(read)
                    strategy.default(read)
                self.api.store.restore(resource.store, read)
            for told in list(self.api.redefined):
                told(resource.store)

    def _clean(self, definition: Obj) -> None:
        spec, name = definition["spec"], definition["metadata"]["name"]
        store = f"{spec['group']}/{spec['names']['plural']}"
        resource = self.api.registry.of_store(store)
        for obj in self.api.store.all(store):
            meta = obj["metadata"]
            if resource and "deletionTimestamp" not in meta:
                delete(self.api, resource, meta.get("namespace", ""), meta["name"], DeleteOptions())
        if not self.api.store.all(store):
            self.api.change(DEFINITIONS, "", name, _drop_finalizer, manager=_MANAGER)


def _add_finalizer(definition: Obj) -> None:
    finalizers = definition["metadata"].setdefault("finalizers", [])
    if CLEANUP not in finalizers:
        finalizers.append(CLEANUP)


def _drop_finalizer(definition: Obj) -> None:
    finalizers = definition["metadata"].get("finalizers") or []
    definition["metadata"]["finalizers"] = [f for f in finalizers if f != CLEANUP]


def _establish(definition: Obj) -> None:
    status = definition["status"]
    status["acceptedNames"] = definition["spec"]["names"]
    has = {c["type"] for c in status.get("conditions") or ()}
    facts = [
        ("NamesAccepted", "NoConflicts", "no conflicts found"),
        ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
    ]
    more = [
        {"type": t, "status": "True", "lastTransitionTime": timestamp(), "reason": r, "message": m}
        for t, r, m in facts
        if t not in has
    ]
    status["conditions"] = [*(status.get("conditions") or ()), *more]
    stored = [v["name"] for v in definition["spec"]["versions"] if v.get("storage")]
    status["storedVersions"] = list(dict.fromkeys([*(status.get("storedVersions") or ()), *stored]))
