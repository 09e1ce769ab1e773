"""A container of a pod as a process of this machine."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from canary_lab.cluster.store import Obj
from canary_lab.mesh.programs import free_port, program, tied, wait_or_kill

__all__ = ["Container", "listens"]

_PROBE_TIMEOUT_S: Final = 1.0
_INHERITED: Final = ("PATH", "HOME", "LANG", "LC_ALL", "PYTHONPATH", "VIRTUAL_ENV", "TMPDIR")


class Container:
    """One process, which may be started again."""

    def __init__(self, spec: Obj, pod_name: str, log: Path, environment: Mapping[str, str]) -> None:
        """Makes one that does not run yet; its ports are chosen with each start.

        Args:
            spec: The container in the pod.
            pod_name: The pod.
            log: File for what it prints.
            environment: Beside what the container declares.
        """
        self._spec, self._pod_name, self._log = spec, pod_name, log
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self.ports: dict[int, int] = {}
        """The ports of this machine, by the container's."""

    def start(self) -> None:
        """Start the process."""
        self.ports = {int(each["containerPort"]): free_port() for each in self._spec.get("ports") or ()}
        chosen = program(self._spec, self._pod_name, self.ports)
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        environment = {**inherited, **self._environment, **chosen.environment}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - one of our own programs, and no shell
                tied(chosen.command), env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    @property
    def exit_code(self) -> int | None:
        """None: it runs."""
        return self._process.poll() if self._process is not None else None

    def is_ready(self) -> bool:
        """Whether its readiness probe succeeds or, if it has none, its ports take connections."""
        if self.exit_code is not None:
            return False
        probe = (self._spec.get("readinessProbe") or {}).get("httpGet")
        if probe:
            return _answers(self._port_of(probe.get("port")), str(probe.get("path") or "/"))
        return all(listens(port) for port in self.ports.values())

    def _port_of(self, wanted: object) -> int:
        for each in self._spec.get("ports") or ():
            if wanted in (each.get("name"), each["containerPort"]):
                return self.ports[int(each["containerPort"])]
        return 0

    def terminate(self) -> None:
        """Ask it to end."""
        if self._process is not None and self.exit_code is None:
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it without a word."""
        if self._process is not None:
            self._process.kill()

    def wait(self, seconds: float) -> None:
        """Wait for its end, and kill it if it takes too long."""
        if self._process is not None:
            wait_or_kill(self._process, seconds)


def listens(port: int) -> bool:
    """Whether something takes connections at a port of this machine."""
    try:
        socket.create_connection(("127.0.0.1", port), _PROBE_TIMEOUT_S).close()
    except OSError:
        return False
    return True


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PROBE_TIMEOUT_S)
    try:
        connection.request("GET", path, headers={"User-Agent": "kube-probe"})
        return 200 <= connection.getresponse().status < 400
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
