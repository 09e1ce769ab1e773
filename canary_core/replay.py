"""A record run through the machine once more: the same decisions, or the first that differs.

What the outside looked like besides the answers is not recorded: it is taken to have been as the rollout wanted it.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from attrs import evolve, frozen

from canary_core.forecast import Answers, at_best
from canary_core.machine import step
from canary_core.observation import Observation
from canary_core.phases import Phase
from canary_core.policy import Policy
from canary_core.questions import (
    Answer,
    Answered,
    Approved,
    Ask,
    HookQuestion,
    MetricQuestion,
    Question,
    Refused,
    Unreachable,
)
from canary_core.record import LONGEST, Finding, Point, Round, Said
from canary_core.rollout import Rollout
from canary_core.samples import NoData, Sample, SourceError
from canary_core.split import split_for
from canary_core.values import Value
from canary_core.verdict import Verdict
from canary_core.workload import Workload

__all__ = ["Replayed", "as_now", "replay"]

_CANARY: Final = "v1:canary"
_PRIMARY: Final = "v1:primary"
_ANSWERS: Final[Mapping[Said, Answer]] = {
    Said.APPROVED: Approved(),
    Said.REFUSED: Refused(),
    Said.UNREACHABLE: Unreachable(),
}


@frozen(kw_only=True, eq=False, repr=False)
class Replayed(Value):
    """A round, and what the machine makes of it."""

    round: Round
    found: Point | None
    """Where the machine goes. None: it asks for what is not in the record."""
    missing: str = ""
    """What it asks for: a check, or a hook."""

    @property
    def same(self) -> bool:
        """Whether that is where the rollout went."""
        return self.found == self.round.then


def replay(policy: Policy, rounds: tuple[Round, ...]) -> Iterator[Replayed]:
    """Decide each round of a record once more.

    Args:
        policy: What was declared then.
        rounds: As they were recorded; those that are not whole are passed over.
    """
    for each in rounds:
        if not each.left_off:
            yield _replayed(policy, each)


def _replayed(policy: Policy, recorded: Round) -> Replayed:
    rollout = _rollout(policy, recorded)
    seen = _seen(rollout, recorded)
    while isinstance(decided := step(policy, rollout, seen), Ask):
        answers = []
        for question in decided.questions:
            answer = _answer(question, recorded)
            if answer is None:
                return Replayed(round=recorded, found=None, missing=_named(question))
            answers.append(Answered(question=question, answer=answer))
        seen = evolve(seen, answers=(*seen.answers, *answers))
    return Replayed(round=recorded, found=Point.of(decided.rollout))


def _rollout(policy: Policy, recorded: Round) -> Rollout:
    """The rollout before a round: what is asked is due, and nothing is late."""
    before, since_s = recorded.before, recorded.at_s - policy.interval_s
    bare = Rollout(applied=_CANARY)
    return bare.but(
        phase=before.phase,
        traffic=split_for(policy, bare, before.weight, recorded.at_s, mirrored=before.mirrored),
        iterations=before.iterations,
        counts=before.counts,
        attempt=before.attempt,
        started=before.started,
        applied=_PRIMARY if _is_new(before.phase) else _CANARY,
        promoted=_PRIMARY,
        known_good=recorded.known_good,
        paused=recorded.paused,
        replicas=1,
        since_s=since_s,
        changed_s=since_s,
    )


def _is_new(phase: Phase) -> bool:
    """Whether the target has another revision than the one that was acted upon last."""
    return phase is Phase.WAITING or phase in Phase.settled()


def _seen(rollout: Rollout, recorded: Round) -> Observation:
    pods = Workload(replicas=1, updated=1, total=1, available=1)
    return Observation(
        now_s=recorded.at_s,
        canary=evolve(pods, revision=_CANARY),
        primary=evolve(pods, revision=_PRIMARY),
        routes=rollout.traffic,
    )


def _answer(question: Question, recorded: Round) -> Answer | None:
    """What was answered. None: it was not asked."""
    if isinstance(question, MetricQuestion):
        check = question.check[:LONGEST]
        return next((_measured(each) for each in recorded.findings if each.check == check), None)
    hook = question.hook[:LONGEST] if isinstance(question, HookQuestion) else None
    return next((_ANSWERS[each.said] for each in recorded.hooks if each.hook == hook), None)


def _measured(found: Finding) -> Answer:
    if found.value is not None:
        return Sample(value=found.value, count=found.samples)
    return SourceError(message="") if found.verdict is Verdict.ERROR else NoData()


def _named(question: Question) -> str:
    if isinstance(question, MetricQuestion):
        return f"check {question.check}"
    return f"hook {question.hook}" if isinstance(question, HookQuestion) else type(question).__name__


# -- For a forecast -------------------------------------------------------------------------------------------------


def as_now(policy: Policy, rounds: tuple[Round, ...]) -> Answers:
    """Checks go on as they came out last, and so do hooks; who has not been asked yet answers as at best.

    Args:
        policy: What is declared.
        rounds: What was found until now, oldest first.
    """
    best, metrics, hooks = at_best(policy), dict[str, Answer](), dict[str, Answer]()
    for each in rounds:
        metrics |= {found.check: _measured(found) for found in each.findings}
        hooks |= {heard.hook: _ANSWERS[heard.said] for heard in each.hooks}

    def answer(question: Question) -> Answer:
        if isinstance(question, MetricQuestion):
            return metrics.get(question.check[:LONGEST]) or best(question)
        known = hooks.get(question.hook[:LONGEST]) if isinstance(question, HookQuestion) else None
        return known or best(question)

    return answer
