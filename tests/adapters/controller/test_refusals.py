"""A refusal is one write: whatever is refused, in whatever phase, it is said once, and tried again ever less often."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import pytest
import structlog
from structlog.testing import capture_logs

from campaigns.stories import APP, CANARIES, PLACE, canary, deployment, password, service, settings, weight_of
from canary_adapters.controller.options import Options
from laboratories.quiet_control import QuietControl
from laboratories.quiet_server import Obj, QuietServer
from stories.reasons import reasons
from stories.refusals import BEFORE, EXEMPT, REFUSALS, Refused

INTERVAL_S = 60.0
INTERVALS = 10
DEADLINE_S = 10
MOST = 3
"""Events in so many intervals, and writes, besides objects that are made and so need not be made again."""
CREATED = 201
SHOWS_S = 900.0
SETTLES = 30
"""Intervals after which whatever was under way has ended."""
SETTLED = ("Initialized", "Succeeded", "Failed")
GATES = {"Waiting": "http://gate/rollout", "WaitingPromotion": "http://gate/promotion"}
"""The gate that is closed in a phase. Which question it is is stored before each one, so that it is asked once."""
HOOKS = [
    {"name": "rollout", "type": "confirm-rollout", "url": GATES["Waiting"]},
    {"name": "promotion", "type": "confirm-promotion", "url": GATES["WaitingPromotion"]},
]
CANARY = canary(service={"timeout": "5s"}, analysis={"webhooks": HOOKS})
TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def _objects(*more: Obj) -> QuietServer:
    server = QuietServer()
    server.namespace(PLACE)
    for obj in (settings(), password(), deployment(), service(), *more):
        server.apply(obj)
    server.settle()
    server.now_s += 10.0
    server.settle()
    return server


@cache
def _at(phase: str) -> QuietServer:
    """The application in a phase; not to be changed, but forked."""
    server = _objects()
    if phase == "Initializing":
        server.never_ready.add(f"{APP}-primary")
    server.apply(CANARY)
    with capture_logs(), _control(server, phase) as control:
        _until(control, "Initializing" if phase == "Initializing" else "Initialized")
        if phase not in {"Initializing", "Initialized"}:
            _image(server)
            if phase == "Promoting":
                server.never_ready.add(f"{APP}-primary")
            _until(control, phase)
    return server


def _control(server: QuietServer, phase: str, options: Options | None = None) -> QuietControl:
    """A controller in a world that keeps a canary in a phase for as long as may be."""
    control = QuietControl(server, options)
    control.success_rate = 0.0 if phase == "Failed" else 100.0
    control.closed |= {GATES[phase]} if phase in GATES else set()
    return control


def _image(server: QuietServer) -> None:
    def change(obj: Obj) -> None:
        obj["spec"]["template"]["spec"]["containers"][0]["image"] = "example.com/app:v2"

    server.edit(("apps", "v1", "deployments"), PLACE, APP, change)


def _until(control: QuietControl, phase: str) -> None:
    for _ in range(2000):
        status = _status(control.server)
        if status.get("phase") == phase and (phase != "Progressing" or status.get("canaryWeight") == 20):
            return
        control.run(1.0)
    raise AssertionError(f"{phase} is not reached: {_status(control.server)}")


def _status(server: QuietServer) -> Obj:
    found = server.get("flagger.app/canaries", PLACE, APP) or {}
    status: Obj = found.get("status") or {}
    return status


def _condition(server: QuietServer) -> Obj:
    found = (_status(server).get("conditions") or [{}])[0]
    return dict(found)


def _caused(refused: Refused, phase: str) -> QuietServer:
    if phase != BEFORE:
        server = _at(phase).fork()
        refused.cause(server)
    elif refused.first:
        server = _objects()
        refused.cause(server)
        server.apply(CANARY)
    else:
        server = _objects(CANARY)
        refused.cause(server)
    return server


SHARE: Final = 1 if os.environ.get("CANARY_REFUSALS") == "all" else 3
"""Of the cases every third is played, so that each phase and each reason has some; with that variable all are."""
CASES = [
    pytest.param(refused, phase, id=f"{number}-{refused.reason}-{phase or 'beginning'}")
    for number, refused in enumerate(REFUSALS)
    for turn, phase in enumerate(refused.possible)
    if (number + turn) % SHARE == 0 or len(refused.possible) == 1
]


@pytest.mark.slow
@pytest.mark.parametrize(("refused", "phase"), CASES)
def test_a_refusal_is_one_write(refused: Refused, phase: str) -> None:
    """Whatever is refused in whatever phase, and where a cause is in nobody's way, that costs nothing, either."""
    server = _caused(refused, phase)
    with capture_logs() as logs, _control(server, phase, refused.options) as control:
        begun_s, said = control.now_s(), None
        if phase in refused.shows:
            while _condition(server).get("reason") != refused.reason:
                assert control.now_s() - begun_s < SHOWS_S, f"it shows {_condition(server)}"
                _run(control, 5.0)
            said = _condition(server)["message"]
        if phase not in {BEFORE, *SETTLED} or refused.first or said is None:  # what is under way goes on to its end
            _run(control, SETTLES * INTERVAL_S)
        shown_s = control.now_s()
        _run(control, INTERVALS * INTERVAL_S)
        told = control.since(shown_s)
        writes = [request for request in told if request.is_write and request.status != CREATED]
        assert len(writes) <= MOST + (INTERVALS if phase in GATES else 0), writes
        assert sum(request.is_event for request in told) <= MOST, told
        if said is not None:
            _is_shown_and_told_once(server, refused, said, logs)
        first_hour = len(control.requests)
        control.run(3600.0)
        assert len(control.requests) - first_hour <= (120 if phase in GATES else 60), "a handful in a minute, and less"


