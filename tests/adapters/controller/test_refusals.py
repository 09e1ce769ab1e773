"""A refusal is one write: whatever is refused, in whatever phase, it is said once, and tried again less and less often."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

import canary_adapters
from campaigns.stories import APP, PLACE, canary, deployment, password, service, settings
from laboratories.quiet_control import QuietControl
from laboratories.quiet_server import Obj, QuietServer
from stories.refusals import BEFORE, EXEMPT, REFUSALS, Refused

INTERVAL_S = 60.0
MOST = 3
"""Writes, and events, in ten intervals."""
SHOWS_S = 900.0
CANARY = canary(service={"timeout": "5s"})
SAID = "it cannot be served as it is declared"
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
    server = _objects(CANARY)
    with capture_logs(), QuietControl(server) as control:
        for wanted in ("Initialized", "Progressing", "Promoting"):
            _until(control, wanted)
            if phase == wanted:
                break
            if wanted == "Initialized":
                _image(server)
            server.never_ready.add(f"{APP}-primary")
    return server


def _image(server: QuietServer) -> None:
    def change(obj: Obj) -> None:
        obj["spec"]["template"]["spec"]["containers"][0]["image"] = "example.com/app:v2"

    server.edit(("apps", "v1", "deployments"), PLACE, APP, change)


def _until(control: QuietControl, phase: str) -> None:
    for _ in range(200):
        if phase == "Progressing" and _status(control.server).get("canaryWeight") == 20:
            return
        if phase != "Progressing" and _status(control.server).get("phase") == phase:
            return
        control.run(5.0)
    raise AssertionError(f"{phase} is not reached: {_status(control.server)}")


def _status(server: QuietServer) -> Obj:
    found = server.get("flagger.app/canaries", PLACE, APP) or {}
    status: Obj = found.get("status") or {}
    return status


def _reason(server: QuietServer) -> str:
    (condition,) = _status(server).get("conditions") or [{}]
    return str(condition.get("reason") or "")


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


CASES = [
    pytest.param(refused, phase, id=f"{number}-{refused.reason}-{phase or 'beginning'}")
    for number, refused in enumerate(REFUSALS)
    for phase in refused.phases
]


@pytest.mark.slow
@pytest.mark.parametrize(("refused", "phase"), CASES)
def test_a_refusal_is_one_write(refused: Refused, phase: str) -> None:
    server = _caused(refused, phase)
    with capture_logs() as logs, QuietControl(server, refused.options) as control:
        begun_s = control.now_s()
        while _reason(server) != refused.reason:
            assert control.now_s() - begun_s < SHOWS_S, f"it shows {_reason(server)}: {_status(server)}"
            control.run(5.0)
        if refused.first:  # somebody else works on the same application, and comes to an end with it
            control.run(10 * INTERVAL_S)
        shown_s = control.now_s()
        control.run(10 * INTERVAL_S)
        told = control.since(shown_s)
        writes = [request for request in told if request.is_write]
        assert len(writes) <= MOST, writes
        assert sum(request.is_event for request in told) <= MOST, told
        assert _reason(server) == refused.reason
        said = [line for line in logs if line["event"] == SAID and line.get("reason") == refused.reason]
        assert len([line for line in said if line["canary"] == f"{APP}.{PLACE}"]) == 1, said
        assert _column(server, "Reason") == refused.reason
        first_hour = len(control.requests)
        control.run(3600.0)
        assert len(control.requests) - first_hour <= 60, "a handful in a minute, and less and less"


def _column(server: QuietServer, name: str) -> str:
    """As kubectl shows it."""
    path = f"/apis/flagger.app/v1beta1/namespaces/{PLACE}/canaries/{APP}"
    table: Any = server.request("GET", path, headers=TABLE).content
    names = [column["name"] for column in table["columnDefinitions"]]
    return str(table["rows"][0]["cells"][names.index(name)])


# -- The table is whole -------------------------------------------------------------------------------------------------


def _reasons() -> set[str]:
    """All that is given as a reason anywhere in the adapters."""
    found = set()
    root = Path(next(iter(canary_adapters.__path__)))
    for path in root.rglob("*.py"):
        if "loadtester" in path.parts:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        named = {
            target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.AnnAssign | ast.Assign) and isinstance(node.value, ast.Constant)
            for target in ([node.target] if isinstance(node, ast.AnnAssign) else node.targets)
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                found |= _given(node, named)
    return found


def _given(call: ast.Call, named: dict[str, Any]) -> set[str]:
    if not isinstance(call.func, ast.Name) or call.func.id not in {"RefusedError", "Unserved"}:
        return set()
    if call.func.id == "Unserved":
        keywords = {keyword.arg: keyword.value for keyword in call.keywords}
        node: ast.expr | None = keywords.get("reason", ast.Constant(value="InvalidSpec"))
    else:
        node = call.args[0] if call.args else None
    if isinstance(node, ast.Constant):
        return {str(node.value)}
    if isinstance(node, ast.Name) and node.id in named:
        return {str(named[node.id])}
    if isinstance(node, ast.JoinedStr):
        ending = "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
        return {f"{kind}{ending}" for kind in ("MetricTemplate", "AlertProvider")}
    return set()


def test_everything_that_is_refused_stands_in_the_table() -> None:
    assert _reasons() - set(EXEMPT) == {refused.reason for refused in REFUSALS}


def test_every_reason_is_explained_in_the_guide() -> None:
    text = (Path(__file__).parents[3] / "docs" / "guide" / "troubleshooting.md").read_text()
    assert [reason for reason in sorted(_reasons()) if f"`{reason}`" not in text] == []
