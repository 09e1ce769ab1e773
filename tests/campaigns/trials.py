"""Trials: what a story came to under a plan, and hunts through all plans with one fault."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any, Final

import structlog
from attrs import define, field, frozen

from campaigns.faults import Fault, Plan, Wrong, faults_of
from campaigns.life import Life
from campaigns.process import SILENT
from campaigns.stories import PLACE, Story, phase_of
from laboratories.quiet_server import Obj, QuietServer

LONGEST: Final = 400
"""Turns of any story without faults."""
WITHIN_S: Final = 800.0
"""The longest of any story without faults: a Deployment says after ten minutes that it makes no progress."""
MORE: Final = 25
"""Turns that a story may take longer after a fault than it takes in all without one."""
_IDENTITY: Final = frozenset(
    {"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "ownerReferences"}
)
_STATUS: Final = frozenset({"phase", "canaryWeight", "iterations", "lastAppliedSpec", "lastPromotedSpec"})
_SAID: Final = ("type", "status", "reason", "message")


@frozen(kw_only=True)
class Trial:
    """What a story came to under a plan."""

    story: Story
    plan: Plan
    requests: tuple[str, ...]
    turns: int
    after: int
    struck: int
    end: Any
    broken: tuple[str, ...]


@frozen
class Hunt:
    """What a hunt came to."""

    found: Trial | None
    plans: int


@define
class Trials:
    """Runs of stories, with what they share: their beginnings and their calm runs."""

    flaggers: bool = False
    """Whether the server has Flagger's definition of Canary."""
    _begun: dict[str, QuietServer | None] = field(factory=dict)
    _calm: dict[str, Trial] = field(factory=dict)

    def calm(self, story: Story) -> Trial:
        """Without faults."""
        if story.name not in self._calm:
            self._calm[story.name] = self.tried(story, Plan())
        return self._calm[story.name]

    def tried(self, story: Story, plan: Plan) -> Trial:
        """Under a plan."""
        with quiet():
            return self._tried(story, plan)

    def _tried(self, story: Story, plan: Plan) -> Trial:
        calm = self.calm(story) if plan.faults else None
        server = self._beginning(story)
        if server is None:
            return _never_begun(story)
        life, began_s = Life(story, server, plan), server.now_s
        life.play(LONGEST if calm is None else calm.turns + MORE)
        if calm is None and server.now_s - began_s > WITHIN_S:
            life.laws.breaks("it ends", f"after {server.now_s - began_s:g} s")
        if life.over:
            requests = tuple(life.requests)
            noise = life.silence()
            if noise:
                life.laws.breaks("settled is silent", f"{len(noise)} requests, such as {noise[0]}")
            told = not any(_hides_events(*each) for each in life.struck)
            life.laws.ended(told=told, calm=not life.struck)
            end = normal(life.server)
            if calm is not None and not calm.broken and end != calm.end and not _is_touched(plan):
                life.laws.breaks("it ends as without faults", _difference(end, calm.end))
        else:
            end = None
            life.laws.breaks("it ends", f"still {phase_of(life.server)} after {life.after} turns without a fault")
            requests = tuple(life.requests)
        return Trial(
            story=story,
            plan=plan,
            requests=requests,
            turns=life.turns,
            after=life.after,
            struck=len(life.struck),
            end=end,
            broken=tuple(dict.fromkeys(life.laws.broken)),
        )

    def _beginning(self, story: Story) -> QuietServer | None:
        if story.name not in self._begun:
            self._begun[story.name] = _begun(story, flaggers=self.flaggers)
        found = self._begun[story.name]
        return None if found is None else found.fork()

    def singles(self, story: Story) -> Iterator[Fault]:
        """Every single fault of a story."""
        return faults_of(self.calm(story).requests)

    def all(
        self, stories: Sequence[Story], among: Sequence[Story] | None = None, kind: Wrong | None = None
    ) -> Iterator[Trial]:
        """All stories without faults, then every single fault, in an order that favours none.

        Args:
            stories: To be played.
            among: Those of which faults are tried. None: all.
            kind: Of the faults. None: all.
        """
        for story in stories:
            yield self.calm(story)
        plans = [(story, fault) for story in (stories if among is None else among) for fault in self.singles(story)]
        plans = [(story, fault) for story, fault in plans if kind in {None, fault.wrong}]
        random.Random(0).shuffle(plans)
        for story, fault in plans:
            yield self.tried(story, Plan(faults=(fault,)))

    def hunted(self, stories: Sequence[Story], among: Sequence[Story] | None = None, kind: Wrong | None = None) -> Hunt:
        """The first trial that breaks a law, and how many it took; see `all`."""
        plans = 0
        for plans, trial in enumerate(self.all(stories, among, kind), 1):
            if trial.broken:
                return Hunt(trial, plans)
        return Hunt(None, plans)


