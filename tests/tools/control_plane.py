"""A real Kubernetes control plane with one node, on which nothing runs.

    python -m tools.control_plane                    runs until it is interrupted, and prints the path of a kubeconfig
    python -m tools.control_plane -- COMMAND...      runs a command with that path in CANARY_TEST_KUBECONFIG

The programs kube-apiserver, kube-controller-manager and etcd (3.5.13 or newer) are looked for in the folder that
KUBEBUILDER_ASSETS names, as setup-envtest and controller-runtime do. Without that variable, and with a cluster that
CANARY_TEST_KUBECONFIG names already, a command is run as it is. What a Pod asks of the node is said in
`canary_lab.cluster.pod_life`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
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
from kubernetes import client, config

from laboratories.observed import AUDIT_LOG
from tools.played_node import PlayedNode

ASSETS: Final = "KUBEBUILDER_ASSETS"
KUBECONFIG: Final = "CANARY_TEST_KUBECONFIG"
PATIENCE_S: Final = 120.0
CONTROLLERS: Final = (
    "clusterrole-aggregation-controller",
    "daemonset-controller",
    "deployment-controller",
    "disruption-controller",
    "endpoints-controller",
    "endpointslice-controller",
    "endpointslice-mirroring-controller",
    "garbage-collector-controller",
    "horizontal-pod-autoscaler-controller",
    "namespace-controller",
    "replicaset-controller",
    "resourcequota-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "statefulset-controller",
    "ttl-after-finished-controller",
)
AUDITED: Final = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "verbs": ["get", "list", "watch"]},
        {"level": "None", "resources": [{"group": "coordination.k8s.io", "resources": ["leases"]}]},
        {"level": "Metadata"},
    ],
}
"""Who writes what is noted in a file beside the kubeconfig, which tests read."""
NO_WAY: Final = {
    "apiVersion": "apiserver.k8s.io/v1beta1",
    "kind": "EgressSelectorConfiguration",
    "egressSelections": [
        {
            "name": "cluster",
            "connection": {
                "proxyProtocol": "GRPC",
                "transport": {"uds": {"udsName": "/nowhere/konnectivity.socket"}},
            },
        }
    ],
}
"""The server dials no address of a Pod or a Service: they are those of nobody here."""


def main() -> None:
    """Run it, alone or around a command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", nargs="*", help="what to run with it")
    command: list[str] = parser.parse_args().command
    programs = os.environ.get(ASSETS)
    if command and (programs is None or os.environ.get(KUBECONFIG)):
        sys.exit(subprocess.run(command, check=False).returncode)
    if programs is None:
        sys.exit(f"{ASSETS} names no folder with kube-apiserver, kube-controller-manager and etcd")
    with TemporaryDirectory(prefix="control-plane-") as place, contextlib.ExitStack() as running:
        kubeconfig = running.enter_context(control_plane(Path(programs).resolve(), Path(place)))
        if command:
            environment = {**os.environ, KUBECONFIG: str(kubeconfig)}
            sys.exit(subprocess.run(command, check=False, env=environment).returncode)
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
        programs: Folder of kube-apiserver, kube-controller-manager and etcd.
        place: Folder for its data, keys and logs.

    Yields:
        The path of a kubeconfig of an administrator.
    """
    (store, peers, port) = _free_ports(3)
    keys, tokens, egress = place / "service-accounts.key", place / "tokens.csv", place / "egress.yaml"
    subprocess.run(["openssl", "genrsa", "-out", str(keys), "2048"], check=True, capture_output=True)
    tokens.write_text('admin-token,admin,1,"system:masters"\n')
    egress.write_text(yaml.safe_dump(NO_WAY))
    audited = place / "audit.yaml"
    audited.write_text(yaml.safe_dump(AUDITED))
    commands = {
        "etcd": [
            str(programs / "etcd"),
            f"--data-dir={place / 'etcd'}",
            f"--listen-client-urls=http://127.0.0.1:{store}",
            f"--advertise-client-urls=http://127.0.0.1:{store}",
            f"--listen-peer-urls=http://127.0.0.1:{peers}",
            "--unsafe-no-fsync",
        ],
        "kube-apiserver": [
            str(programs / "kube-apiserver"),
            f"--etcd-servers=http://127.0.0.1:{store}",
            "--bind-address=127.0.0.1",
            f"--secure-port={port}",
            f"--cert-dir={place}",
            f"--token-auth-file={tokens}",
            "--authorization-mode=RBAC",
            f"--egress-selector-config-file={egress}",
            f"--audit-policy-file={audited}",
            f"--audit-log-path={place / AUDIT_LOG}",
            "--service-cluster-ip-range=10.0.0.0/16",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={keys}",
            f"--service-account-signing-key-file={keys}",
        ],
    }
    with contextlib.ExitStack() as afterwards, contextlib.ExitStack() as running:
        for name, command in commands.items():
            running.enter_context(_program(command, place / f"{name}.log"))
        kubeconfig = _kubeconfig(place, port)
        _wait_until_ready(kubeconfig, place / "kube-apiserver.log")
        manager = [
            str(programs / "kube-controller-manager"),
            f"--kubeconfig={kubeconfig}",
            f"--service-account-private-key-file={keys}",
            f"--root-ca-file={place / 'apiserver.crt'}",
            f"--controllers={','.join(CONTROLLERS)}",
            "--leader-elect=false",
            "--secure-port=0",
            "--kube-api-qps=200",
            "--kube-api-burst=400",
            "--concurrent-deployment-syncs=20",
        ]
        running.enter_context(_program(manager, place / "kube-controller-manager.log"))
        node = PlayedNode(str(kubeconfig))
        afterwards.callback(node.join)
        running.callback(node.end)
        node.start()
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
        connect: Any = config.new_client_from_config
        client.CoreV1Api(connect(str(kubeconfig))).list_namespaced_service_account("default")
    except (client.ApiException, urllib3.exceptions.HTTPError, OSError, config.ConfigException):
        return False
    return True


if __name__ == "__main__":
    main()
