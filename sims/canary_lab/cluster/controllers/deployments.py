# ruff: noqa: D102
# `keys` and `look` are described in `Controller`.
"""Deployments: a ReplicaSet for each template, and Pods that move from the old ones to the new one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from canary_lab.cluster.clock import parse_time
from canary_lab.cluster.controllers import rollout
from canary_lab.cluster.controllers.base import Controller, controller_of, record, reference
from canary_lab.cluster.deletion import DeleteOptions, delete
from canary_lab.cluster.pod_hash import pod_hash
from canary_lab.cluster.selectors import from_object, matches
from canary_lab.cluster.store import Event, Key, Obj, clone

DEPLOYMENTS, REPLICASETS = ("apps", "v1", "deployments"), ("apps", "v1", "replicasets")
_MANAGER = "deployment-controller"


class Deployments(Controller):
    """Rolls Deployments out, a step at a time."""

    store = "apps/deployments"

    def keys(self, event: Event) -> Iterable[Key]:
        if event.store == self.store:
            yield event.key
        elif event.store == "apps/replicasets":
            for obj in (event.obj, event.old):
                owner = controller_of(obj) if obj else None
                if owner and owner["kind"] == "Deployment":
                    yield event.key[0], owner["name"]

    def look(self, key: Key) -> None:
        deployment = self.api.store.get(self.store, *key)
        if deployment is None:
            return
        mine = self._claim(deployment)
        if "deletionTimestamp" in deployment["metadata"]:
            self._report(deployment, _newest(deployment, mine), mine, progress=False)
        elif self._note_pause(deployment):
            return  # comes again with the change
        elif deployment["spec"].get("paused") or _is_scaling(deployment, mine):
            new = self._find_new(deployment, mine, make=False)
            self._distribute(deployment, new, mine)
            self._report(deployment, new, mine, progress=False)
        else:
            self._roll(deployment, mine)

    # -- ReplicaSets -----------------------------------------------------------------------------------------------

    def _claim(self, deployment: Obj) -> list[Obj]:
        """The ReplicaSets of a Deployment, oldest first, after those that fit were adopted."""
        meta, found = deployment["metadata"], []
        selector = from_object(deployment["spec"]["selector"])
        for replica_set in self.api.store.all("apps/replicasets", meta["namespace"]):
            owner, name = controller_of(replica_set), replica_set["metadata"]["name"]
            fits = matches(selector, replica_set["metadata"].get("labels"))
            if owner and owner["uid"] == meta["uid"]:
                found.append(replica_set)
            elif owner is None and fits and "deletionTimestamp" not in meta:

                def adopt(o: Obj) -> None:
                    o["metadata"].setdefault("ownerReferences", []).append(reference(deployment))

                found.append(self.api.change(REPLICASETS, meta["namespace"], name, adopt) or replica_set)
        return sorted(found, key=lambda r: (r["metadata"]["creationTimestamp"], int(r["metadata"]["resourceVersion"])))

    def _find_new(self, deployment: Obj, mine: list[Obj], *, make: bool) -> Obj | None:
        """The ReplicaSet of the present template, with its revision noted; made, if there is none and `make`."""
        new = _newest(deployment, mine)
        last = max((_revision(r) for r in mine if r is not new), default=0)
        if new is not None:
            return self._revise(deployment, new, last + 1)
        return self._make_new(deployment, mine, last + 1) if make else None

    def _revise(self, deployment: Obj, new: Obj, revision: int) -> Obj:
        revision = max(revision, _revision(new))

        def edit(o: Obj) -> None:
            annotations = o["metadata"].setdefault("annotations", {})
            annotations.update(_handed_on(deployment))
            old = annotations.get(rollout.REVISION)
            if old not in (None, str(revision)):
                history = [h for h in annotations.get(rollout.HISTORY, "").split(",") if h]
                annotations[rollout.HISTORY] = ",".join([*history, old])
            annotations[rollout.REVISION] = str(revision)
            settle = deployment["spec"].get("minReadySeconds", 0)
            if o["spec"].get("minReadySeconds", 0) != settle:
                o["spec"]["minReadySeconds"] = settle

        name = new["metadata"]["name"]
        new = self.api.change(REPLICASETS, new["metadata"]["namespace"], name, edit) or new
        progressing = rollout.condition(deployment.get("status") or {}, "Progressing")
        if _revision(deployment) != revision or not progressing:
            found = ("FoundNewReplicaSet", f'Found new replica set "{name}"')
            self._note_revision(deployment, revision, *found, always=False)
        return new

    def _make_new(self, deployment: Obj, mine: list[Obj], revision: int) -> Obj:
        meta, spec = deployment["metadata"], deployment["spec"]
        hash_ = pod_hash(spec["template"])
        template = clone(spec["template"])
        template["metadata"]["labels"] = {**(template["metadata"].get("labels") or {}), rollout.HASH: hash_}
        selector = clone(spec["selector"])
        selector["matchLabels"] = {**(selector.get("matchLabels") or {}), rollout.HASH: hash_}
        size = rollout.for_new(deployment, mine, 0)
        numbers = {
            rollout.DESIRED: str(rollout.replicas(deployment)),
            rollout.MAXIMUM: str(rollout.maximum(deployment)),
        }
        annotations = {**_handed_on(deployment), **numbers, rollout.REVISION: str(revision)}
        name = f"{meta['name']}-{hash_}"
        body = {
            "metadata": {
                "name": name,
                "labels": template["metadata"]["labels"],
                "annotations": annotations,
                "ownerReferences": [reference(deployment)],
            },
            "spec": {"replicas": size, "selector": selector, "template": template},
        }
        if spec.get("minReadySeconds"):
            body["spec"]["minReadySeconds"] = spec["minReadySeconds"]
        new = self.api.make(REPLICASETS, meta["namespace"], body)
        if size:
            record(
                self.api, deployment, _MANAGER, "ScalingReplicaSet", f"Scaled up replica set {name} from 0 to {size}"
            )
        created = ("NewReplicaSetCreated", f'Created new replica set "{name}"')
        self._note_revision(deployment, revision, *created, always=True)
        return new

    def _note_revision(self, deployment: Obj, revision: int, reason: str, message: str, *, always: bool) -> None:
        def edit(o: Obj) -> None:
            o["metadata"].setdefault("annotations", {})[rollout.REVISION] = str(revision)
            if always or not rollout.condition(o["status"], "Progressing"):
                rollout.put_condition(o["status"], "Progressing", "True", reason, message)

        self._change_status(deployment, edit)

    def _change_status(self, deployment: Obj, edit: Callable[[Obj], None]) -> None:
        meta = deployment["metadata"]
        how = {"subresource": "status"}
        self.api.change(DEPLOYMENTS, meta["namespace"], meta["name"], edit, **how)

    def _scale(self, deployment: Obj, replica_set: Obj, size: int) -> None:
        meta, before = replica_set["metadata"], rollout.replicas(replica_set)

        def edit(o: Obj) -> None:
            o["spec"]["replicas"] = size
            annotations = o["metadata"].setdefault("annotations", {})
            annotations[rollout.DESIRED] = str(rollout.replicas(deployment))
            annotations[rollout.MAXIMUM] = str(rollout.maximum(deployment))

        self.api.change(REPLICASETS, meta["namespace"], meta["name"], edit)
        if before != size:
            way = "up" if size > before else "down"
            text = f"Scaled {way} replica set {meta['name']} from {before} to {size}"
            record(self.api, deployment, _MANAGER, "ScalingReplicaSet", text)

    # -- rolling out -----------------------------------------------------------------------------------------------

    def _roll(self, deployment: Obj, mine: list[Obj]) -> None:
        if deployment["spec"]["strategy"]["type"] == "Recreate" and self._stop_old(deployment, mine):
            return
        new = self._find_new(deployment, mine, make=True)
        deployment = self.api.store.get(self.store, *_key(deployment)) or deployment
        if new is None:
            return
        old = [r for r in mine if r["metadata"]["uid"] != new["metadata"]["uid"]]
        size = rollout.for_new(deployment, [new, *old], rollout.replicas(new))
        if size != rollout.replicas(new):
            self._scale(deployment, new, size)
        else:
            fewer = rollout.for_old(deployment, new, old)
            for replica_set in old:
                if replica_set["metadata"]["name"] in fewer:
                    self._scale(deployment, replica_set, fewer[replica_set["metadata"]["name"]])
        # as in a real cluster the numbers are those of before it was scaled, though they claim the new generation
        self._report(deployment, new, [*old, new], progress=True)
        if rollout.is_complete(deployment, deployment.get("status") or {}):
            self._forget(deployment, old)

    def _stop_old(self, deployment: Obj, mine: list[Obj]) -> bool:
        """Recreate: scales the old ReplicaSets to nothing first; whether there is still something to wait for."""
        new = _newest(deployment, mine)
        old = [r for r in mine if r is not new]
        running = [r for r in old if rollout.replicas(r)]
        for replica_set in running:
            self._scale(deployment, replica_set, 0)
        if running or rollout.count(old, "replicas") or rollout.count(old, "terminatingReplicas"):
            self._report(deployment, new, mine, progress=True)
            return True
        return False

    def _forget(self, deployment: Obj, old: list[Obj]) -> None:
        """Deletes ReplicaSets beyond the limit of the history, oldest revision first."""
        spare = sorted(
            (r for r in old if not rollout.replicas(r) and not rollout.count([r], "replicas")), key=_revision
        )
        resource = self.api.registry.get(*REPLICASETS)
        for replica_set in spare[: max(0, len(old) - deployment["spec"]["revisionHistoryLimit"])]:
            meta = replica_set["metadata"]
            if resource and "deletionTimestamp" not in meta:
                delete(self.api, resource, meta["namespace"], meta["name"], DeleteOptions())

    def _distribute(self, deployment: Obj, new: Obj | None, mine: list[Obj]) -> None:
        """Brings the ReplicaSets to a new total: the only active one takes it, else the newest takes the difference."""
        active = [r for r in mine if rollout.replicas(r)] or ([new] if new else mine[-1:])
        total = rollout.replicas(deployment)
        if not active:
            return
        last = next((r for r in active if new and r["metadata"]["uid"] == new["metadata"]["uid"]), active[-1])
        most = total if len(active) == 1 else rollout.maximum(deployment)
        rest = sum(rollout.replicas(r) for r in active if r is not last)
        sizes = {r["metadata"]["name"]: rollout.replicas(r) if total else 0 for r in active if r is not last}
        sizes[last["metadata"]["name"]] = max(0, most - rest) if total else 0
        for replica_set in active:
            self._scale(deployment, replica_set, sizes[replica_set["metadata"]["name"]])

    def _note_pause(self, deployment: Obj) -> bool:
        """Says in a condition that a rollout is paused, or goes on; whether that was news."""
        now = rollout.condition(deployment.get("status") or {}, "Progressing")
        paused, noted = bool(deployment["spec"].get("paused")), now.get("reason") == "DeploymentPaused"
        if paused == noted or now.get("reason") == "ProgressDeadlineExceeded":
            return False
        texts = (
            ("DeploymentPaused", "Deployment is paused") if paused else ("DeploymentResumed", "Deployment is resumed")
        )
        self._change_status(deployment, lambda o: rollout.put_condition(o["status"], "Progressing", "Unknown", *texts))
        return True

    def _report(self, deployment: Obj, new: Obj | None, mine: list[Obj], *, progress: bool) -> None:
        deployment = self.api.store.get(self.store, *_key(deployment)) or deployment
        status = rollout.counted(deployment, new, mine)
        if progress and deployment["spec"].get("progressDeadlineSeconds"):
            since = parse_time(rollout.condition(status, "Progressing").get("lastUpdateTime") or "") or time.time()
            result = rollout.progress(deployment, new, status, time.time() - since)
            status = result.status
            if result.waits:
                self.again(_key(deployment), since + deployment["spec"]["progressDeadlineSeconds"] - time.time() + 0.1)

        def edit(o: Obj) -> None:
            o["status"] = status

        self._change_status(deployment, edit)


def _key(obj: Obj) -> Key:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]


def _revision(obj: Obj) -> int:
    return int((obj["metadata"].get("annotations") or {}).get(rollout.REVISION) or 0)


def _handed_on(deployment: Obj) -> dict[str, str]:
    annotations = deployment["metadata"].get("annotations") or {}
    return {k: v for k, v in annotations.items() if k not in rollout.OWN_ANNOTATIONS}


def _newest(deployment: Obj, mine: list[Obj]) -> Obj | None:
    """The oldest ReplicaSet with the template of the Deployment."""
    return next((r for r in mine if _template(r) == _template(deployment)), None)


def _template(obj: Obj) -> Obj:
    template = obj["spec"]["template"]
    meta = template.get("metadata") or {}
    labels = {k: v for k, v in (meta.get("labels") or {}).items() if k != rollout.HASH}
    return {"metadata": {**meta, "labels": labels}, "spec": template["spec"]}


def _is_scaling(deployment: Obj, mine: list[Obj]) -> bool:
    """Whether the number of replicas was changed since an active ReplicaSet was scaled."""
    for replica_set in mine:
        noted = (replica_set["metadata"].get("annotations") or {}).get(rollout.DESIRED)
        if rollout.replicas(replica_set) and noted is not None and noted != str(rollout.replicas(deployment)):
            return True
    return False