def _never_begun(story: Story) -> Trial:
    broken = ("it ends: it is never initialized, although nothing goes wrong",)
    return Trial(story=story, plan=Plan(), requests=(), turns=0, after=0, struck=0, end=None, broken=broken)


def _begun(story: Story, *, flaggers: bool) -> QuietServer | None:
    """A story's beginning. None: it is never reached."""
    server = QuietServer(flaggers=flaggers)
    server.namespace(PLACE)
    for obj in story.objects:
        server.apply(obj)
    server.settle()
    server.now_s += 10.0
    server.settle()
    if not story.settled:
        return server
    first = Story(name=story.name, objects=story.objects, phase="Initialized", refused=story.refused)
    life = Life(first, server, Plan())
    life.play(LONGEST)
    if not life.over:
        return None
    assert life.process is not None
    life.process.end()
    server.now_s += 1000.0
    return server.fork()


class quiet:  # noqa: N801 - used as a function
    """Without the log of thousands of runs."""

    def __enter__(self) -> None:
        self._before = structlog.get_config()
        structlog.configure(wrapper_class=SILENT, cache_logger_on_first_use=False)

    def __exit__(self, *_: object) -> None:
        structlog.configure(**self._before)


def _hides_events(fault: Fault, request: str) -> bool:
    """Whether an event may be lost by it: they are sent once, and forgotten with the process."""
    return request.endswith("events") or fault.wrong in {Wrong.CRASH, Wrong.CRASH_AFTER}


def _is_touched(plan: Plan) -> bool:
    return any(fault.wrong is Wrong.TOUCHED for fault in plan.faults)


# -- The end, without what differs from run to run --------------------------------------------------------------------


def normal(server: QuietServer) -> dict[str, Any]:
    """All objects of the application, as somebody would compare them who does not care when they were written."""
    return {
        f"{store} {key[1]}": _normal(store, obj)
        for store, key, obj in server.store.everything()
        if key[0] == PLACE and store != "core/events"
    }


def _normal(store: str, obj: Obj) -> Obj:
    metadata = {key: value for key, value in obj["metadata"].items() if key not in _IDENTITY}
    spec = {key: value for key, value in (obj.get("spec") or {}).items() if key not in {"clusterIP", "clusterIPs"}}
    found = {"metadata": metadata, "spec": spec, **{part: obj.get(part) for part in ("data", "binaryData")}}
    if store == "flagger.app/canaries":
        status = obj.get("status") or {}
        found["status"] = {key: value for key, value in status.items() if key in _STATUS}
        found["conditions"] = [{key: each[key] for key in _SAID} for each in status.get("conditions") or ()]
    return found


def _difference(one: dict[str, Any], other: dict[str, Any]) -> str:
    for name in sorted({*one, *other}):
        mine, wanted = one.get(name), other.get(name)
        if mine != wanted:
            if mine is None or wanted is None:
                return f"{name} is {'not there' if mine is None else 'left'}"
            part = next(key for key in mine if mine[key] != wanted.get(key))
            return f"{part} of {name}: {mine[part]} instead of {wanted.get(part)}"
    return "nothing"
