# ruff: noqa: ARG002, D102
# Hooks take what some kind needs; they are described in `Strategy`.
"""Deployments, ReplicaSets and the other owners of Pods."""

from __future__ import annotations

import re

from canary_lab.cluster.errors import Cause, forbidden, invalid, required
from canary_lab.cluster.kinds.base import Obj, Strategy, immutable
from canary_lab.cluster.kinds.pods import check_pod_spec, default_template, pod_warnings
from canary_lab.cluster.selectors import check_object, from_object, matches


class WorkloadStrategy(Strategy):
    """An object with a selector and a template of Pods."""

    counts_generation = True

    def default(self, obj: Obj) -> None:
        default_template(obj["spec"]["template"])
        obj["spec"].setdefault("revisionHistoryLimit", 10)

    def check(self, obj: Obj) -> list[Cause]:
        spec, found = obj["spec"], []
        if spec.get("replicas", 0) < 0:
            found.append(invalid("spec.replicas", spec["replicas"], "must be greater than or equal to 0"))
        labels = (spec["template"].get("metadata") or {}).get("labels")
        if spec.get("selector") is None:
            found.append(required("spec.selector"))
        elif wrong := check_object(spec["selector"], "spec.selector"):
            return found + wrong
        if not spec.get("selector") or not matches(from_object(spec["selector"]), labels):
            why = "`selector` does not match template `labels`"
            found.append(invalid("spec.template.metadata.labels", labels, why))
        return found + check_pod_spec(spec["template"]["spec"], "spec.template.spec")

    def check_update(self, new: Obj, old: Obj) -> list[Cause]:
        return self.check(new) + immutable(new, old, "spec", "selector")

    def warnings(self, obj: Obj) -> list[str]:
        return pod_warnings(obj["spec"]["template"]["spec"], "spec.template.spec")


class ReplicaSetStrategy(WorkloadStrategy):
    """A ReplicaSet."""

    def default(self, obj: Obj) -> None:
        default_template(obj["spec"]["template"])
        obj["spec"].setdefault("replicas", 1)


class DeploymentStrategy(WorkloadStrategy):
    """A Deployment. Its annotations count as a new generation too, as they are handed on to ReplicaSets."""

    status_takes_annotations = True

    def default(self, obj: Obj) -> None:
        super().default(obj)
        spec = obj["spec"]
        spec.setdefault("replicas", 1)
        spec.setdefault("progressDeadlineSeconds", 600)
        strategy = spec.setdefault("strategy", {})
        strategy.setdefault("type", "RollingUpdate")
        if strategy["type"] == "RollingUpdate":
            rolling = strategy.setdefault("rollingUpdate", {})
            rolling.setdefault("maxUnavailable", "25%")
            rolling.setdefault("maxSurge", "25%")

    def check(self, obj: Obj) -> list[Cause]:
        return super().check(obj) + _check_rollout(obj["spec"]["strategy"])

    def check_status(self, new: Obj, old: Obj) -> list[Cause]:
        names = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
        counts = {f"status.{name}": new["status"].get(name, 0) for name in names}
        total = counts["status.replicas"]
        low = [invalid(f, n, "must be greater than or equal to 0") for f, n in counts.items() if n < 0]
        return low + [invalid(f, n, "cannot be greater than status.replicas") for f, n in counts.items() if n > total]

    def generation_rises(self, new: Obj, old: Obj) -> bool:
        annotations = new["metadata"].get("annotations") or {}
        changed = annotations != (old["metadata"].get("annotations") or {})
        return changed or super().generation_rises(new, old)


def _check_rollout(strategy: Obj) -> list[Cause]:
    rolling = strategy.get("rollingUpdate")
    if strategy["type"] == "Recreate" and rolling is not None:
        why = "may not be specified when strategy `type` is 'Recreate'"
        return [forbidden("spec.strategy.rollingUpdate", why)]
    found = []
    for name in ("maxUnavailable", "maxSurge"):
        value = (rolling or {}).get(name)
        if isinstance(value, str) and not re.fullmatch(r"\d+%", value):
            why = (
                "a valid percent string must be a numeric string followed by an ending '%' "
                "(e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"
            )
            found.append(invalid(f"spec.strategy.rollingUpdate.{name}", value, why))
        elif isinstance(value, int) and value < 0:
            found.append(invalid(f"spec.strategy.rollingUpdate.{name}", value, "must be greater than or equal to 0"))
    if rolling and all(str(rolling.get(n)) in ("0", "0%") for n in ("maxUnavailable", "maxSurge")):
        why = "may not be 0 when `maxSurge` is 0"
        found.append(invalid("spec.strategy.rollingUpdate.maxUnavailable", rolling["maxUnavailable"], why))
    return found
