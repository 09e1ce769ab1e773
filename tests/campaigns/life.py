"""A story under a plan of faults, played by real adapters: the loop around server, process and people."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from attrs import define, field

from campaigns.faults import BLIND_S, STATUSES, Fault, Plan, Wrong
from campaigns.laws import Laws
from campaigns.process import Process
from campaigns.stories import PLACE, Story, foreign, phase_of, weight_of
from canary_adapters.kubernetes.answers import content_of
from canary_adapters.webhook.http import Answer
from canary_lab.cluster.errors import status
from canary_lab.cluster.requests import Info, parse
from canary_lab.cluster.store import Event, Key
from canary_ports import UnavailableError
from canary_sims.harness.faults import CrashError
from laboratories.quiet_server import Answered, Obj, QuietServer

_T = TypeVar("_T")
CONFLICT: Final = 409
UNSURE: Final = frozenset({Wrong.LOST, Wrong.LATE, Wrong.TWICE})
RESTART_S: Final = 3.0
"""Until the next process begins."""
LATE_S: Final = 20.0
"""After which a late request arrives in any case."""
RESTS: Final = frozenset({"Initialized", "Succeeded", "Failed"})
SETTLED_S: Final = 100.0
"""A canary that wants to be looked at no sooner than this is settled."""
REFUSED_S: Final = 45.0
SILENCE_S: Final = 1000.0
"""For how long a settled canary is watched in the end."""


@define
class _Late:
    at: int
    at_s: float
    effect: Callable[[], object]


@define
class Life:
    """One run."""

    story: Story
    server: QuietServer
    plan: Plan
    laws: Laws = field(init=False)
    requests: list[str] = field(factory=list)
    """Method and plural of each, over all processes."""
    struck: list[tuple[Fault, str]] = field(factory=list)
    turns: int = 0
    after: int = 0
    """Turns since anything went wrong or happened."""
    over: bool = False
    author: str = "kubernetes"
    authors: dict[tuple[str, Key], str] = field(factory=dict)
    """Who wrote an object last, since the present process began."""
    unsure: bool = False
    """Whether something has kept a process from knowing what became of a write."""
    process: Process | None = None
    _by_request: dict[int, Fault] = field(init=False)
    _late: list[_Late] = field(factory=list)
    _heard: list[Event] = field(factory=list)
    _blind_until_s: float | None = None
    _left: list[Any] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.laws = Laws(self.story, self.server)
        self._by_request = {fault.request: fault for fault in self.plan.faults}
        self._left = list(self.story.happenings)
        self.server.store.subscribe(self._changed)

    # -- What the process talks to ----------------------------------------------------------------------------------

    def now_s(self) -> float:
        """The present time."""
        return self.server.now_s

    def measured(self, query: str) -> list[float]:
        """Bad where requests reach a revision that fails."""
        target = self.server.get("apps/deployments", PLACE, "app")
        image = "" if target is None else target["spec"]["template"]["spec"]["containers"][0]["image"]
        bad = bool(self.story.bad) and image.endswith(self.story.bad) and bool(weight_of(self.server))
        self.laws.measured_good = not bad
        if "bucket" in query:
            return [0.05]
        return [50.0 if bad else 100.0]

    def posted(self, url: str, body: Any) -> Answer:
        """Every hook says yes."""
        return Answer(200, "")

    def lists(self, method: str, path: str, **how: Any) -> Obj:
        """A request of the caches."""
        return self.server.lists(method, path, **how)

    def send(
        self, method: str, path: str, *, query: Mapping[str, str], headers: Mapping[str, str], body: Obj | None
    ) -> Obj:
        """A request of the controller, which something may go wrong with."""
        info, what = parse(method, path, query), f"{method} {path}"
        self.requests.append(f"{method} {info.resource}{'/' if info.subresource else ''}{info.subresource}")
        self._land()

        def perform() -> Answered:
            request, last = self.server.request, self.authors.get(_place(info))
            answer = self._by("controller", lambda: request(method, path, query=query, headers=headers, body=body))
            if answer.status == CONFLICT and last == "controller" and not self.unsure:
                self.laws.breaks("own writes are known", f"{self.requests[-1]} conflicts with an own one")
            return answer

        fault = self._by_request.get(len(self.requests))
        if fault is None:
            return _content(what, perform())
        self.struck.append((fault, self.requests[-1]))
        self.after = 0
        self.unsure = self.unsure or fault.wrong in UNSURE
        if fault.wrong in {Wrong.CRASH, Wrong.REFUSED, Wrong.LATE}:
            return self._without_effect(fault, what, perform)
        return self._with_effect(fault, what, info, perform)

    def _without_effect(self, fault: Fault, what: str, perform: Callable[[], Answered]) -> Obj:
        if fault.wrong is Wrong.CRASH:
            raise CrashError(what)
        if fault.wrong is Wrong.LATE:
            self._late.append(_Late(fault.request + fault.by, self.now_s() + LATE_S, perform))
            raise UnavailableError(f"{what}: no answer in time")
        code = STATUSES[fault.request % len(STATUSES)]
        refusal = status(code, "InternalError", "not now")
        return content_of(what, code, {"Retry-After": "1"}, json.dumps(refusal).encode())

    def _with_effect(self, fault: Fault, what: str, info: Info, perform: Callable[[], Answered]) -> Obj:
        if fault.wrong is Wrong.REDEFINED:
            self.server.redefine()
        if fault.wrong in BLIND_S:
            self._blind_until_s = self.now_s() + BLIND_S[fault.wrong]
        elif fault.wrong in {Wrong.TOUCHED, Wrong.STATUS}:
            self._touch(info, fault.wrong)
        elif fault.wrong is Wrong.TWICE:
            perform()
        answer = perform()
        if fault.wrong is Wrong.LOST:
            raise UnavailableError(f"{what}: the connection broke off")
        if fault.wrong is Wrong.CRASH_AFTER:
            raise CrashError(what)
        return _content(what, answer)

    def _touch(self, info: Info, wrong: Wrong) -> None:
        """Somebody else writes the object first."""
        kind = (info.group, info.version, info.resource)
        if self.server.get(f"{info.group or 'core'}/{info.resource}", info.namespace, info.name) is None:
            return

        def people(obj: Obj) -> None:
            obj["metadata"].setdefault("annotations", {})["example.com/touched"] = "yes"
            if info.resource == "virtualservices":
                obj["spec"]["http"] = [*obj["spec"]["http"], foreign("touched", "/touched")]

        def kubernetes(obj: Obj) -> None:
            more = {"type": "Touched", "status": "True", "reason": "Touched", "message": ""}
            found = obj.setdefault("status", {})
            found["conditions"] = [*(found.get("conditions") or ()), more]

        if wrong is Wrong.STATUS:
            change = lambda: self.server.api.change(kind, info.namespace, info.name, kubernetes, subresource="status")  # noqa: E731
            self._by("kubernetes", change)
        else:
            self._by("people", lambda: self.server.edit(kind, info.namespace, info.name, people))

    def _land(self) -> None:
        """Requests that are still under way arrive."""
        due = [late for late in self._late if late.at <= len(self.requests) or late.at_s <= self.now_s()]
        self._late = [late for late in self._late if late not in due]
        for late in due:
            late.effect()

    # -- Changes ----------------------------------------------------------------------------------------------------

    def _by(self, author: str, act: Callable[[], _T]) -> _T:
        before, self.author = self.author, author
        try:
            return act()
        finally:
            self.author = before
            self._deliver()

    def _changed(self, event: Event) -> None:
        self.laws.changed(event, self.author)
        self.authors[event.store, event.key] = self.author
        self._heard.append(event)

    def _deliver(self) -> None:
        """Changes reach the caches."""
        heard, self._heard = self._heard, []
        if self.process is not None and self._blind_until_s is None:
            for event in heard:
                self.process.caches.hear(event)

    # -- The loop ---------------------------------------------------------------------------------------------------

    def play(self, most: int) -> None:
        """Until it is over, or longer than that without anything going wrong."""
        try:
            while not self.over and self.after <= most:
                self._go_on()
                self.over = self._rests()
        finally:
            if self.process is not None and not self.over:
                self.process.end()

    def silence(self) -> list[str]:
        """Requests while nothing happens any more; the end of the process.

        A few looks at the pods of what is not ready do not count: they have a number and an end of their own.
        """
        before, end = len(self.requests), self.now_s() + SILENCE_S
        assert self.process is not None
        try:
            while self.now_s() < end:
                self._go_on()
        finally:
            self.process.end()
        return [request for request in self.requests[before:] if request != "GET pods"]

    def _go_on(self) -> None:
        self._by("people", self._happen)
        self._by("kubernetes", self.server.settle)
        self._land()
        if self.process is None:
            self._heard.clear()
            self.authors.clear()
            self._blind_until_s = None
            self.process = Process(self)
        if self._blind_until_s is not None and self.now_s() >= self._blind_until_s:
            self._blind_until_s = None
            self.process.caches.relist()
        if not self._work():
            self._wait()

    def _happen(self) -> None:
        while self._left and self._left[0].when(self.server):
            self._left.pop(0).what(self.server)
            self.after = 0

    def _work(self) -> bool:
        assert self.process is not None
        try:
            done = self.process.work()
        except CrashError:
            self.process.end()
            self.process = None
            self.server.now_s += RESTART_S
            return True
        if done is None:
            return False
        (_, name), verdict = done
        self.turns += 1
        self.after += 1
        if not self._blind_until_s:
            self.laws.ticked(name, verdict.result)
        return True

    def _wait(self) -> None:
        """Until something is due."""
        assert self.process is not None
        late = (each.at_s for each in self._late)
        times = (self.process.next_s, self.server.next_s(), self._blind_until_s, *late)
        due = [time for time in times if time is not None and time > self.now_s()]
        self.server.now_s = min(due, default=self.now_s() + SETTLED_S)
        if not due:
            self.after += 1

    def _rests(self) -> bool:
        """Whether everybody is settled, and nothing is under way."""
        if self.process is None or self._left or self._late or self._blind_until_s is not None:
            return False
        if self.server.next_s() is not None or phase_of(self.server) not in {*RESTS, None}:
            return False
        refused = {(PLACE, refusal.name) for refusal in self.story.refused}
        due = self.process.queue._due
        return all(
            time - self.now_s() >= (REFUSED_S if key in refused or key[1] != "app" else SETTLED_S)
            for key, time in due.items()
        )


def _place(info: Info) -> tuple[str, Key]:
    return f"{info.group or 'core'}/{info.resource}", (info.namespace, info.name)


def _content(what: str, answer: Answered) -> Obj:
    return content_of(what, answer.status, {}, answer.data)
