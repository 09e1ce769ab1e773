"""A load tester as a process of its own, with programs that the tests write."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

from laboratories.forked import Forked

CANARY = Path(sys.executable).parent / "canary"
NOBODY = 65534
_AS_NOBODY = """
import ctypes, os, sys
from canary_adapters.cli.start import main
from canary_adapters.loadtester import isolation

isolate = isolation.isolate


def another_user():
    os.setgroups([]), os.setgid({user}), os.setuid({user})
    # A process that changes its user is closed to others at once; one that was started as that user is not.
    assert ctypes.CDLL(None).prctl(4, 1, 0, 0, 0) == 0
    isolate()


isolation.isolate = another_user
main()
"""
"""The command as another user, from just before it takes requests: who cannot read this checkout, nor Python."""


def until(true: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "never became true"
        time.sleep(0.01)


def members(group: int) -> set[int]:
    """Processes of a group that live."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # it has just ended
        state, _, number = text.rpartition(")")[2].split()[:3]
        if int(number) == group and state not in "ZX":
            found.add(int(stat.parent.name))
    return found


class Programs:
    """A folder of programs, each of which writes down that it was started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir(parents=True)
        self._started = folder / "started"
        self._started.touch()

    def write(self, name: str, script: str = "") -> None:
        """Make one; the script may use $HERE, a folder for it."""
        note = f"""printf '%s\\037' {name} $$ "$@" >> "$HERE/started"; printf '\\036' >> "$HERE/started\""""
        file = self.bin / name
        file.write_text(f"#!/bin/sh\nHERE='{self.folder}'\n{note}\n{script}\n", encoding="utf-8")
        file.chmod(0o755)

    def waits(self, name: str, before: str = "") -> None:
        """Make one that ends when it is let go."""
        self.write(name, f'{before}\nuntil [ -e "$HERE/go" ]; do sleep 0.02; done')

    def let_go(self) -> None:
        """Let those that wait end."""
        (self.folder / "go").touch()

    @property
    def started(self) -> list[tuple[str, ...]]:
        """Name, process and arguments of each that began."""
        text = self._started.read_text(encoding="utf-8", errors="replace")
        return [tuple(line.split("\037")[:-1]) for line in text.split("\036")[:-1]]

    @property
    def groups(self) -> list[int]:
        """Processes that began; each has a group of its own."""
        return [int(line[1]) for line in self.started]


def fingerprints(folder: Path, text: str) -> Path:
    """Write a file of gate tokens, in a folder of its own: commands run as the user of the tests."""
    own = folder / "gates"
    own.mkdir(exist_ok=True)
    file = own / "fingerprints"
    own.chmod(0o755)
    file.unlink(missing_ok=True)
    file.write_text(text, encoding="utf-8")
    file.chmod(0o444)
    own.chmod(0o555)
    return file


class LoadTester:
    """Runs while its ``with`` block lasts."""

    def __init__(
        self, programs: Programs, *flags: str, environment: Mapping[str, str] | None = None, as_nobody: bool = False
    ) -> None:
        self.programs, self._log = programs, programs.folder / "log"
        command = [sys.executable, "-c", _AS_NOBODY.format(user=NOBODY)] if as_nobody else [str(CANARY)]
        path = f"{programs.bin}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        command += ["loadtester", "-port=0", "-host=127.0.0.1", *flags]
        known = {**os.environ, "PATH": path, **(environment or {})}
        with self._log.open("wb") as log:
            self.process: Forked | subprocess.Popen[bytes] = (
                subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log, env=known)
                if as_nobody or environment  # of which something may be read by what is imported
                else Forked(command, stdout=log.fileno(), stderr=log.fileno(), env=known)
            )
        self.port = 0

    def __enter__(self) -> Self:
        until(lambda: self.process.poll() is not None or "listening on port" in self.log)
        found = re.search(r"listening on port ([0-9]+)", self.log)
        assert found is not None, self.log
        self.port = int(found[1])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    @property
    def log(self) -> str:
        """What it wrote."""
        return self._log.read_text(encoding="utf-8")

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Its log, after it has said where it listens."""
        return [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]

    def get(self, path: str) -> requests.Response:
        """Ask for something."""
        return requests.get(f"http://127.0.0.1:{self.port}{path}", timeout=60)

    def post(self, path: str, body: bytes | Mapping[str, Any]) -> requests.Response:
        """Send something."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return requests.post(f"http://127.0.0.1:{self.port}{path}", data=data, timeout=60)

    def ask(self, name: str = "app", namespace: str = "here", **metadata: str) -> tuple[int, str]:
        """Ask for a task; status and body."""
        payload = {"name": name, "namespace": namespace, "phase": "Progressing", "checksum": "x", "metadata": metadata}
        answer = self.post("/", payload)
        return answer.status_code, answer.text

    def metric(self, name: str, **labels: str) -> float:
        """What a metric shows; 0 if there is none."""
        shown = self.get("/metrics").text
        listed = ",".join(f'{key}="{value}"' for key, value in labels.items())
        start = f"canary_loadtester_{name}{{{listed}}} " if labels else f"canary_loadtester_{name} "
        return sum(float(line[len(start) :]) for line in shown.splitlines() if line.startswith(start))

    def terminate(self) -> None:
        """Ask it to end."""
        self.process.send_signal(signal.SIGTERM)

    def end(self) -> int:
        """End it.

        Returns:
            The exit code.
        """
        if self.process.poll() is None:
            self.terminate()
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