def _run(control: QuietControl, seconds: float) -> None:
    """Let time pass, in which the status says what flows."""
    server, end = control.server, control.now_s() + seconds
    while control.now_s() < end:
        control.run(5.0)
        flows, shown = weight_of(server), _status(server).get("canaryWeight", 0)
        assert flows in {None, shown}, f"{flows} flow, and {shown} are shown: {_condition(server)}"


def _is_shown_and_told_once(server: QuietServer, refused: Refused, said: str, logs: list[Any]) -> None:
    condition = _condition(server)
    shown = (condition["reason"], condition["status"], _column(server, "Reason"))
    assert refused.passes or shown == (refused.reason, "False", refused.reason)
    assert [line["log_level"] for line in logs if said in (line["event"], line.get("error"))] == ["warning"], logs
    assert [event["count"] for event in _events(server) if event["message"] == said] == [1]


def _events(server: QuietServer) -> list[Obj]:
    return [obj for name, _, obj in server.store.everything() if name == "core/events"]


def _column(server: QuietServer, name: str) -> str:
    """As kubectl shows it."""
    path = f"/apis/flagger.app/v1beta1/namespaces/{PLACE}/canaries/{APP}"
    table: Any = server.request("GET", path, headers=TABLE).content
    names = [column["name"] for column in table["columnDefinitions"]]
    return str(table["rows"][0]["cells"][names.index(name)])


@pytest.mark.slow
def test_what_is_refused_stops_nothing_else_and_is_tried_at_once_when_somebody_declares_anything() -> None:
    server = _at("Progressing").fork()
    next(each for each in REFUSALS if each.reason == "Forbidden").cause(server)
    with capture_logs(), QuietControl(server) as control:
        control.run(100.0)
        assert _condition(server)["reason"] == "Forbidden"
        _annotate(server, "canary-core/request", "abort/1")
        control.run(5.0)
        assert _status(server)["phase"] == "Failed"
        assert (weight_of(server), _status(server)["canaryWeight"]) == (20, 20), "what flows is what is shown"
        tried = [request for request in control.requests if request.what == "virtualservices" and request.is_write]
        assert len(tried) == 2, "the next step, and the way back"
        server.api.admissions.clear()
        _annotate(server, "example.com/mended", "yes")
        control.run(5.0)
        assert (weight_of(server), _status(server)["canaryWeight"]) == (0, 0)
        assert _condition(server)["reason"] == "Failed"


@pytest.mark.slow
def test_a_rollback_that_was_refused_is_tried_again_by_itself() -> None:
    """Within its deadline: that the rollout has settled meanwhile does not put it off, for its canary has traffic."""

    def hasten(obj: Obj) -> None:
        obj["spec"]["analysis"]["interval"], obj["spec"]["progressDeadlineSeconds"] = "1s", DEADLINE_S

    server = _at("Progressing").fork()
    server.edit(CANARIES, PLACE, APP, hasten)
    with capture_logs(), QuietControl(server, Options(minimum_interval_s=1.0)) as control:
        control.run(0.5)
        next(each for each in REFUSALS if each.reason == "Forbidden").cause(server)
        _annotate(server, "canary-core/request", "abort/1")
        control.run(5.0)
        assert _status(server)["phase"] == "Failed"
        assert weight_of(server)
        server.api.admissions.clear()
        control.run(DEADLINE_S)
        assert weight_of(server) == 0


@pytest.mark.slow
def test_another_provider_takes_effect_when_the_rollout_is_over() -> None:
    """Its router would not know of the split that is in force."""
    server = _at("Progressing").fork()
    next(each for each in REFUSALS if each.reason == "ProviderChanged").cause(server)
    with capture_logs(), QuietControl(server) as control:
        control.success_rate = 0.0
        control.run(600.0)
        assert (_status(server)["phase"], weight_of(server)) == ("Failed", 0)
        assert _condition(server)["reason"] == "Failed"
        assert "declared" not in _status(server)["rollout"]


def _annotate(server: QuietServer, key: str, value: str) -> None:
    def change(obj: Obj) -> None:
        obj["metadata"].setdefault("annotations", {})[key] = value

    server.edit(CANARIES, PLACE, APP, change)


# -- The table is whole -----------------------------------------------------------------------------------------------


def test_everything_that_is_refused_stands_in_the_table() -> None:
    assert reasons() - set(EXEMPT) == {refused.reason for refused in REFUSALS}
