"""Long-running commands of ours as processes, each with its log, ended in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from canary_lab.mesh.programs import tied, wait_or_kill

__all__ = ["Command", "CommandError", "until"]

_POLL_S: Final = 0.02
_STOP_S: Final = 30.0


class CommandError(Exception):
    """A process ended, or did not do in time what it was to do."""


def until(true: Callable[[], bool], seconds: float, otherwise: str) -> None:
    """Wait until something is true.

    Raises:
        CommandError: It is not, in that time.
    """
    end, pause = time.monotonic() + seconds, threading.Event()
    while not true():
        if time.monotonic() > end:
            raise CommandError(otherwise)
        pause.wait(_POLL_S)


class Command:
    """``canary`` with some arguments."""

    def __init__(self, name: str, *arguments: str, log: Path, environment: Mapping[str, str] | None = None) -> None:
        """Makes one that does not run yet.

        Args:
            name: The subcommand.
            arguments: Its arguments.
            log: File for what it prints.
            environment: Added to that of this process.
        """
        canary = str(Path(sys.executable).with_name("canary"))
        self._command = tied((canary, name, *arguments))
        self._name, self.log = name, log
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._begin = 0

    @property
    def pid(self) -> int:
        """Of the process; 0 if it does not run."""
        return self._process.pid if self._process is not None and self._process.poll() is None else 0

    def start(self, said: str, seconds: float = 90.0) -> None:
        """Start it, and wait until it says a text.

        Raises:
            CommandError: It does not.
        """
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._begin = log.tell()
            self._process = subprocess.Popen(  # noqa: S603 - a command of our own, without a shell
                self._command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

        def has_said_it() -> bool:
            if self.pid == 0 and said not in self.text():
                raise CommandError(f"canary {self._name} has ended:\n{self.text()[-2000:]}")
            return said in self.text()

        until(has_said_it, seconds, f"canary {self._name} does not come up, see {self.log}")

    def text(self) -> str:
        """What it has printed since it was started last."""
        with self.log.open("rb") as log:
            log.seek(self._begin)
            return log.read().decode("utf-8", "replace")

    def kill(self) -> None:
        """End it without a word."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> int:
        """End it in order, by force if it takes too long.

        Returns:
            Its exit code.
        """
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        return wait_or_kill(self._process, _STOP_S)
