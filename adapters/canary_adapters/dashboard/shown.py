"""Canary objects as the page shows them: JSON of plain texts and finite numbers, whatever stands in the objects.

Nothing is decided here: phase, reason, what is waited for, the forecast and the answer to a request are read where the
commands for people read them (`canary_adapters.steering`).
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from canary_adapters.dashboard.record import recorded
from canary_adapters.dashboard.seen import Point
from canary_adapters.kubernetes.resources import Obj
from canary_adapters.plain_text import one_line
from canary_adapters.steering.following import Look, Workload
from canary_adapters.steering.outlook import described, outlook
from canary_adapters.steering.view import Asked, CanaryView
from canary_core import Forecast, Policy, Standing

__all__ = ["detail", "looked", "summary"]

_EVENTS: Final = 50
_LONGEST_IMAGE: Final = 512
_STAGES: Final = 200


def summary(obj: Obj) -> Obj:
    """A canary as a line of the list."""
    view = CanaryView.of(obj)
    return {
        "namespace": view.namespace,
        "name": view.name,
        "uid": view.uid,
        "phase": view.phase,
        "weight": view.weight,
        "failed": view.failed,
        "threshold": view.threshold,
        "health": _health(obj.get("status")),
        "reason": view.reason if view.reason != view.phase else "",
        "message": view.message,
        "waits_for": view.waits_for,
        "since_s": view.since_s,
        "is_over": view.is_over,
    }


def detail(obj: Obj, points: Iterable[Point], now_s: float) -> Obj:
    """All that one canary says of itself.

    Args:
        obj: The canary.
        points: What was seen of its rollout.
        now_s: The present time, seconds since the epoch.
    """
    view = CanaryView.of(obj)
    return {
        **summary(obj),
        "target": f"{view.target_kind}/{view.target}",
        "provider": view.provider,
        "applied": view.applied,
        "promoted": view.promoted,
        "created_s": view.created_s,
        "request": _asked(view.asked),
        "outlook": _outlook(obj, now_s),
        "record": recorded(obj.get("status")),
        "seen": [_point(each) for each in points],
    }


def looked(look: Look) -> Obj:
    """What beside the canary itself was looked at: its workloads and events."""
    return {
        "workloads": {"primary": _workload(look.primary), "canary": _workload(look.canary)},
        "events": [
            {"at_s": each.at_s, "count": each.count, "is_warning": each.is_warning, "text": each.text}
            for each in look.events[-_EVENTS:]
        ],
    }


def _health(status: object) -> str:
    """What the controller says of it to tools that wait (`canary_core.standing`). Empty: nobody has said it."""
    given = status.get("conditions") if isinstance(status, dict) else None
    conditions = [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []
    true = {each["type"] for each in conditions if each.get("status") == "True" and isinstance(each.get("type"), str)}
    order = (Standing.STALLED, Standing.RECONCILING, Standing.READY)
    return next((each.value for each in order if each.value in true), "")


def _point(point: Point) -> Obj:
    return {"at_s": point.at_s, "phase": point.phase, "weight": point.weight, "failed": point.failed}


def _asked(asked: Asked | None) -> Obj | None:
    if asked is None:
        return None
    reply = asked.reply.value if asked.reply is not None else ""
    return {"text": asked.text, "answered": asked.answered, "reply": reply}


def _workload(workload: Workload) -> Obj:
    images = one_line(", ".join(workload.images), _LONGEST_IMAGE)
    return {"name": workload.name, "images": images, "ready": workload.ready, "wanted": workload.wanted}


def _outlook(obj: Obj, now_s: float) -> Mapping[str, Any]:
    found = outlook(obj, now_s)
    if isinstance(found, str):
        return {"unknown": found}
    return {
        "at_best": _forecast(found.at_best, found.policy),
        "at_worst": _forecast(found.at_worst, found.policy),
        "as_now": _forecast(found.as_now, found.policy) if found.as_now is not None else None,
    }


def _forecast(found: Forecast, policy: Policy) -> Obj:
    stages = [
        {
            "at_s": each.at_s,
            "phase": each.phase.value,
            "weight": each.traffic.canary_weight,
            "text": described(each, policy),
        }
        for each in found.stages[:_STAGES]
    ]
    return {"over_s": found.over_s, "ends": found.stages[-1].phase.value, "stages": stages}
