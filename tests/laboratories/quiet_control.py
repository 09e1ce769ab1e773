"""A controller over a quiet server, in virtual time: who wants to know what it writes, and when, reads it here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self

from attrs import frozen

from campaigns.process import Process
from canary_adapters.controller.options import Options
from canary_adapters.kubernetes.answers import content_of
from canary_adapters.webhook.http import Answer
from canary_lab.cluster.requests import parse
from canary_lab.cluster.store import Event
from laboratories.quiet_server import Obj, QuietServer

MOST_TURNS: Final = 5000
_WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@frozen(kw_only=True)
class Request:
    """A request of the controller."""

    at_s: float
    method: str
    what: str
    """The resource, with its subresource."""
    namespace: str
    name: str
    status: int
    dry_run: bool = False

    @property
    def is_event(self) -> bool:
        """Whether it tells people something."""
        return self.what == "events"

    @property
    def is_write(self) -> bool:
        """Whether it would change anything else."""
        return self.method in _WRITES and not self.is_event and not self.dry_run


class QuietControl:
    """One process, its requests, and the time."""

    def __init__(self, server: QuietServer, options: Options | None = None) -> None:
        self.server = server
        self.requests: list[Request] = []
        self.turns: Counter[str] = Counter()
        """Of work, by namespace/name of the canary."""
        self.success_rate = 100.0
        self.closed: set[str] = set()
        """Addresses of gates that say no."""
        self._heard: list[Event] = []
        self._end = server.store.subscribe(self._heard.append)
        self.process = Process(self, options)
        self._heard.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        self.process.end()

    # -- What the process talks to ----------------------------------------------------------------------------------

    def now_s(self) -> float:
        """The present time."""
        return self.server.now_s

    def measured(self, query: str) -> list[float]:
        """The values of a query."""
        return [0.05] if "bucket" in query else [self.success_rate]

    def posted(self, url: str, body: Any) -> Answer:
        """A hook says yes, unless its gate is closed."""
        return Answer(403 if url in self.closed else 200, "")

    def lists(self, method: str, path: str, **how: Any) -> Obj:
        """A request of the caches."""
        return self.server.lists(method, path, **how)

    def send(
        self, method: str, path: str, *, query: Mapping[str, str], headers: Mapping[str, str], body: Obj | None
    ) -> Obj:
        """A request of the controller."""
        info = parse(method, path, query)
        answer = self.server.request(method, path, query=query, headers=headers, body=body)
        what = f"{info.resource}{'/' if info.subresource else ''}{info.subresource}"
        self.requests.append(
            Request(
                at_s=self.now_s(),
                method=method,
                what=what,
                namespace=info.namespace,
                name=info.name,
                status=answer.status,
                dry_run="dryRun" in query,
            )
        )
        self.hear()
        return content_of(f"{method} {path}", answer.status, {}, answer.data)

    # -- Time -------------------------------------------------------------------------------------------------------

    def hear(self) -> None:
        """Changes reach the caches."""
        heard, self._heard[:] = list(self._heard), []
        for event in heard:
            self.process.caches.hear(event)

    def run(self, seconds: float) -> None:
        """Let time pass, with all that is due in it."""
        end, turns = self.now_s() + seconds, 0
        while True:
            self.server.settle()
            self.hear()
            done = self.process.work()
            if done is not None:
                self.turns["/".join(done[0])] += 1
                turns += 1
                assert turns < MOST_TURNS, f"{turns} turns within {self.now_s() - end + seconds:g} s"
                continue
            times = (self.process.next_s, self.server.next_s())
            due = min((time for time in times if time is not None and time > self.now_s()), default=end)
            self.server.now_s = min(due, end)
            if due >= end:
                return

    def since(self, at_s: float) -> list[Request]:
        """The requests from a time on."""
        return [request for request in self.requests if request.at_s >= at_s]
