"""Rollouts with real requests: what users see, what Prometheus measures, and what becomes of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from applications.demo_app import NAME
from canary_lab.mesh.load import Answer, summary
from laboratories.lab import eventually
from laboratories.mesh_lab import INTERVAL_S, MeshApp, MeshLab

pytestmark = pytest.mark.slow


def _by_version(answers: Sequence[Answer]) -> Counter[str]:
    return Counter(answer.version for answer in answers)


@pytest.mark.alone
def test_bad_answers_take_it_back_and_the_primary_is_left_alone(app: MeshApp) -> None:
    app.begin()
    with app.load_on_canary(), app.users() as users:
        app.lab.kubectl("set", "env", f"deployment/{NAME}", "ERROR_RATE=30%", "-n", app.namespace)
        app.image("v2")
        app.until("Failed")
        eventually(lambda: app.weights() == [100, 0])
        after = len(users.answers)
        eventually(lambda: len(users.answers) > after + 60)
    found = summary(users.answers)
    assert found.lost == 0
    assert {tally.version for tally in found.tallies if tally.status >= 500} == {"v2"}
    assert _by_version(users.since(after + 30)).keys() == {"v1"}
    halted = [text for text in app.events() if text.startswith("Halt") and "success rate" in text]
    assert halted
    assert all(text.endswith("% < 99%") for text in halted)


def test_slow_answers_take_it_back(app: MeshApp) -> None:
    app.begin()
    with app.load_on_canary(), app.users():
        app.lab.kubectl("set", "env", f"deployment/{NAME}", "LATENCY=800ms", "-n", app.namespace)
        app.image("v2")
        app.until("Failed")
    halted = [text for text in app.events() if "request duration" in text]
    assert halted
    assert all(text.endswith("> 500ms") for text in halted)


def test_a_canary_that_never_answered_well_is_bad_and_not_idle(app: MeshApp) -> None:
    """It has no series of good answers at all, which must not be taken for no traffic."""
    app.begin()
    with app.load_on_canary():
        app.lab.kubectl("set", "env", f"deployment/{NAME}", "ERROR_RATE=100%", "-n", app.namespace)
        app.image("v2")
        app.until("Failed")
    halted = [text for text in app.events() if text.startswith("Halt")]
    assert f"Halt {NAME}.{app.namespace} advancement success rate 0.00% < 99%" in halted
    assert not [text for text in halted if "no values" in text]


def test_requests_with_a_header_or_a_cookie_are_the_canarys(app: MeshApp) -> None:
    match = [
        {"headers": {"x-canary": {"exact": "insider"}}},
        {"headers": {"cookie": {"regex": r"^(.*?;\s*)?(canary=always)(;.*)?$"}}},
    ]
    app.begin(analysis={"iterations": 4, "match": match, "maxWeight": None, "stepWeight": None})
    with (
        app.users() as everybody,
        app.users(20, x_canary="insider") as insiders,
        app.users(20, cookie="a=1; canary=always") as volunteers,
    ):
        app.image("v2")
        eventually(lambda: app.lab.status(app.name, app.namespace).get("iterations", 0) >= 2)
        loads = (everybody, insiders, volunteers)
        marks = [len(load.answers) for load in loads]
        eventually(lambda: all(len(load.answers) >= mark + 20 for load, mark in zip(loads, marks, strict=True)))
        told = [load.since(mark)[:20] for load, mark in zip(loads, marks, strict=True)]
        app.until("Succeeded")
        after = len(everybody.answers)
        eventually(lambda: len(everybody.answers) >= after + 30)
    # While the canary is tried, who is meant gets it, and nobody else does.
    assert [_by_version(each).keys() for each in told] == [{"v1"}, {"v2"}, {"v2"}]
    assert _by_version(everybody.since(after)).keys() == {"v2"}
    assert [summary(load.answers).failed for load in (everybody, insiders, volunteers)] == [0, 0, 0]


def test_a_mirrored_canary_is_measured_before_anybody_sees_it(app: MeshApp) -> None:
    app.begin(analysis={"iterations": 3, "mirror": True, "maxWeight": None, "stepWeight": None})
    with app.users() as users:
        app.lab.kubectl("set", "env", f"deployment/{NAME}", "ERROR_RATE=50%", "-n", app.namespace)
        app.image("v2")
        app.until("Failed")
    found = summary(users.answers)
    assert [(tally.version, tally.status) for tally in found.tallies] == [("v1", 200)]
    eventually(lambda: [text for text in app.events() if "success rate" in text])
    with app.users() as users:
        app.lab.kubectl("set", "env", f"deployment/{NAME}", "ERROR_RATE=0%", "-n", app.namespace)
        app.image("v3")
        app.until("Succeeded")
        eventually(lambda: app.fetch().version == "v3")
    found = summary(users.answers)
    assert found.failed == 0
    assert {tally.version for tally in found.tallies} <= {"v1", "v3"}


def test_a_user_keeps_the_version_that_they_were_given(app: MeshApp) -> None:
    affinity = {"cookieName": "who", "maxAge": 600}
    app.begin(analysis={"sessionAffinity": affinity, "maxWeight": 50, "stepWeight": 25})
    with app.load_on_canary(), app.users():
        app.image("v2")
        eventually(lambda: app.lab.status(app.name, app.namespace).get("canaryWeight") == 25)
        seen: set[tuple[str, ...]] = set()

        def both_kinds() -> bool:
            visitor = app.visitor()
            first = visitor.visit()
            if visitor.cookies:
                versions = {visitor.visit().version for _ in range(10)}
                assert versions == {"v2"}, "whoever has the cookie stays where they are"
            seen.add((first.version, *visitor.cookies))
            return seen == {("v1",), ("v2", "who")}

        eventually(both_kinds)
        keeper = app.visitor()
        eventually(lambda: keeper.visit().version == "v2" and keeper.cookies)
        versions: list[str] = []

        def over() -> bool:
            versions.append(keeper.visit().version)
            return str(app.lab.status(app.name, app.namespace).get("phase")) == "Succeeded"

        eventually(over)
    # From the first visit to the end of the rollout, when the primary is what the user had all the time.
    assert set(versions) == {"v2"}
    assert eventually(lambda: keeper.visit().status == 200 and not keeper.cookies)


def test_a_gate_holds_the_weight_until_it_is_opened(app: MeshApp, mesh_lab: MeshLab) -> None:
    gates = mesh_lab.load_tester()
    hook = {"name": "gate", "type": "confirm-traffic-increase", "url": f"{gates.url}/gate/check"}
    app.begin(analysis={"webhooks": [hook], "maxWeight": 50, "stepWeight": 25})
    with app.load_on_canary(), app.users() as users:
        app.image("v2")
        waiting = f"Halt {NAME}.{app.namespace} advancement waiting for traffic increase approval gate"
        eventually(lambda: waiting in app.events())
        assert app.weights() == [100, 0]
        gates.post("/gate/open", NAME, app.namespace)
        app.until("Succeeded")
    assert summary(users.answers).failed == 0


def test_a_check_before_the_rollout_that_fails_lets_no_user_see_it(app: MeshApp, mesh_lab: MeshLab) -> None:
    tester = mesh_lab.load_tester()
    command = f"curl -sf --max-time 5 http://{NAME}-canary.{app.namespace}:8080/"
    check = {"type": "cmd", "blocking": "true", "cmd": command}
    hook = {"name": "smoke", "type": "pre-rollout", "url": f"{tester.url}/", "timeout": "10s", "metadata": check}
    app.begin(analysis={"webhooks": [hook], "maxWeight": 50, "stepWeight": 50})
    with app.users() as users:
        app.lab.kubectl("set", "env", f"deployment/{NAME}", "ERROR_RATE=100%", "-n", app.namespace)
        app.image("v2")
        app.until("Failed")
    assert [(tally.version, tally.status) for tally in summary(users.answers).tallies] == [("v1", 200)]
    told = [text for text in app.events() if "pre-rollout check smoke failed" in text]
    assert told
    assert all("exit status 22" in text for text in told)


def test_a_rollback_gate_that_is_opened_takes_it_back(app: MeshApp, mesh_lab: MeshLab) -> None:
    tester = mesh_lab.load_tester()
    hook = {"name": "emergency", "type": "rollback", "url": f"{tester.url}/rollback/check"}
    app.begin(analysis={"webhooks": [hook], "maxWeight": 50, "stepWeight": 10})
    with app.load_on_canary(), app.users() as users:
        app.image("v2")
        eventually(lambda: app.weights() == [80, 20])
        tester.post("/rollback/open", NAME, app.namespace)
        app.until("Failed")
        eventually(lambda: app.weights() == [100, 0])
    assert summary(users.answers).failed == 0


def test_the_articles_load_test_makes_the_traffic(app: MeshApp, mesh_lab: MeshLab) -> None:
    """Its command line unchanged but for the namespace: hey, run by the load tester, finds the canary by its name."""
    gates = mesh_lab.load_tester()
    command = f"hey -z 1m -q 10 -c 2 http://{NAME}-canary.{app.namespace}:8080"
    hook = {"name": "load-test", "url": f"{gates.url}/", "timeout": "5s", "metadata": {"type": "cmd", "cmd": command}}
    app.begin(analysis={"webhooks": [hook], "maxWeight": 20, "stepWeight": 10, "threshold": 10})
    app.image("v2")
    app.until("Succeeded")
    assert gates.metric("canary_loadtester_commands_started_total", program="hey") >= 1


def test_a_monitoring_that_dies_holds_the_rollout_and_no_user_notices(app: MeshApp, mesh_lab: MeshLab) -> None:
    app.begin(analysis={"maxWeight": 40, "stepWeight": 20, "threshold": 10})
    prometheus = mesh_lab.laptop.prometheus
    assert prometheus is not None
    with app.load_on_canary(), app.users() as users:
        app.image("v2")
        eventually(lambda: app.weights() == [80, 20])
        prometheus.kill()
        eventually(lambda: any("Prometheus query failed" in text for text in app.events()))
        assert app.weights() in ([80, 20], [60, 40])
        held = app.weights()
        app.lab.kubectl("get", "canary", app.name, "-n", app.namespace)
        assert app.weights() == held
        prometheus.start()
        app.until("Succeeded")
    assert summary(users.answers).failed == 0


def test_traffic_flows_while_the_controller_is_down(app: MeshApp, mesh_lab: MeshLab) -> None:
    app.begin(analysis={"maxWeight": 60, "stepWeight": 30})
    with app.load_on_canary(), app.users() as users:
        app.image("v2")
        eventually(lambda: app.weights() == [70, 30])
        envoy = mesh_lab.laptop.addresses.envoy_pid
        mesh_lab.laptop.controllers[-1].kill()
        mark = len(users.answers)
        eventually(lambda: len(users.answers) >= mark + 4 * INTERVAL_S * 60)
        alone = users.since(mark)
        assert app.weights() == [70, 30]
        assert summary(alone).failed == 0
        assert 0.15 < _by_version(alone)["v2"] / len(alone) < 0.45
        mesh_lab.laptop.start_controller("-minimum-interval=1s")
        app.until("Succeeded")
    assert mesh_lab.laptop.addresses.envoy_pid == envoy
    assert summary(users.answers).failed == 0


@pytest.mark.alone
def test_a_rollback_is_in_force_two_intervals_after_a_fault_begins(
    app: MeshApp, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a threshold of 1. Two seconds are left for a fault that is too young for the first look at it."""
    app.begin(analysis={"threshold": 1, "maxWeight": 50, "stepWeight": 10})
    with app.load_on_canary(), app.users(100) as users:
        app.image("v2")
        eventually(lambda: app.weights() == [70, 30])
        began = app.fault("error_rate=50%25")
        app.until("Failed")
        eventually(lambda: app.weights() == [100, 0])
        mark = len(users.answers)
        eventually(lambda: len(users.answers) >= mark + 100)
    bad = [answer.at_s for answer in users.answers if answer.status >= 500]
    last = max(bad) - began
    with capsys.disabled():
        print(f"\nrollback in force {last:.1f} s after the fault, {len(bad)} of {len(users.answers)} requests failed")  # noqa: T201 - for people
    assert summary(users.answers).lost == 0
    assert last <= 2 * INTERVAL_S + 2
