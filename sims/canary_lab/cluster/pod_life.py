"""What becomes of a Pod in which nothing runs: the statuses that a kubelet would report, and when.

A Pod says by itself what is to become of it:

- an image that ends in ``:broken`` is never pulled, one that ends in ``:crash`` ends again and again;
- the annotation ``verify/ready: never`` keeps it from being ready (also later on), ``verify/ready: pending`` leaves it
  without a node, ``verify/ready-after: 3s`` lets it take its time to become ready;
- ``verify/stop-after: 3s`` lets it take its time to stop.
"""

from __future__ import annotations

import re
from typing import Final

from attrs import frozen

from canary_lab.cluster.clock import timestamp
from canary_lab.cluster.store import Obj

__all__ = ["Fate", "begun", "fate_of", "gone_on", "pod_status", "with_condition"]

READY, READY_AFTER, STOP_AFTER = "verify/ready", "verify/ready-after", "verify/stop-after"
_UNREADY: Final = {"reason": "ContainersNotReady"}
_SECONDS: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)s")
_HOST: Final = "10.0.0.1"


@frozen(kw_only=True)
class Fate:
    """What is to become of a Pod."""

    scheduled: bool
    """It gets a node."""
    ready: bool
    """Its containers are ready as soon as they run."""
    pulled: bool
    """Its image can be pulled."""
    crashes: bool
    """Its containers end soon after they began."""
    ready_after_s: float | None
    """From its begin until it runs. None: as long as others."""
    stop_after_s: float | None
    """From its deletion until it is gone. None: as long as others."""


def fate_of(pod: Obj) -> Fate:
    """What a Pod says of itself, see above."""
    annotations = pod["metadata"].get("annotations") or {}
    images = [str(container.get("image", "")) for container in pod["spec"]["containers"]]
    said = annotations.get(READY)
    return Fate(
        scheduled=said != "pending",
        ready=said not in ("never", "pending"),
        pulled=not any(image.endswith(":broken") for image in images),
        crashes=any(image.endswith(":crash") for image in images),
        ready_after_s=_seconds(annotations.get(READY_AFTER)),
        stop_after_s=_seconds(annotations.get(STOP_AFTER)),
    )


def _seconds(text: str | None) -> float | None:
    match = _SECONDS.fullmatch(text or "")
    return float(match[1]) if match else None


def begun(pod: Obj, address: str) -> Obj:
    """The status of a Pod on a node, as soon as it has an address: its containers wait."""
    reason = "ContainerCreating" if fate_of(pod).pulled else "ImagePullBackOff"
    waiting = {"state": {"waiting": {"reason": reason}}, "ready": False, "started": False}
    status = pod_status(pod, "Pending", waiting)
    status |= {"hostIP": _HOST, "hostIPs": [{"ip": _HOST}], "startTime": timestamp()}
    return {**status, "podIP": address, "podIPs": [{"ip": address}]}


def gone_on(pod: Obj) -> Obj | None:
    """The status of a Pod that has begun, once its containers have run. None: there is nothing new to report."""
    fate = fate_of(pod)
    if not fate.pulled:
        return None
    ready = fate.ready and not fate.crashes
    containers = pod["status"].get("containerStatuses") or [{"ready": not ready}]
    if pod["status"]["phase"] == "Running" and all(container["ready"] == ready for container in containers):
        return None
    state = _crashed(pod) if fate.crashes else _running(pod, ready=ready)
    return pod_status(pod, "Running", state)


def _running(pod: Obj, *, ready: bool) -> Obj:
    return {"state": {"running": {"startedAt": pod["status"].get("startTime")}}, "ready": ready, "started": True}


def _crashed(pod: Obj) -> Obj:
    ended = {"exitCode": 1, "reason": "Error", "startedAt": pod["status"].get("startTime"), "finishedAt": timestamp()}
    waiting = {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container"}
    return {
        "state": {"waiting": waiting},
        "lastState": {"terminated": ended},
        "restartCount": 1,
        "ready": False,
        "started": False,
    }


def pod_status(pod: Obj, phase: str, state: Obj) -> Obj:
    """The status of a Pod all of whose containers are in one state.

    Args:
        pod: As it was; conditions that stay keep their times.
        phase: Such as ``Running``.
        state: Fields of a container's status; ``ready`` is needed.
    """
    old = {c["type"]: c for c in pod["status"].get("conditions") or ()}
    ready = bool(state["ready"])
    wanted = {
        "PodReadyToStartContainers": True,
        "Initialized": True,
        "ContainersReady": ready,
        "Ready": ready,
        "PodScheduled": True,
    }
    conditions = [
        old[t] if t in old and old[t]["status"] == str(r) else _condition(t, ready=r) for t, r in wanted.items()
    ]
    containers = [
        {
            "name": c["name"],
            "image": c["image"],
            "imageID": f"sha256:{c['image']}",
            "restartCount": 0,
            "lastState": {},
            **state,
        }
        for c in pod["spec"]["containers"]
    ]
    return {**pod["status"], "phase": phase, "conditions": conditions, "containerStatuses": containers}


def with_condition(pod: Obj, type_: str) -> Obj:
    """The status of a Pod of which nothing is known but one condition, which is true."""
    return {**pod["status"], "conditions": [_condition(type_, ready=True)]}


def _condition(type_: str, *, ready: bool) -> Obj:
    reason = _UNREADY if not ready and type_ in ("ContainersReady", "Ready") else {}
    return {"type": type_, "status": str(ready), "lastProbeTime": None, "lastTransitionTime": timestamp(), **reason}
