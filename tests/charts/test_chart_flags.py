"""The flags that the charts render are those that the commands take."""

from __future__ import annotations

import base64
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import requests

from applications.chart_values import EVERYTHING, LOAD, SETS, TEAMS
from laboratories.forked import run
from laboratories.helm import CONTROLLER, LOADTESTER, Helm, container
from laboratories.lab import Controller
from laboratories.load_tester import fingerprints

pytestmark = pytest.mark.slow

CANARY = str(Path(sys.executable).parent / "canary")


def _refusal(args: list[str]) -> str:
    """What the command says of its arguments; empty if it takes them all. Nothing is started."""
    done = run([CANARY, *args, "--version"], env={"TERM": "dumb"})
    return "" if done.returncode == 0 else done.stderr


@pytest.mark.parametrize("name", ["the article", "everything", "one namespace"])
def test_the_controller_takes_every_flag(helm: Helm, name: str) -> None:
    chart, release, values = SETS[name]
    args = container(helm.render(chart, values, release=release))["args"]
    assert args[0] == "controller"
    assert _refusal(args) == ""
    assert "No such option" in _refusal([*args, "-unheard-of=1"])


@pytest.mark.parametrize("name", ["load tester", "load tester, everything", "load tester, many teams"])
def test_the_load_tester_starts_with_every_flag(helm: Helm, name: str, tmp_path: Path) -> None:
    if not any(point.name == "loadtester" for point in entry_points(group="canary.commands")):
        pytest.skip("there is no `canary loadtester` in this installation")
    chart, release, values = SETS[name]
    objects = helm.render(chart, values, release=release)
    args = [arg.replace("/etc/canary", str(tmp_path)) for arg in container(objects)["args"]]
    assert args[0] == "loadtester"
    for secret in (obj for obj in objects if obj["kind"] == "Secret"):
        fingerprints(tmp_path, base64.b64decode(secret["data"]["fingerprints"]).decode())
    running = Controller([CANARY, *args, "-host=127.0.0.1", "-port=0"], tmp_path / "log")
    try:
        running.wait_ready()
        assert requests.get(f"http://127.0.0.1:{running.port}/healthz", timeout=5).status_code == 200
    finally:
        code = running.terminate()
    assert code == 0


def test_flags_say_what_values_say(helm: Helm) -> None:
    args = container(helm.render(CONTROLLER, EVERYTHING))["args"]
    assert args == [
        "controller",
        "-log-level=debug",
        "-mesh-provider=kubernetes",
        "-metrics-server=https://prometheus.example.com/prefix",
        "-selector-labels=app,tier",
        "-include-label-prefix=app.kubernetes.io,team",
        "-threadiness=4",
        "-kubeconfig-qps=20.5",
        "-kubeconfig-burst=40",
        "-cluster-name=one: {two} #three",
        "-slack-user=flagger",
        "-slack-channel=#alerts",
        "-enable-config-tracking=false",
        "-deny-addresses=default,10.0.0.0/8,fd00::/8",
        "-no-cross-namespace-refs",
        "-allowed-gateways=istio-ingress/public,shared/*",
        "-allow-cross-namespace-hosts",
        "-ready-while-progressing",
        "-enable-leader-election",
        "-leader-election-namespace=canary-system",
        "-minimum-interval=5s",
        "-zap-encoding=console",
    ]
    load = container(helm.render(LOADTESTER, LOAD))["args"]
    assert load == [
        "loadtester",
        "-port=8080",
        "-log-level=info",
        "-timeout=10m",
        "-namespace-regexp=^(a|b)$",
        "-allow-programs=hey,curl",
        "-max-commands=4",
        "-pass-env=FIRST,SECOND",
        "-deny-addresses=default",
        "-enable-bash",
        "-enable-shell",
    ]


def test_who_comes_from_flagger_gets_what_hooks_could_do_there(helm: Helm) -> None:
    args = container(helm.render(LOADTESTER, {"flaggerCompatible": True, "cmd": {"allowPrograms": ["hey"]}}))["args"]
    assert {"-enable-bash", "-enable-shell", "-allow-programs=hey,helm,helmv3,kubectl"} < set(args)
    assert not {"-enable-bash", "-enable-shell"} & set(container(helm.render(LOADTESTER))["args"])


def test_many_teams_turn_on_what_keeps_them_apart(helm: Helm) -> None:
    assert "-no-cross-namespace-refs" in container(helm.render(CONTROLLER, {"tenants": True}))["args"]
    args = container(helm.render(LOADTESTER, TEAMS))["args"]
    assert {
        "-gate-token-file=/etc/canary/gates/fingerprints",
        "-deny-addresses=default,127.0.0.0/8,0.0.0.0,::1,::",
    } < set(args)
    assert not any("gate-token" in arg for arg in container(helm.render(LOADTESTER))["args"])
    assert "-deny-addresses=" in container(helm.render(LOADTESTER, {"denyAddresses": []}))["args"]


def test_a_list_of_denied_addresses_may_be_empty(helm: Helm) -> None:
    for given, flag in (({"denyAddresses": []}, ""), ({"denyAddresses": None}, ""), ({}, "default")):
        assert f"-deny-addresses={flag}" in container(helm.render(CONTROLLER, given))["args"]


def test_numbers_are_written_out_however_large(helm: Helm) -> None:
    """People lift a limit by a million, which helm would write as 1e+06."""
    values = {"kubeconfigBurst": 1_000_000, "kubeconfigQPS": 1_000_000, "threadiness": 8}
    args = container(helm.render(CONTROLLER, values))["args"]
    assert {"-kubeconfig-burst=1000000", "-threadiness=8"} < set(args)
    assert _refusal(args) == ""
    assert "-max-commands=5000" in container(helm.render(LOADTESTER, {"cmd": {"maxCommands": 5000}}))["args"]
