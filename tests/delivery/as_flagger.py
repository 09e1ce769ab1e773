"""What Flagger does first with objects that it finds, as it was seen to do (1.44.0, on kube-apiserver 1.36.3).

The few rules that decide whether going back to it is harmless. Each was played with the real one on objects that the
controller had left; docs/from-flagger.md says what came of it.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, Final

from delivery.merging import Obj

__all__ = ["First", "broken_fields", "first_of", "lost_ports", "lost_routes", "requests_to_nobody"]

NOT_ITS_OWN: Final = "v1:"
"""How fingerprints begin that it cannot compare with its own."""
_OF_CONDITIONS: Final = ("type", "status", "reason", "message", "lastUpdateTime", "lastTransitionTime")
"""Fields of a condition that it reads; it passes over all others."""
_WHOLE: Final = ("failedChecks", "canaryWeight", "iterations")
_TEXTS: Final = (
    "phase",
    "lastAppliedSpec",
    "lastPromotedSpec",
    "lastTransitionTime",
    "sessionAffinityCookie",
    "primarySessionAffinityCookie",
    "previousSessionAffinityCookie",
)


class First(enum.Enum):
    """What becomes of a Canary at its first look."""

    INITIALISES = "takes the primary as it is and the declared revision for promoted; scales the target to zero"
    RESTS = "nothing"
    ANALYSES = "analyses the declared revision from weight 0, whether it was promoted or had failed"
    GOES_ON = "returns the traffic to the primary, then analyses the declared revision once more"


def first_of(canary: Obj, tracked: Mapping[str, str] | None = None) -> First:
    """What it does.

    Args:
        canary: The Canary.
        tracked: Checksums of the target's ConfigMaps and Secrets, as Flagger computes them.
    """
    status = canary.get("status") or {}
    phase = status.get("phase") or ""
    if phase in {"", "Initializing"}:
        return First.INITIALISES
    if phase in {"Promoting", "Finalising"}:
        return First.GOES_ON
    known = not status.get("lastAppliedSpec", NOT_ITS_OWN).startswith(NOT_ITS_OWN)
    configs = status.get("trackedConfigs")
    same = not tracked if configs is None else configs == (tracked or {})
    return First.RESTS if known and same and phase in {"Initialized", "Succeeded", "Failed"} else First.ANALYSES


def requests_to_nobody(canary: Obj, target: Obj, routes: Obj) -> list[int]:
    """Percent of requests, by route, that go to Pods which it removes as it initialises.

    It keeps the weights that it finds in routes, and initialising it looks at them no more.
    """
    if first_of(canary) is not First.INITIALISES:
        return []
    name = f"{target['metadata']['name']}-canary"
    ways = [to for route in routes["spec"]["http"] for to in route["route"]]
    return [to["weight"] for to in ways if to["destination"]["host"] == name and to.get("weight")]


def lost_ports(canary: Obj, service: Obj) -> list[int]:
    """Ports of a Service that it takes away: all but the one that is declared, without ``portDiscovery``."""
    declared = canary["spec"]["service"]["port"]
    return [port["port"] for port in service["spec"]["ports"] if port["port"] != declared]


def lost_routes(canary: Obj, routes: Obj) -> list[Any]:
    """Routes that it takes away: all that send to neither of its backends."""
    name = canary["spec"]["targetRef"]["name"]
    ours = {f"{name}-primary", f"{name}-canary"}
    return [
        route
        for route in routes["spec"]["http"]
        if not any(to["destination"]["host"] in ours for to in route.get("route") or ())
    ]


def broken_fields(canary: Obj) -> list[str]:
    """Fields of a status that it could not read; one of them would keep it from all Canaries of the cluster."""
    status = canary.get("status") or {}
    kinds: list[tuple[str, Any]] = [*((each, int) for each in _WHOLE), *((each, str) for each in _TEXTS)]
    found = [key for key, kind in kinds if key in status and type(status[key]) is not kind]
    tracked, conditions = status.get("trackedConfigs") or {}, status.get("conditions") or []
    found += [f"trackedConfigs.{key}" for key, value in tracked.items() if type(value) is not str]
    known = [(key, each[key]) for each in conditions for key in _OF_CONDITIONS if key in each]
    return [*found, *(f"conditions.{key}" for key, value in known if type(value) is not str)]
