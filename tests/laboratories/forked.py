"""``canary`` commands as processes that need not import anew what each of them imports.

Nearly all that a controller of a laboratory computes in its short life is its imports: 0.7 s of a processor. A program
that has done them once (`laboratories.forking`) forks for each command. What runs is a process of its own, with its own
memory, files, environment and signals, that ends as any other. That the installed command starts is for tests to say
that start it: those of the command line, of the charts, of the pages and of the demo.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

__all__ = ["Forked", "run"]

_PROGRAM: Final = Path(__file__).with_name("forking.py")


class _Forking:
    """The program, asked by one thread at a time."""

    def __init__(self) -> None:
        self._asks, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        with theirs:
            command = [sys.executable, str(_PROGRAM), str(theirs.fileno())]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])

    def fork(self, request: bytes, files: list[int]) -> int:
        """The id of a process that runs what is asked for.

        Args:
            request: Command line, folder and environment, as JSON.
            files: Its standard input, output and error, and where its exit code is to be written.
        """
        with self._lock:
            socket.send_fds(self._asks, [request], files)
            pid = self._asks.recv(64)
        assert pid, f"{_PROGRAM} has ended: {self._process.poll()}"
        return int(pid)


_forking: Final = cache(_Forking)


class Forked:
    """A process that runs a ``canary`` command: what tests use of `subprocess.Popen`."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        stdin: int | None = None,
        stdout: int,
        stderr: int,
        env: Mapping[str, str],
    ) -> None:
        request = {"command": list(command), "folder": str(Path.cwd()), "environment": dict(env)}
        self._ended, told = os.pipe()
        self._lock = threading.Lock()
        self.returncode: int | None = None
        nothing = os.open(os.devnull, os.O_RDONLY)
        try:
            files = [nothing if stdin is None else stdin, stdout, stderr, told]
            self.pid = _forking().fork(json.dumps(request).encode(), files)
        finally:
            os.close(nothing)
            os.close(told)

    def poll(self) -> int | None:
        """Its exit code, negative for a signal. None: it runs."""
        return self._code(0.0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end.

        Raises:
            subprocess.TimeoutExpired: It still runs.
        """
        found = self._code(timeout)
        if found is None:
            raise subprocess.TimeoutExpired("canary", timeout or 0.0)
        return found

    def send_signal(self, number: int) -> None:
        """Send a signal, if it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it without a word."""
        self.send_signal(signal.SIGKILL)

    def _code(self, seconds: float | None) -> int | None:
        with self._lock:
            if self.returncode is None and select.select([self._ended], [], [], seconds)[0]:
                text = os.read(self._ended, 64)
                assert text, f"whoever started process {self.pid} has ended before it"
                os.close(self._ended)
                self.returncode = int(text)
            return self.returncode


def run(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    stdin: str | bytes = b"",
    timeout_s: float = 60.0,
) -> subprocess.CompletedProcess[str]:
    """Run a ``canary`` command to its end.

    Raises:
        subprocess.TimeoutExpired: It takes longer.
    """
    with TemporaryFile() as into, TemporaryFile("w+") as out, TemporaryFile("w+") as error:
        into.write(stdin.encode() if isinstance(stdin, str) else stdin)
        into.seek(0)
        files = {"stdin": into.fileno(), "stdout": out.fileno(), "stderr": error.fileno()}
        running = Forked(command, **files, env=env)
        try:
            code = running.wait(timeout_s)
        finally:
            running.kill()
        out.seek(0)
        error.seek(0)
        return subprocess.CompletedProcess(list(command), code, out.read(), error.read())
