"""A rollout whose outside does at once what is decided, with what is remembered of it."""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve

from canary_core import (
    Answer,
    Answered,
    Ask,
    Notice,
    Observation,
    Outcome,
    Phase,
    Policy,
    Question,
    Record,
    Request,
    Rollout,
    Traffic,
    Verb,
    Workload,
    step,
)
from canary_core.forecast import _again_s, _obeyed, _ready
from canary_core.record import after

__all__ = ["V1", "Life"]

V1 = "v1:1"
START_S = 1_000_000.0
SETTLED = Rollout(phase=Phase.SUCCEEDED, applied=V1, promoted=V1, outcome=Outcome.COMPLETED, replicas=2)


class Life:
    """A rollout whose outside obeys at once, and what is remembered of it."""

    def __init__(self, policy: Policy) -> None:
        self.policy, self.rollout, self.record = policy, SETTLED, Record()
        self.records: list[Record] = []
        self.told: list[Notice] = []
        self.now_s, self.seen = START_S, Observation(now_s=START_S)
        pods = Workload(revision=V1, replicas=2, updated=2, total=2, available=2)
        self.seen = Observation(now_s=START_S, canary=evolve(pods, replicas=0), primary=pods, routes=Traffic())

    def declare(self, revision: str, title: str = "") -> None:
        """Have the target be another revision."""
        assert self.seen.canary is not None
        self.seen = evolve(self.seen, canary=evolve(self.seen.canary, revision=revision, title=title))

    def ask(self, verb: Verb) -> None:
        """Ask for something."""
        self.seen = evolve(self.seen, request=Request(id=f"{verb.value}/{self.seen.now_s}", verb=verb))

    def go(self, answers: Callable[[Question], Answer], most: int = 400) -> None:
        """Carry it on until it rests."""
        for _ in range(most):
            if not self.once(answers):
                return

    def once(self, answers: Callable[[Question], Answer]) -> bool:
        """Decide once. Returns whether anything is still to come."""
        seen = evolve(self.seen, answers=())
        while isinstance(decided := step(self.policy, self.rollout, seen), Ask):
            told = tuple(Answered(question=each, answer=answers(each)) for each in decided.questions)
            seen = evolve(seen, answers=(*seen.answers, *told))
        still = decided.rollout == self.rollout and not decided.decisions
        if decided.rollout != self.rollout:
            self.record = after(self.record, self.policy, self.rollout, seen, seen.answers, decided)
            self.records.append(self.record)
        self.told += decided.notices
        self.rollout, self.seen = decided.rollout, _obeyed(seen, decided.decisions)
        self.seen = evolve(self.seen, canary=_ready(self.seen.canary), primary=_ready(self.seen.primary))
        self.seen = evolve(self.seen, now_s=_again_s(decided, seen.now_s), request=None)
        return not (still and (decided.next_s is None or self.rollout.settled))
