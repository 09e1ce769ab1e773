"""What happens to the process itself: killed, frozen, without a disk, without its certificates, and for a long time."""

from __future__ import annotations

import signal
import socket
import subprocess
from pathlib import Path

import pytest
import yaml

from applications.demo_app import App
from applications.many_apps import image_of_primary, spoil
from laboratories.lab import AGENT, CANARY, PATIENCE_S, Lab, eventually
from laboratories.pod import Pod, new_authority, server_side
from peers.tcp_proxy import TcpProxy

pytestmark = pytest.mark.slow

WRITES = frozenset({"create", "update", "patch", "delete"})


def _as_user(lab: Lab, name: str, folder: Path) -> Path:
    lab.kubectl("create", "serviceaccount", name, "-n", "default")
    lab.kubectl("create", "clusterrolebinding", name, "--clusterrole=cluster-admin", f"--serviceaccount=default:{name}")
    token = lab.kubectl("create", "token", name, "-n", "default").strip()
    return lab.cluster.kubeconfig(folder / name, token=token)


def test_a_leader_that_was_frozen_for_longer_than_its_lease_writes_nothing(lab: Lab, app: App, tmp_path: Path) -> None:
    flags = ("-enable-leader-election", "-leader-election-namespace=default", "-lease-duration=3s")
    frozen = lab.start(*flags, kubeconfig=_as_user(lab, "frozen", tmp_path))
    eventually(lambda: "working" in frozen.text())
    other = lab.start(*flags, kubeconfig=_as_user(lab, "other", tmp_path))
    app.deploy(analysis={"stepWeight": 10, "maxWeight": 50})
    app.until("Initialized")
    app.image("v2")
    eventually(lambda: lab.status(app.name, app.namespace)["canaryWeight"] >= 20)
    frozen.process.send_signal(signal.SIGSTOP)
    eventually(lambda: "working" in other.text())
    eventually(lambda: lab.status(app.name, app.namespace)["canaryWeight"] >= 40)
    # What had been sent before it was stopped has been answered by now.
    lab.cluster.requests.clear()
    frozen.process.send_signal(signal.SIGCONT)
    assert frozen.process.wait(PATIENCE_S) == 1
    frozen.kill()
    app.until("Succeeded")
    user = "system:serviceaccount:default:frozen"
    asked = lab.cluster.requests.matching(user=user)
    assert [entry for entry in asked if entry.verb in WRITES and entry.code < 400] == []
    assert [entry for entry in asked if entry.verb in WRITES and entry.resource != "leases"] == []
    assert "the lease is lost" in frozen.text()
    weights = [text.rpartition(" ")[2] for text in app.events() if "canary weight" in text]
    assert weights == ["10", "20", "30", "40", "50"]
    assert image_of_primary(app) == "v2"
    assert other.terminate() == 0


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def test_a_full_disk_under_the_logs_stops_nothing(lab: Lab, app: App) -> None:
    port = _free_port()
    command = [CANARY, "controller", f"-kubeconfig={lab.kubeconfig}", f"-port={port}", "-minimum-interval=1s"]
    command += [f"-metrics-server={lab.prometheus.url}", "-log-level=debug"]
    with Path("/dev/full").open("wb") as full, subprocess.Popen(command, stdout=full, stderr=full) as process:
        try:
            app.deploy(analysis={"stepWeight": 50, "maxWeight": 50, "threshold": 2})
            app.until("Initialized")
            app.image("v2")
            app.until("Succeeded")
            spoil(app, bad=True)
            app.image("v3")
            app.until("Failed")
            assert image_of_primary(app) == "v2"
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()


# -- Certificates ---------------------------------------------------------------------------------------------------


def test_certificates_that_are_replaced_are_read_again(lab: Lab, app: App, tmp_path: Path) -> None:
    """Authority, certificate of the server and certificate of the client all change in the middle of a rollout."""
    new_authority(tmp_path)
    server = int(lab.cluster.url.rpartition(":")[2])
    with TcpProxy(server, server_side(tmp_path, of_clients=True)) as front:
        config = yaml.safe_load(lab.cluster.kubeconfig(tmp_path / "kubeconfig").read_text())
        authority = {"certificate-authority": str(tmp_path / "ca.crt")}
        config["clusters"][0]["cluster"] = {"server": f"https://127.0.0.1:{front.port}", **authority}
        files = {"client-certificate": str(tmp_path / "client.crt"), "client-key": str(tmp_path / "client.key")}
        config["users"][0]["user"] = files
        (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
        running = lab.start(kubeconfig=tmp_path / "kubeconfig")
        app.deploy(analysis={"stepWeight": 10, "maxWeight": 30})
        app.until("Initialized")
        app.image("v2")
        eventually(lambda: lab.status(app.name, app.namespace)["canaryWeight"] >= 10)
        accepted = front.accepted
        new_authority(tmp_path)
        front.tls = server_side(tmp_path, of_clients=True)
        front.cut()
        app.until("Succeeded")
        assert front.accepted > accepted
        assert running.terminate() == 0


def test_in_the_cluster_everything_comes_from_files_that_are_replaced(lab: Lab, app: App, tmp_path: Path) -> None:
    """As a pod has it: address from the environment, token and authority from files."""
    with Pod(lab, tmp_path, "inside") as pod:
        running = pod.start()
        app.deploy(analysis={"stepWeight": 50, "maxWeight": 50})
        app.until("Initialized")
        pod.replace_authority()
        app.image("v2")
        app.until("Succeeded")
        users = {entry.user for entry in lab.cluster.requests.matching(agent=AGENT, namespace=app.namespace)}
        assert users == {pod.user}
        assert running.terminate() == 0
