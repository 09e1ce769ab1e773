# ruff: noqa: D102
# `keys` and `look` are described in `Controller`.
"""HorizontalPodAutoscalers without metrics: they keep their target between the least and the most replicas."""

from __future__ import annotations

import time

from canary_lab.cluster.api import Api
from canary_lab.cluster.clock import timestamp
from canary_lab.cluster.controllers.base import Controller, Loop, record
from canary_lab.cluster.controllers.kubelet import Timing
from canary_lab.cluster.store import Key, Obj

SCALERS = ("autoscaling", "v2", "horizontalpodautoscalers")
_MANAGER = "horizontal-pod-autoscaler"


class Autoscaler(Controller):
    """Looks at each autoscaler once in a while, as a real one does."""

    store = "autoscaling/horizontalpodautoscalers"

    def __init__(self, api: Api, loop: Loop, timing: Timing) -> None:
        super().__init__(api, loop)
        self._every = timing.autoscaler
        self._due: dict[Key, float] = {}
        """When each is looked at next."""

    def look(self, key: Key) -> None:
        scaler = self.api.store.get(self.store, *key)
        if scaler is None:
            self._due.pop(key, None)
            return
        now = time.monotonic()
        due = self._due.setdefault(key, now + self._every)
        if now < due:
            self.again(key, due - now)  # a change makes it no earlier
            return
        self._due[key] = now + self._every
        self.again(key, self._every)
        self._sync(scaler)

    def _sync(self, scaler: Obj) -> None:
        meta, spec = scaler["metadata"], scaler["spec"]
        target, namespace = spec["scaleTargetRef"], meta["namespace"]
        resource = self.api.registry.of_kind(target.get("apiVersion", ""), target["kind"])
        found = resource and self.api.store.get(resource.store, namespace, target["name"])
        if resource is None or not found:
            self._report(scaler, 0, 0, able="FailedGetScale")
            return
        has = found["spec"].get("replicas", 1)
        wanted = min(max(has, spec["minReplicas"]), spec["maxReplicas"]) if has else 0

        def scale(o: Obj) -> None:
            o["spec"]["replicas"] = wanted

        if wanted != has:
            which = "below Spec.MinReplicas" if wanted > has else "above Spec.MaxReplicas"
            kind = (resource.group, resource.version, resource.plural)
            self.api.change(kind, namespace, target["name"], scale, manager=_MANAGER, subresource="scale")
            record(
                self.api,
                scaler,
                _MANAGER,
                "SuccessfulRescale",
                f"New size: {wanted}; reason: Current number of replicas {which}",
            )
        self._report(scaler, (found.get("status") or {}).get("replicas", 0), wanted, able="SucceededGetScale")

    def _report(self, scaler: Obj, current: int, desired: int, *, able: str) -> None:
        status = "False" if able.startswith("Failed") else "True"
        old = {c["type"]: c for c in scaler["status"].get("conditions") or ()}
        facts = [("AbleToScale", status, able), ("ScalingActive", "False", "FailedGetResourceMetric")]

        def edit(o: Obj) -> None:
            o["status"] |= {"currentReplicas": current, "desiredReplicas": desired}
            o["status"]["conditions"] = [
                old[t]
                if t in old and (old[t]["status"], old[t]["reason"]) == (s, r)
                else {"type": t, "status": s, "lastTransitionTime": timestamp(), "reason": r, "message": ""}
                for t, s, r in facts
            ]

        meta = scaler["metadata"]
        self.api.change(SCALERS, meta["namespace"], meta["name"], edit, manager=_MANAGER, subresource="status")
