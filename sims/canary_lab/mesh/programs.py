"""Which program on this machine stands for a container of a pod."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import frozen

from canary_lab.cluster.store import Obj
from canary_lab.mesh import app

__all__ = ["Program", "free_port", "program", "tied", "wait_or_kill"]

OURS: Final = "canary-core"
"""Images whose name begins so run the ``canary`` command with the container's arguments; all others the demo app."""
_PORT_FLAG: Final = re.compile(r"(--?port)=(\d+)")


@frozen(kw_only=True)
class Program:
    """A command and what is added to its environment."""

    command: tuple[str, ...]
    environment: Mapping[str, str]


def program(container: Obj, pod_name: str, ports: Mapping[int, int]) -> Program:
    """What runs for a container.

    Args:
        container: Of a pod.
        pod_name: The pod.
        ports: Of this machine, by the container's ports.
    """
    declared = {str(each["name"]): str(each["value"]) for each in container.get("env") or () if "value" in each}
    name, tag = _name_and_tag(str(container["image"]))
    if name.startswith(OURS):
        args = [_moved(str(arg), ports) for arg in container.get("args") or ()]
        return Program(command=(str(Path(sys.executable).with_name("canary")), *args), environment=declared)
    tcp = [ports[each["containerPort"]] for each in container.get("ports") or () if _is_tcp(each)]
    http = [port for port in ports.values() if port not in tcp]
    environment = {"VERSION": tag, "HOSTNAME": pod_name, "PORT": str(http[0] if http else 0)}
    environment |= {"TCP_PORT": str(tcp[0])} if tcp else {}
    return Program(command=(sys.executable, "-S", "-E", app.__file__), environment={**declared, **environment})


def _name_and_tag(image: str) -> tuple[str, str]:
    last = image.rpartition("/")[2].partition("@")[0]
    name, _, tag = last.partition(":")
    return name, tag or "latest"


def _is_tcp(port: Obj) -> bool:
    return str(port.get("name") or "").startswith("tcp")


def _moved(argument: str, ports: Mapping[int, int]) -> str:
    """``-port=8080`` with the port that stands for it on this machine."""
    found = _PORT_FLAG.fullmatch(argument)
    return f"{found[1]}={ports.get(int(found[2]), int(found[2]))}" if found else argument


def tied(command: tuple[str, ...]) -> tuple[str, ...]:
    """The command such that it is ended when the thread that starts it ends, where the system can do that."""
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "KILL", "--", *command) if setpriv else command


def wait_or_kill(process: subprocess.Popen[bytes], seconds: float) -> int:
    """Wait for the end of a process, and kill it if that takes too long.

    Returns:
        Its exit code.
    """
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
