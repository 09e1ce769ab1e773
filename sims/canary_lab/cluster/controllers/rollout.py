"""The arithmetic of rollouts: how many replicas each ReplicaSet gets, and what the status of a Deployment says.

Pure functions.
"""

from __future__ import annotations

import math
from typing import Any

from attrs import frozen

from canary_lab.cluster.clock import timestamp
from canary_lab.cluster.store import Obj

DESIRED = "deployment.kubernetes.io/desired-replicas"
MAXIMUM = "deployment.kubernetes.io/max-replicas"
REVISION = "deployment.kubernetes.io/revision"
HISTORY = "deployment.kubernetes.io/revision-history"
HASH = "pod-template-hash"
OWN_ANNOTATIONS = {DESIRED, MAXIMUM, REVISION, HISTORY, "kubectl.kubernetes.io/last-applied-configuration"}


def replicas(obj: Obj) -> int:
    """The replicas that a spec asks for."""
    return int(obj["spec"].get("replicas", 1))


def count(replica_sets: list[Obj], name: str) -> int:
    """A number of the status, summed up."""
    return sum((r.get("status") or {}).get(name) or 0 for r in replica_sets)


def wanted(replica_sets: list[Obj]) -> int:
    """The replicas that all specs ask for."""
    return sum(replicas(r) for r in replica_sets)


def bounds(deployment: Obj) -> tuple[int, int]:
    """How many Pods may be too many and how many may be missing while a Deployment rolls out."""
    strategy = deployment["spec"]["strategy"]
    if strategy["type"] != "RollingUpdate":
        return 0, 0
    rolling, total = strategy.get("rollingUpdate") or {}, replicas(deployment)
    surge = _share(rolling.get("maxSurge", 0), total, up=True)
    missing = _share(rolling.get("maxUnavailable", 0), total, up=False)
    return surge, min(total, 1 if surge == missing == 0 else missing)


def _share(value: Any, total: int, *, up: bool) -> int:
    if not isinstance(value, str):
        return int(value)
    part = int(value.rstrip("%")) * total / 100
    return math.ceil(part) if up else math.floor(part)


def maximum(deployment: Obj) -> int:
    """The most replicas that a Deployment may have at a time."""
    return replicas(deployment) + bounds(deployment)[0] if replicas(deployment) else 0


def for_new(deployment: Obj, everything: list[Obj], has: int) -> int:
    """The replicas that the new ReplicaSet gets now, which has so many."""
    if deployment["spec"]["strategy"]["type"] != "RollingUpdate" or has >= replicas(deployment):
        return replicas(deployment)
    room = replicas(deployment) + bounds(deployment)[0] - wanted(everything)
    return has if room <= 0 else has + min(room, replicas(deployment) - has)


def for_old(deployment: Obj, new: Obj, old: list[Obj]) -> dict[str, int]:
    """The replicas that old ReplicaSets get now, by name; only those that change. Ill ones go first."""
    total, least = wanted([new, *old]), replicas(deployment) - bounds(deployment)[1]
    room = total - least - (replicas(new) - count([new], "availableReplicas"))
    if room <= 0 or not wanted(old):
        return {}
    now = {r["metadata"]["name"]: replicas(r) for r in old}
    for r in old:
        name = r["metadata"]["name"]
        ill = min(room, now[name] - count([r], "availableReplicas"))
        if ill > 0:
            now[name] -= ill
            room -= ill
    spare = count([new, *old], "availableReplicas") - least
    for r in old:
        name = r["metadata"]["name"]
        less = min(now[name], max(0, spare))
        now[name] -= less
        spare -= less
    return {r["metadata"]["name"]: now[r["metadata"]["name"]] for r in old if now[r["metadata"]["name"]] != replicas(r)}


@frozen
class Status:
    """A new status of a Deployment, and whether its rollout still waits for the deadline."""

    status: Obj
    waits: bool = False


def counted(deployment: Obj, new: Obj | None, everything: list[Obj]) -> Obj:
    """The numbers of the status and whether it is available."""
    available = count(everything, "availableReplicas")
    numbers = {
        "replicas": count(everything, "replicas"),
        "updatedReplicas": count([new], "replicas") if new else 0,
        "readyReplicas": count(everything, "readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(0, wanted(everything) - available),
    }
    status: Obj = {
        "observedGeneration": deployment["metadata"]["generation"],
        **{k: v for k, v in numbers.items() if v},
    }
    status["terminatingReplicas"] = count(everything, "terminatingReplicas")
    status["conditions"] = list((deployment.get("status") or {}).get("conditions") or ())
    if available >= replicas(deployment) - bounds(deployment)[1]:
        put_condition(status, "Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    else:
        message = "Deployment does not have minimum availability."
        put_condition(status, "Available", "False", "MinimumReplicasUnavailable", message)
    return status


def progress(deployment: Obj, new: Obj | None, status: Obj, seconds_still: float) -> Status:
    """The status with its Progressing condition; `seconds_still` says for how long nothing has moved."""
    old = deployment.get("status") or {}
    now = condition(status, "Progressing")
    name = f'ReplicaSet "{new["metadata"]["name"]}"' if new else "ReplicaSet"
    done = now.get("reason") == "NewReplicaSetAvailable" and status.get("replicas") == status.get("updatedReplicas")
    if done:
        return Status(status)
    if is_complete(deployment, status):
        put_condition(status, "Progressing", "True", "NewReplicaSetAvailable", f"{name} has successfully progressed.")
        return Status(status)
    if _moved(old, status):
        put_condition(status, "Progressing", "True", "ReplicaSetUpdated", f"{name} is progressing.", renew=True)
    elif now and now["reason"] not in ("NewReplicaSetAvailable", "ProgressDeadlineExceeded"):
        if seconds_still <= deployment["spec"]["progressDeadlineSeconds"]:
            return Status(status, waits=True)
        put_condition(status, "Progressing", "False", "ProgressDeadlineExceeded", f"{name} has timed out progressing.")
    return Status(status, waits=True)


def is_complete(deployment: Obj, status: Obj) -> bool:
    """Whether all Pods are new and available, and no old one is left."""
    total = replicas(deployment)
    same = all(status.get(k, 0) == total for k in ("replicas", "updatedReplicas", "availableReplicas"))
    return same and bool(status.get("observedGeneration", 0) >= deployment["metadata"]["generation"])


def _moved(old: Obj, new: Obj) -> bool:
    def remaining(s: Obj) -> int:
        return int(s.get("replicas", 0) - s.get("updatedReplicas", 0))

    rose = any(new.get(k, 0) > old.get(k, 0) for k in ("updatedReplicas", "readyReplicas", "availableReplicas"))
    return rose or remaining(new) < remaining(old)


def condition(status: Obj, type_: str) -> Obj:
    """A condition, or an empty one."""
    return next((c for c in status.get("conditions") or () if c["type"] == type_), {})


def put_condition(status: Obj, type_: str, value: str, reason: str, message: str, *, renew: bool = False) -> None:
    """Sets a condition; one that says the same keeps its place and times, unless `renew`."""
    old = condition(status, type_)
    if old and (old["status"], old["reason"]) == (value, reason) and not renew:
        return
    now = timestamp()
    changed = old["lastTransitionTime"] if old.get("status") == value else now
    times = {"lastUpdateTime": now, "lastTransitionTime": changed}
    fresh = {"type": type_, "status": value, **times, "reason": reason, "message": message}
    status["conditions"] = [c for c in status.get("conditions") or () if c["type"] != type_] + [fresh]
