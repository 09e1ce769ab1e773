# ruff: noqa: D102
# `keys` and `look` are described in `Controller`.
"""ReplicaSets: as many Pods as were asked for."""

from __future__ import annotations

import time
from collections.abc import Iterable

from canary_lab.cluster.clock import parse_time
from canary_lab.cluster.controllers.base import Controller, controller_of, record, reference
from canary_lab.cluster.deletion import DeleteOptions, delete
from canary_lab.cluster.selectors import from_object, matches
from canary_lab.cluster.store import Event, Key, Obj, clone

REPLICASETS, PODS = ("apps", "v1", "replicasets"), ("", "v1", "pods")
_MANAGER = "replicaset-controller"


class ReplicaSets(Controller):
    """Makes and deletes Pods, adopts and releases them."""

    store = "apps/replicasets"

    def keys(self, event: Event) -> Iterable[Key]:
        if event.store == self.store:
            yield event.key
        elif event.store == "core/pods":
            for pod in (event.obj, event.old):
                owner = controller_of(pod) if pod else None
                if owner and owner["kind"] == "ReplicaSet":
                    yield event.key[0], owner["name"]
            if controller_of(event.obj) is None and event.type != "DELETED":
                for candidate in self.api.store.all(self.store, event.key[0]):
                    if _selects(candidate, event.obj):
                        yield event.key[0], candidate["metadata"]["name"]

    def look(self, key: Key) -> None:
        replica_set = self.api.store.get(self.store, *key)
        if replica_set is None:
            return
        pods = self._claim(replica_set)
        active = [p for p in pods if is_active(p)]
        if "deletionTimestamp" not in replica_set["metadata"]:
            active = self._scale(replica_set, active)
        self._report(replica_set, active, [p for p in pods if "deletionTimestamp" in p["metadata"]])

    def _claim(self, replica_set: Obj) -> list[Obj]:
        """The Pods of a ReplicaSet, after those that fit were adopted and those that do not were let go."""
        meta, found = replica_set["metadata"], []
        for pod in self.api.store.all("core/pods", meta["namespace"]):
            owner, fits = controller_of(pod), _selects(replica_set, pod)
            name = pod["metadata"]["name"]
            if owner and owner["uid"] == meta["uid"]:
                if fits:
                    found.append(pod)
                elif "deletionTimestamp" not in pod["metadata"]:
                    others = [o for o in pod["metadata"]["ownerReferences"] if o["uid"] != meta["uid"]]
                    self._own(meta["namespace"], name, others)
            elif owner is None and fits and is_active(pod) and "deletionTimestamp" not in meta:
                mine = [*(pod["metadata"].get("ownerReferences") or ()), reference(replica_set)]
                found.append(self._own(meta["namespace"], name, mine) or pod)
        return found

    def _own(self, namespace: str, name: str, owners: list[Obj]) -> Obj | None:
        def edit(o: Obj) -> None:
            o["metadata"]["ownerReferences"] = owners

        return self.api.change(PODS, namespace, name, edit)

    def _scale(self, replica_set: Obj, active: list[Obj]) -> list[Obj]:
        wanted = replica_set["spec"].get("replicas", 1)
        active += [self._make_pod(replica_set) for _ in range(wanted - len(active))]
        excess = len(active) - wanted
        if excess > 0:
            active = sorted(active, key=lambda p: (is_ready(p), p["metadata"]["creationTimestamp"]))
            for pod in active[:excess]:
                self._delete_pod(replica_set, pod)
            active = active[excess:]
        return active

    def _make_pod(self, replica_set: Obj) -> Obj:
        template, meta = clone(replica_set["spec"]["template"]), replica_set["metadata"]
        owned = {"generateName": f"{meta['name']}-", "ownerReferences": [reference(replica_set)]}
        pod = {"metadata": {**(template.get("metadata") or {}), **owned}, "spec": template["spec"]}
        made = self.api.make(PODS, meta["namespace"], pod)
        record(self.api, replica_set, _MANAGER, "SuccessfulCreate", f"Created pod: {made['metadata']['name']}")
        return made

    def _delete_pod(self, replica_set: Obj, pod: Obj) -> None:
        pods = self.api.registry.get(*PODS)
        if pods:
            delete(self.api, pods, pod["metadata"]["namespace"], pod["metadata"]["name"], DeleteOptions())
            record(self.api, replica_set, _MANAGER, "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}")

    def _report(self, replica_set: Obj, active: list[Obj], ending: list[Obj]) -> None:
        meta, spec = replica_set["metadata"], replica_set["spec"]
        settle = spec.get("minReadySeconds", 0)
        labels = (spec["template"].get("metadata") or {}).get("labels") or {}
        ready = [p for p in active if is_ready(p)]
        waits = [w for p in ready if (w := settle - _ready_for(p)) > 0] if settle else []
        counts = {
            "fullyLabeledReplicas": sum(
                1 for p in active if labels.items() <= (p["metadata"].get("labels") or {}).items()
            ),
            "readyReplicas": len(ready),
            "availableReplicas": len(ready) - len(waits),
        }
        status = {"replicas": len(active), **{k: v for k, v in counts.items() if v}}
        gone = self._ending(replica_set, ending)
        status |= {"terminatingReplicas": gone, "observedGeneration": meta["generation"]}
        if waits:
            self.again((meta["namespace"], meta["name"]), min(waits) + 0.05)

        def edit(o: Obj) -> None:
            o["status"] = status

        self.api.change(REPLICASETS, meta["namespace"], meta["name"], edit, subresource="status")

    def _ending(self, replica_set: Obj, ending: list[Obj]) -> int:
        return len(
            [
                p
                for p in ending
                if self.api.store.get("core/pods", replica_set["metadata"]["namespace"], p["metadata"]["name"])
            ]
        )


def _selects(replica_set: Obj, pod: Obj) -> bool:
    return matches(from_object(replica_set["spec"]["selector"]), pod["metadata"].get("labels"))


def is_active(pod: Obj) -> bool:
    """Whether a Pod runs, or will."""
    return pod["status"].get("phase") not in ("Succeeded", "Failed") and "deletionTimestamp" not in pod["metadata"]


def _ready_condition(pod: Obj) -> Obj:
    return next((c for c in pod["status"].get("conditions") or () if c["type"] == "Ready"), {})


def is_ready(pod: Obj) -> bool:
    """Whether a Pod may get traffic."""
    return _ready_condition(pod).get("status") == "True"


def _ready_for(pod: Obj) -> float:
    return time.time() - (parse_time(_ready_condition(pod).get("lastTransitionTime") or "") or time.time())
