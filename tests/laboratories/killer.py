"""Kills a process of its own accord: around one of its writes, or somewhat later."""

from __future__ import annotations

import enum
import os
import random
import signal
import threading
from typing import Self

from aiohttp import web
from attrs import frozen

from canary_lab.cluster.requests import Info
from canary_lab.cluster.server import Next
from laboratories.lab import AGENT

WRITES = frozenset({"create", "update", "patch", "delete"})


class When(enum.Enum):
    """Around a write."""

    BEFORE = "before"
    """It was sent, and has no effect."""
    AFTER = "after"
    """It has its effect, and its answer is lost."""
    LATER = "later than"
    """Its answer has come, and the process has gone on for a while."""


@frozen
class Moment:
    """When a process is killed."""

    when: When
    write: int
    """Which of the writes that come, 1 is the next one."""
    later_s: float
    """How much later, where it is later; seconds."""

    @classmethod
    def drawn(cls, chance: random.Random, writes: int) -> Self:
        """One at random, within so many writes."""
        return cls(chance.choice(list(When)), chance.randrange(1, writes + 1), chance.uniform(0.0, 1.0))

    def __str__(self) -> str:
        return f"{self.when.value} {self.write}"


class Killer:
    """A middleware of the embedded API server that kills a controller at a moment."""

    def __init__(self) -> None:
        self.killed = threading.Event()
        self._lock = threading.Lock()
        self._process, self._left = 0, 0
        self._moment: Moment | None = None

    def arm(self, process: int, moment: Moment) -> None:
        """Have a process killed."""
        with self._lock:
            self.killed.clear()
            self._process, self._moment, self._left = process, moment, moment.write

    async def __call__(self, request: web.BaseRequest, info: Info, after: Next) -> web.StreamResponse:
        """See a request."""
        moment = self._struck(request, info)
        if moment is None:
            return await after()
        if moment.when is When.BEFORE:
            self._kill()
            return web.Response(status=503)  # nobody is there to read it
        answer = await after()
        if moment.when is When.AFTER:
            self._kill()
        else:
            threading.Timer(moment.later_s, self._kill).start()
        return answer

    def _struck(self, request: web.BaseRequest, info: Info) -> Moment | None:
        if info.verb not in WRITES or AGENT not in request.headers.get("User-Agent", ""):
            return None
        with self._lock:
            self._left -= 1
            return self._moment if self._left == 0 else None

    def _kill(self) -> None:
        os.kill(self._process, signal.SIGKILL)
        self.killed.set()
