"""Scenarios as files: what `canary_sims.scenario.reader` reads again as the same value."""

import math
from typing import Any, assert_never

import yaml

from canary_sims.faults import Fault, Plan, WakeFault
from canary_sims.scenario import types as t
from canary_sims.world import Autoscaler
from canary_sims.world.autoscaler import WINDOW_S

__all__ = ["written"]


def written(scenario: t.Scenario, *, comment: str = "") -> str:
    """The text of a scenario file.

    Args:
        scenario: What it is to say. What is as usual is left out.
        comment: Stands at its head.
    """
    head = "".join(f"# {line}".rstrip() + "\n" for line in comment.splitlines())
    return head + yaml.safe_dump(_content(scenario), sort_keys=False, default_flow_style=None, width=120)


def _content(scenario: t.Scenario) -> dict[str, Any]:
    usual = t.Scenario()
    told = (
        ("description", "description", scenario.description),
        ("initialized", "initialized", scenario.initialized),
        ("replicas", "replicas", scenario.replicas),
        ("autoscaler", "autoscaler", None if scenario.autoscaler is None else _autoscaler(scenario.autoscaler)),
        ("rate", "requestsPerSecond", scenario.rate),
        ("test_rate", "testsPerSecond", scenario.test_rate),
        ("matched_share", "matchedShare", _percent(scenario.matched_share)),
    )
    found: dict[str, Any] = {key: value for name, key, value in told if getattr(scenario, name) != getattr(usual, name)}
    app = _behaviour(scenario.behaviour, usual.behaviour)
    if scenario.revision != usual.revision:
        app["revision"] = scenario.revision
    if app:
        found["app"] = app
    found["events"] = [{"at": _span(event.at_s), **_happening(event.what)} for event in scenario.events]
    if scenario.faults:
        found["faults"] = _faults(scenario.faults)
    return {key: value for key, value in found.items() if value != []}


def _autoscaler(scaler: Autoscaler) -> dict[str, Any]:
    found: dict[str, Any] = {"minReplicas": scaler.fewest, "maxReplicas": scaler.most}
    if math.isfinite(scaler.per_pod):
        found["requestsPerSecondPerPod"] = scaler.per_pod
    if scaler.window_s != WINDOW_S:
        found["stabilizationWindow"] = _span(scaler.window_s)
    return found


def _span(seconds: float) -> str:
    return f"{seconds:.9g}s"


def _percent(share: float) -> str:
    return f"{100 * share:.9g}%"


def _ready(seconds: float) -> str:
    return "never" if math.isinf(seconds) else _span(seconds)


def _behaviour(behaviour: t.Behaviour, usual: t.Behaviour | None = None) -> dict[str, Any]:
    usual = t.Behaviour() if usual is None else usual
    found: dict[str, Any] = {}
    if behaviour.error_rate is not None and behaviour.error_rate != usual.error_rate:
        found["errorRate"] = _percent(behaviour.error_rate)
    if behaviour.latency_ms is not None and behaviour.latency_ms != usual.latency_ms:
        found["latency"] = f"{behaviour.latency_ms:.9g}ms"
    if behaviour.ready_after_s is not None and behaviour.ready_after_s != usual.ready_after_s:
        found["readyAfter"] = _ready(behaviour.ready_after_s)
    return found


def _happening(what: t.Happening) -> dict[str, Any]:
    match what:
        case t.Declare() | t.ChangeCanary() | t.CreepLatency() | t.ChangePrimary():
            return _of_app(what)
        case _:
            return _of_surroundings(what)


def _of_app(what: t.Declare | t.ChangeCanary | t.CreepLatency | t.ChangePrimary) -> dict[str, Any]:
    match what:
        case t.Declare(revision=revision, behaviour=behaviour):
            return {"declare": {"revision": revision, **_behaviour(behaviour)}}
        case t.ChangeCanary(behaviour=behaviour, crash=crash):
            return {"canary": {**_behaviour(behaviour), **({} if crash is None else {"crash": crash})}}
        case t.CreepLatency(by_ms=by_ms, every_s=every_s, up_to_ms=up_to_ms):
            limit = {} if up_to_ms is None else {"upTo": f"{up_to_ms:.9g}ms"}
            return {"latencyCreep": {"by": f"{by_ms:.9g}ms", "every": _span(every_s), **limit}}
        case t.ChangePrimary(ready_after_s=ready, crash=crash, replicas=pods):
            said = {"readyAfter": None if ready is None else _ready(ready), "crash": crash, "scale": pods}
            return {"primary": {key: value for key, value in said.items() if value is not None}}
        case _:
            assert_never(what)


def _of_surroundings(
    what: t.SetMetrics | t.AnswerHook | t.EditRoutes | t.MakeRequest | t.Suspend | t.SetRate | t.Scale | t.Delete,
) -> dict[str, Any]:
    match what:
        case t.SetMetrics(state=state):
            return {"metrics": state.value}
        case t.AnswerHook(name=name, answer=answer):
            return {"hook": {"name": name, "answer": answer.value}}
        case t.EditRoutes(canary_weight=weight):
            return {"routes": {"canaryWeight": weight}}
        case t.MakeRequest(verb=verb):
            return {"request": verb.value}
        case t.Suspend(on=on):
            return {"suspend": on}
        case t.SetRate(rate=rate):
            return {"requestsPerSecond": rate}
        case t.Scale(replicas=replicas):
            return {"scale": replicas}
        case t.Delete():
            return {"delete": True}
        case _:
            assert_never(what)


def _faults(plan: Plan) -> list[dict[str, Any]]:
    every: list[dict[str, Any]] = [{"every": each.every, "kind": each.kind.value} for each in plan.standing]
    return [*map(_fault, plan.faults), *every]


def _fault(fault: Fault) -> dict[str, Any]:
    """What is as usual, or means nothing for this kind, is said nevertheless: it is meant to be read by tools."""
    if isinstance(fault, WakeFault):
        return {"wakeUp": fault.wake, "kind": fault.kind.value, "lasts": _span(fault.for_s)}
    return {"call": fault.call, "kind": fault.kind.value, "depth": fault.depth, "lasts": _span(fault.for_s)}
