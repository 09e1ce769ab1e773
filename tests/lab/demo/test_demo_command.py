"""``canary demo`` as a person starts it: everything real, twice as fast."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from canary_lab.mesh.addresses import Addresses
from canary_lab.mesh.load import fetch
from laboratories.lab import CANARY, KUBECTL, eventually

TIMES = ("--plain", "--interval=2")
ARGUMENTS = ("demo", *TIMES, "--fault=error-rate=20%", "--keep")


def _processes_of(folder: Path) -> list[str]:
    """Command lines that name a folder."""
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = each.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if str(folder) in text:
            found.append(text)
    return found


@pytest.mark.slow
def test_a_good_version_is_promoted_a_bad_one_taken_back_and_all_can_be_kept(tmp_path: Path) -> None:
    folder, log = tmp_path / "demo", tmp_path / "log"
    with log.open("wb") as file:
        running = subprocess.Popen(
            # A shell that starts the tests in its background has its children ignore Ctrl-C.
            ["env", "--default-signal=INT", CANARY, *ARGUMENTS, f"--folder={folder}"],
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        eventually(lambda: "until Ctrl-C" in log.read_text() or running.poll() is not None, 150)
        text = log.read_text()
        assert re.search(r"v2 +Succeeded +\d+ s +[\d,]+ +0 ", text), text
        assert re.search(r"v3 +Failed +\d+ s +[\d,]+ +\d+ ", text), text
        for weight in (10, 20, 30, 40, 50):
            assert f"Advance fleet-simple-app canary weight {weight}" in text
        assert "Rolling back fleet-simple-app failed checks threshold reached 10" in text
        assert "stands in" not in text
        environment = {**os.environ, "KUBECONFIG": str(folder / "kubeconfig")}
        told = subprocess.run(
            [KUBECTL, "-n", "canary-demo", "get", "canary"], env=environment, capture_output=True, text=True, check=True
        )
        assert re.search(r"fleet-simple-app +Failed +0 ", told.stdout)
        proxy = Addresses.load(folder).proxies["canary-demo"]
        assert fetch("http://fleet-simple-app:8080/", proxy=proxy).version == "v2"
        _is_shown(text)
        _is_measured(text)
    finally:
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 0, log.read_text()
    assert _processes_of(folder) == []


def _is_shown(text: str) -> None:
    """The address that was printed leads to the canary."""
    found = re.search(r"Live page: (http://127\.0\.0\.1:\d+)/#key=(\S+)", text)
    assert found is not None
    headers = {"Authorization": f"Bearer {found[2]}"}
    canary = requests.get(f"{found[1]}/api/canaries/canary-demo/fleet-simple-app", headers=headers, timeout=10).json()
    assert (canary["phase"], canary["may"]) == ("Failed", True)
    assert max(each["weight"] for each in canary["seen"]) == 10


def _is_measured(text: str) -> None:
    """Prometheus has what the controller tells, so that dashboards are not empty."""
    found = re.search(r"Prometheus: (\S+)", text)
    assert found is not None
    query = {"query": 'flagger_canary_status{name="fleet-simple-app",namespace="canary-demo"}'}
    answer = requests.get(f"{found[1]}/api/v1/query", query, timeout=10).json()
    assert [each["metric"]["job"] for each in answer["data"]["result"]] == ["canary"]


@pytest.mark.slow
def test_stand_ins_take_the_place_of_what_is_not_installed(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    done = subprocess.run(
        [CANARY, "demo", *TIMES, "--stand-ins", "--fault=crash", f"--folder={folder}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    text = " ".join(done.stdout.split())
    assert done.returncode == 0, done.stdout + done.stderr
    assert "an evaluator of PromQL stands in" in text
    assert "a small load generator stands in" in text
    assert "v2 Succeeded" in text
    assert "v3 Failed" in text
    assert _processes_of(folder) == []


def test_a_wrong_option_is_one_line() -> None:
    done = subprocess.run(
        [CANARY, "demo", "--fault=slow"], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 2
    assert done.stderr == "error: --fault: 'slow': must be error-rate=5%, latency=800ms or crash\n"


def test_the_mesh_says_that_there_is_no_cluster(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "canary_adapters.cli.main", "mesh", f"--kubeconfig={tmp_path / 'none'}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "no such file" in done.stderr
