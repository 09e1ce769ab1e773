"""One tick in the abstract: every way in which the questions may be answered, and every place where it may die.

It follows the order that the driver keeps (observe, decide, store, act, again), without ports.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from attrs import evolve, frozen

from canary_core import (
    Answer,
    Answered,
    Approved,
    Ask,
    Check,
    HookQuestion,
    HookType,
    MetricQuestion,
    NoData,
    Observation,
    Phase,
    Policy,
    Question,
    Refused,
    Rollout,
    Sample,
    SourceError,
    SourcesOnline,
    SourcesQuestion,
    Step,
    Tell,
    Told,
    Unreachable,
    Verb,
)
from canary_sims.harness.moves import acted, observed
from canary_sims.laws.invariants import broken
from canary_sims.laws.truth import Acted, Decided, Facts, Rested, counted, promised

__all__ = ["MAX_PASSES", "Edge", "Leaf", "Machine", "Options", "all_options", "best_options", "ticks"]

MAX_PASSES: Final = 12
"""More passes than this in one tick, and it loops. The driver allows for as many."""

Machine: TypeAlias = Callable[[Policy, Rollout, Observation], "Ask | Step"]
Options: TypeAlias = Callable[[Policy, Question], "list[tuple[str, Answer]]"]
Edge: TypeAlias = tuple[Phase, Phase]


@frozen(kw_only=True)
class Leaf:
    """How a tick may go."""

    text: str
    """The answers given, and where it died, if it did."""
    rollout: Rollout
    facts: Facts
    quiet: bool
    """Whether nothing more is to come before something changes outside."""
    edges: tuple[Edge, ...]
    broken: tuple[str, ...]
    crashed: bool = False


@frozen
class _Run:
    rollout: Rollout
    facts: Facts
    texts: tuple[str, ...] = ()
    edges: tuple[Edge, ...] = ()
    broken: tuple[str, ...] = ()
    passes: int = 0
    asked: int = 0
    changes: int = 0

    def leaf(self, *, quiet: bool = False, crash: str = "", more: tuple[str, ...] = ()) -> Leaf:
        texts = (*self.texts, crash) if crash else self.texts
        return Leaf(
            text=", ".join(texts),
            rollout=self.rollout,
            facts=self.facts,
            quiet=quiet,
            edges=self.edges,
            broken=self.broken + more,
            crashed=bool(crash),
        )


def all_options(policy: Policy, question: Question) -> list[tuple[str, Answer]]:
    """One answer of each class, the healthy one first."""
    match question:
        case MetricQuestion(check=identity):
            return _measurements(next(check for check in policy.checks if check.id == identity))
        case SourcesQuestion():
            return [("sources answer", SourcesOnline()), ("sources are down", SourceError(message="down"))]
        case HookQuestion(hook=identity):
            kind = next(hook.type for hook in policy.hooks if hook.id == identity)
            words = f"{kind.value} hook"
            found: list[tuple[str, Answer]] = [(f"{words} approves", Approved()), (f"{words} refuses", Refused())]
            if kind is HookType.ROLLBACK:
                found.reverse()
            return [*found, (f"{words} is unreachable", Unreachable())]
        case Tell():
            return [("", Told())]


def best_options(policy: Policy, question: Question) -> list[tuple[str, Answer]]:
    """Only the healthy answer."""
    return all_options(policy, question)[:1]


def _measurements(check: Check) -> list[tuple[str, Answer]]:
    low, high = check.bound.minimum, check.bound.maximum
    good = low if low is not None else high if high is not None else 0.0
    bad = low - 1 if low is not None else high + 1 if high is not None else None
    found: list[tuple[str, Answer]] = [("check passes", Sample(value=good, count=check.min_samples))]
    if bad is not None:
        found.append(("check fails", Sample(value=bad, count=check.min_samples)))
    return [*found, ("check has no data", NoData()), ("check's source is down", SourceError(message="down"))]


def ticks(
    machine: Machine,
    policy: Policy,
    rollout: Rollout,
    facts: Facts,
    *,
    now_s: float,
    options: Options = all_options,
    request: Verb | None = None,
    idle: bool = False,
    crashes: bool = True,
) -> Iterator[Leaf]:
    """All ways in which a tick may go.

    Args:
        machine: `canary_core.step`, or a mutant of it.
        policy: An abstracted policy.
        rollout: As stored.
        facts: The world as it is.
        now_s: The present time.
        options: The answers that a question may get.
        request: What a person asks for.
        idle: Whether the state was quiet, and nothing but time has happened since.
        crashes: Whether the driver may die on the way.
    """
    open_runs = [_Run(rollout, facts)]
    while open_runs:
        run = open_runs.pop()
        seen = observed(run.facts, now_s, request)
        for texts, asked, answered, step in _decisions(machine, policy, run.rollout, seen, options):
            if isinstance(step, str):
                yield evolve(run, texts=run.texts + texts).leaf(more=(step,))
                continue
            after = _stored(policy, run, step, answered, texts, asked)
            yield from _dying(run, after, step) if crashes else ()
            for index, decision in enumerate(step.decisions):
                after = _done(policy, after, acted(after.facts, decision))
                if crashes and index == 0 and len(step.decisions) > 1:
                    yield after.leaf(crash="crash after the first action")
            if after.facts.gone:
                yield after.leaf(quiet=True)
            elif step.next_s is None or step.next_s > now_s:
                yield _rested(policy, after, step, idle=idle, now_s=now_s)
            elif after.passes >= MAX_PASSES:
                yield after.leaf(more=(f"the tick does not end: {step.reason}",))
            else:
                open_runs.append(after)
                yield from _pausing(run, after) if crashes else ()


def _dying(run: _Run, stored: _Run, step: Step) -> Iterator[Leaf]:
    if step.decisions and stored.rollout != run.rollout:
        yield stored.leaf(crash="crash before acting")


def _pausing(run: _Run, after: _Run) -> Iterator[Leaf]:
    if after.changes > run.changes:
        yield after.leaf(crash="crash before the next pass")


def _decisions(
    machine: Machine, policy: Policy, rollout: Rollout, seen: Observation, options: Options
) -> Iterator[tuple[tuple[str, ...], int, tuple[Answered, ...], Step | str]]:
    open_calls: list[tuple[tuple[str, ...], int, Observation]] = [((), 0, seen)]
    while open_calls:
        texts, asked, seen = open_calls.pop()
        try:
            answer = machine(policy, rollout, seen)
        except Exception as error:  # noqa: BLE001 that it never raises is what is being checked
            yield texts, asked, seen.answers, f"step raises {type(error).__name__}: {error}"
            continue
        if not isinstance(answer, Ask):
            yield texts, asked, seen.answers, answer
            continue
        outside = sum(not isinstance(question, Tell) for question in answer.questions)
        for chosen in itertools.product(*(options(policy, question) for question in answer.questions)):
            found = tuple(Answered(question=q, answer=a) for q, (_, a) in zip(answer.questions, chosen, strict=True))
            words = tuple(text for text, _ in chosen if text)
            open_calls.append((texts + words, asked + outside, evolve(seen, answers=seen.answers + found)))


def _stored(
    policy: Policy, run: _Run, step: Step, answers: tuple[Answered, ...], texts: tuple[str, ...], asked: int
) -> _Run:
    before, after, facts = run.rollout, step.rollout, run.facts
    event = Decided(policy=policy, before=before, after=after, answers=answers, notices=step.notices, facts=facts)
    edges = run.edges
    restarted = after.phase is Phase.PROGRESSING and before.applied != after.applied
    if before.phase is not after.phase or restarted:
        edges = (*edges, (before.phase, after.phase))
    failures, good = counted(policy, facts, before, after, answers), promised(facts, before, after)
    if failures != facts.failures or good != facts.good:
        facts = evolve(facts, failures=failures, good=good)
    return _Run(
        rollout=after,
        facts=facts,
        texts=run.texts + texts,
        edges=edges,
        broken=run.broken + broken(event),
        passes=run.passes + 1,
        asked=run.asked + asked,
        changes=run.changes + (before != after) + len(step.decisions),
    )


def _done(policy: Policy, run: _Run, after: Facts | str) -> _Run:
    if isinstance(after, str):
        return evolve(run, broken=(*run.broken, f"a port refuses: {after}"))
    if after == run.facts:
        return run
    event = Acted(policy=policy, rollout=run.rollout, before=run.facts, after=after)
    return evolve(run, facts=after, broken=run.broken + broken(event))


def _rested(policy: Policy, run: _Run, step: Step, *, idle: bool, now_s: float) -> Leaf:
    event = Rested(
        policy=policy,
        rollout=run.rollout,
        facts=run.facts,
        idle=idle,
        asked=run.asked,
        changes=run.changes,
        now_s=now_s,
    )
    return run.leaf(quiet=step.next_s is None and run.rollout.settled, more=broken(event))
