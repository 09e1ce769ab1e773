"""A real Kubernetes control plane without nodes: `control_plane.py FOLDER` runs until it is interrupted.

FOLDER holds the programs kube-apiserver and kube-controller-manager; etcd is looked for there and in the PATH. Nothing
runs in its pods: they are said to be ready after a moment, unless their image is called ``crash`` or ``never``. As they
are on no node, Services have no endpoints. What is printed first is the path of a kubeconfig, for
CANARY_TEST_KUBECONFIG.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import urllib3
import yaml
from kubernetes import client, config, watch

PATIENCE_S: Final = 120.0
READY_AFTER_S: Final = 0.1
CONTROLLERS: Final = (
    "deployment-controller",
    "replicaset-controller",
    "garbage-collector-controller",
    "clusterrole-aggregation-controller",
    "namespace-controller",
    "serviceaccount-controller",
)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the programs are")
    programs: Path = parser.parse_args().folder
    with TemporaryDirectory(prefix="control-plane-") as place, contextlib.ExitStack() as running:
        kubeconfig = running.enter_context(control_plane(programs.resolve(), Path(place)))
        sys.stdout.write(f"{kubeconfig}\n")
        sys.stdout.flush()
        ended = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: ended.set())
        ended.wait()


@contextlib.contextmanager
def control_plane(programs: Path, place: Path) -> Iterator[Path]:
    """A control plane for a while.

    Args:
        programs: Folder of kube-apiserver and kube-controller-manager.
        place: Folder for its data, keys and logs.

    Yields:
        The path of a kubeconfig of an administrator.
    """
    (store, peers, port) = _free_ports(3)
    keys, tokens = place / "service-accounts.key", place / "tokens.csv"
    subprocess.run(["openssl", "genrsa", "-out", str(keys), "2048"], check=True, capture_output=True)
    tokens.write_text('admin-token,admin,1,"system:masters"\n')
    etcd = shutil.which("etcd", path=str(programs)) or shutil.which("etcd")
    if etcd is None:
        sys.exit("etcd is neither in that folder nor in the PATH")
    commands = {
        "etcd": [
            etcd,
            f"--data-dir={place / 'etcd'}",
            f"--listen-client-urls=http://127.0.0.1:{store}",
            f"--advertise-client-urls=http://127.0.0.1:{store}",
            f"--listen-peer-urls=http://127.0.0.1:{peers}",
            "--unsafe-no-fsync",
            # an old etcd cannot be asked how far it is, and a watch of the present waits until it says so by itself
            "--experimental-watch-progress-notify-interval=100ms",
        ],
        "kube-apiserver": [
            str(programs / "kube-apiserver"),
            f"--etcd-servers=http://127.0.0.1:{store}",
            "--bind-address=127.0.0.1",
            f"--secure-port={port}",
            f"--cert-dir={place}",
            f"--token-auth-file={tokens}",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.0.0.0/16",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={keys}",
            f"--service-account-signing-key-file={keys}",
        ],
    }
    with contextlib.ExitStack() as running:
        for name, command in commands.items():
            running.enter_context(_program(command, place / f"{name}.log"))
        kubeconfig = _kubeconfig(place, port)
        _wait_until_ready(kubeconfig, place / "kube-apiserver.log")
        manager = [
            str(programs / "kube-controller-manager"),
            f"--kubeconfig={kubeconfig}",
            f"--service-account-private-key-file={keys}",
            f"--controllers={','.join(CONTROLLERS)}",
            "--leader-elect=false",
            "--secure-port=0",
            "--kube-api-qps=200",
            "--kube-api-burst=400",
            "--concurrent-deployment-syncs=20",
        ]
        running.enter_context(_program(manager, place / "kube-controller-manager.log"))
        threading.Thread(target=_serve_pods, args=(kubeconfig,), daemon=True).start()
        yield kubeconfig


@contextlib.contextmanager
def _program(command: list[str], log: Path) -> Iterator[None]:
    with log.open("wb") as file, subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT) as process:
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _free_ports(number: int) -> list[int]:
    with contextlib.ExitStack() as kept:
        sockets = [kept.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)]
        return [each.getsockname()[1] for each in sockets]


def _kubeconfig(place: Path, port: int) -> Path:
    found = place / "kubeconfig"
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority": str(place / "apiserver.crt")}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "real", "cluster": cluster}],
        "users": [{"name": "admin", "user": {"token": "admin-token"}}],
        "contexts": [{"name": "real", "context": {"cluster": "real", "user": "admin"}}],
        "current-context": "real",
    }
    found.write_text(yaml.safe_dump(content))
    return found


def _wait_until_ready(kubeconfig: Path, log: Path) -> None:
    end = time.monotonic() + PATIENCE_S
    while not _answers(kubeconfig):
        if time.monotonic() > end:
            sys.exit(f"kube-apiserver does not answer: {log.read_text()[-2000:]}")
        time.sleep(0.5)


def _answers(kubeconfig: Path) -> bool:
    try:
        _core(kubeconfig).list_namespaced_service_account("default")
    except (client.ApiException, urllib3.exceptions.HTTPError, OSError, config.ConfigException):
        return False
    return True


def _core(kubeconfig: Path) -> Any:
    connect: Any = config.new_client_from_config
    return client.CoreV1Api(connect(str(kubeconfig)))


def _serve_pods(kubeconfig: Path) -> None:
    """What a kubelet would say of them."""
    core = _core(kubeconfig)
    while True:
        with contextlib.suppress(client.ApiException, urllib3.exceptions.HTTPError, OSError):
            for event in watch.Watch().stream(core.list_pod_for_all_namespaces, timeout_seconds=300):
                pod: Any = event["object"]
                if event["type"] == "ADDED" and pod.status.phase == "Pending":
                    threading.Timer(READY_AFTER_S, _say, (core, pod)).start()


def _say(core: Any, pod: Any) -> None:
    image = pod.spec.containers[0].image
    if ":crash" in image or ":never" in image:
        return
    kinds = ("PodScheduled", "Initialized", "ContainersReady", "Ready")
    status = {"phase": "Running", "conditions": [{"type": kind, "status": "True"} for kind in kinds]}
    with contextlib.suppress(client.ApiException):
        core.patch_namespaced_pod_status(pod.metadata.name, pod.metadata.namespace, {"status": status})


if __name__ == "__main__":
    main()
