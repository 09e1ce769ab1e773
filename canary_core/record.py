"""What happened, for people and for `canary_core.replay`: how rollouts ended, and what each analysis of the last found.

Nothing is decided by it. It is bounded: of the last rollouts the newest, and of the newest one the last rounds.
"""

import enum
from collections.abc import Iterator
from typing import Final

from attrs import evolve, field, frozen

from canary_core.decisions import Step
from canary_core.observation import Observation
from canary_core.phases import Phase
from canary_core.policy import Bound, Check, HookType, Policy
from canary_core.questions import Answered, Approved, HookQuestion, MetricQuestion, Refused
from canary_core.rollout import Counts, KnownGood, Outcome, Rollout
from canary_core.samples import NoData, Sample, SourceError
from canary_core.values import Value
from canary_core.verdict import Verdict, judge

__all__ = ["UNDER_WAY", "Entry", "Finding", "Heard", "Point", "Record", "Round", "Said", "after"]

UNDER_WAY: Final = frozenset(
    {Phase.WAITING, Phase.PROGRESSING, Phase.WAITING_PROMOTION, Phase.PROMOTING, Phase.FINALISING}
)
"""Phases of a rollout."""
MOST_PAST: Final = 9
"""Rollouts before the last one."""
ROOM: Final = 3000
"""What rounds may take, about as many bytes as they have as JSON."""
LONGEST: Final = 63
"""Characters of a name."""
LONGEST_TITLE: Final = 120
MOST_FINDINGS: Final = 12
"""Of a round; of more, the worst."""
MOST_HEARD: Final = 6
"""Hooks of a round; of more, the last."""
_NO_COUNTS: Final = Counts()


class Said(enum.Enum):
    """What a hook said."""

    APPROVED = "approved"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"


@frozen(kw_only=True, eq=False, repr=False)
class Finding(Value):
    """A check, and what it came to."""

    check: str
    """`Check.id`, cut."""
    verdict: Verdict
    value: float | None = None
    """None: there was none."""
    samples: int | None = None
    bound: Bound = field(factory=Bound)


@frozen(kw_only=True, eq=False, repr=False)
class Heard(Value):
    """A hook, and what it said."""

    hook: str
    """`Hook.id`, cut."""
    type: HookType
    said: Said


@frozen(kw_only=True, eq=False, repr=False)
class Point(Value):
    """Where a rollout stood."""

    phase: Phase
    weight: int = 0
    """Of the canary, percent."""
    mirrored: bool = False
    iterations: int = 0
    counts: Counts = _NO_COUNTS
    attempt: int = 0
    started: bool = True
    """Whether the analysis had begun."""

    @classmethod
    def of(cls, rollout: Rollout) -> "Point":
        """Where a rollout stands."""
        return cls(
            phase=rollout.phase,
            weight=rollout.traffic.canary_weight,
            mirrored=rollout.traffic.mirrored,
            iterations=rollout.iterations,
            counts=rollout.counts,
            attempt=rollout.attempt,
            started=rollout.started,
        )


@frozen(kw_only=True, eq=False, repr=False)
class Round(Value):
    """What was asked at a time, what was found, and where the rollout went."""

    at_s: float
    before: Point
    findings: tuple[Finding, ...] = ()
    """In the order of the policy."""
    hooks: tuple[Heard, ...] = ()
    """In the order in which they were asked."""
    then: Point
    paused: bool = False
    """Whether a person had asked for a hold."""
    known_good: KnownGood = KnownGood.PRIMARY
    """Where traffic could go back to."""
    times: int = 1
    """How often it came to the same, one after the other; `at_s` is of the last time."""
    left_off: int = 0
    """Findings and hooks that there was no room for."""

    @property
    def verdict(self) -> Verdict:
        """The worst of what was found. A hook counts only where it was asked for its judgement."""
        found = [each.verdict for each in self.findings]
        return max([*found, *(_of_hook(each) for each in self.hooks)], default=Verdict.PASS)


def _of_hook(heard: Heard) -> Verdict:
    if heard.said is Said.APPROVED or heard.type not in {HookType.PRE_ROLLOUT, HookType.ROLLOUT}:
        return Verdict.PASS
    return Verdict.ERROR if heard.said is Said.UNREACHABLE else Verdict.FAIL


@frozen(kw_only=True, eq=False, repr=False)
class Entry(Value):
    """A rollout."""

    revision: str | None
    """Fingerprint. None: not known."""
    title: str = ""
    """What people call it."""
    began_s: float
    ended_s: float | None = None
    """None: it is under way."""
    outcome: Outcome | None = None
    """How it ended. None: it is under way, or another revision took its place, or the Canary was deleted."""
    weight: int = 0
    """The most that the canary had, percent."""
    not_passed: int = 0
    """Rounds in which something did not pass."""
    worst: Finding | Heard | None = None
    """What did not pass last."""


@frozen(kw_only=True, eq=False, repr=False)
class Record(Value):
    """What is remembered."""

    now: Entry | None = None
    """The last rollout: under way, or how it ended."""
    rounds: tuple[Round, ...] = ()
    """Of it, oldest first."""
    left_off: int = 0
    """Rounds of it that are forgotten."""
    past: tuple[Entry, ...] = ()
    """The rollouts before, oldest first."""


def after(
    record: Record, policy: Policy, before: Rollout, seen: Observation, answers: tuple[Answered, ...], decided: Step
) -> Record:
    """The record after a decision.

    Args:
        record: As it was.
        policy: By which it was decided.
        before: The rollout that was decided on.
        seen: What was observed.
        answers: What was asked for the decision.
        decided: The decision.
    """
    now = decided.rollout
    record = _entered(record, seen, now)
    entry = record.now
    if entry is None or entry.ended_s is not None:
        return record
    found = _round(policy, before, seen, answers, now)
    record = _with_round(record, found) if found is not None else record
    entry = _judged(entry, found, now)
    if now.phase not in UNDER_WAY:
        entry = evolve(entry, ended_s=seen.now_s, outcome=_outcome(now))
    return evolve(record, now=entry)


# -- Rollouts -------------------------------------------------------------------------------------------------------


def _entered(record: Record, seen: Observation, now: Rollout) -> Record:
    """Have an entry for the rollout under way; what stood there of another one is past."""
    if now.phase not in UNDER_WAY:
        return record
    target = seen.canary.revision if seen.canary is not None else None
    revision = target if now.phase is Phase.WAITING else now.applied
    entry, title = record.now, seen.canary.title[:LONGEST_TITLE] if seen.canary and target == revision else ""
    if entry is not None and entry.ended_s is None:
        if revision in {None, entry.revision}:
            return record
        entry = evolve(entry, ended_s=seen.now_s)
    past = (*record.past, entry)[-MOST_PAST:] if entry is not None else record.past
    return Record(now=Entry(revision=revision, title=title, began_s=seen.now_s), past=past)


def _judged(entry: Entry, found: Round | None, now: Rollout) -> Entry:
    weight = max(entry.weight, now.traffic.canary_weight)
    if found is None or found.verdict is Verdict.PASS:
        return entry if weight == entry.weight else evolve(entry, weight=weight)
    return evolve(entry, weight=weight, not_passed=entry.not_passed + 1, worst=_worst(found))


def _worst(found: Round) -> Finding | Heard:
    hook = next((each for each in found.hooks if _of_hook(each) is not Verdict.PASS), None)
    return hook if hook is not None else max(found.findings, key=lambda each: each.verdict)


def _outcome(now: Rollout) -> Outcome | None:
    return now.outcome if now.phase in Phase.settled() else None


# -- Rounds ---------------------------------------------------------------------------------------------------------


def _round(
    policy: Policy, before: Rollout, seen: Observation, answers: tuple[Answered, ...], now: Rollout
) -> Round | None:
    """What was asked. None: nothing of the kind."""
    findings, hooks = tuple(_findings(policy, answers)), tuple(_heard(policy, answers))
    if not findings and not hooks:
        return None
    kept = sorted(sorted(range(len(findings)), key=lambda index: -findings[index].verdict)[:MOST_FINDINGS])
    return Round(
        at_s=seen.now_s,
        before=Point.of(before),
        findings=tuple(findings[index] for index in kept),
        hooks=hooks[-MOST_HEARD:],
        then=Point.of(now),
        paused=before.paused,
        known_good=before.known_good,
        left_off=len(findings) - len(kept) + max(0, len(hooks) - MOST_HEARD),
    )


def _findings(policy: Policy, answers: tuple[Answered, ...]) -> Iterator[Finding]:
    measured = {each.question.check: each.answer for each in answers if isinstance(each.question, MetricQuestion)}
    for check in policy.checks:
        answer = measured.get(check.id)
        if isinstance(answer, Sample | NoData | SourceError):
            yield _finding(check, answer)


def _finding(check: Check, measured: Sample | NoData | SourceError) -> Finding:
    verdict, name = judge(check, measured), check.id[:LONGEST]
    if not isinstance(measured, Sample) or measured.value != measured.value:  # NaN is no value
        return Finding(check=name, verdict=verdict, bound=check.bound)
    return Finding(check=name, verdict=verdict, value=measured.value, samples=measured.count, bound=check.bound)


def _heard(policy: Policy, answers: tuple[Answered, ...]) -> Iterator[Heard]:
    kinds = {hook.id: hook.type for hook in policy.hooks}
    for each in answers:
        if isinstance(each.question, HookQuestion) and each.question.hook in kinds:
            name = each.question.hook
            yield Heard(hook=name[:LONGEST], type=kinds[name], said=_said(each.answer))


def _said(answer: object) -> Said:
    if isinstance(answer, Approved):
        return Said.APPROVED
    return Said.REFUSED if isinstance(answer, Refused) else Said.UNREACHABLE


def _with_round(record: Record, found: Round) -> Record:
    rounds = record.rounds
    if rounds and _is_again(rounds[-1], found):
        rounds = (*rounds[:-1], evolve(found, times=rounds[-1].times + 1))
    else:
        rounds = (*rounds, found)
    kept = _newest(rounds)
    return evolve(record, rounds=kept, left_off=record.left_off + len(rounds) - len(kept))


def _is_again(last: Round, found: Round) -> bool:
    """Whether a gate is still closed: of that, once is enough."""
    if last.findings or found.findings:
        return False
    return _essence(last) == _essence(found) and _first(found.before) == _first(found.then)


def _essence(found: Round) -> Round:
    """A round without when it was."""
    return evolve(found, at_s=0.0, times=1, before=_first(found.before), then=_first(found.then))


def _first(point: Point) -> Point:
    """A point without how often it was tried."""
    return evolve(point, attempt=0)


def _newest(rounds: tuple[Round, ...]) -> tuple[Round, ...]:
    """As many of the newest rounds as there is room for."""
    room, count = ROOM, 0
    for each in reversed(rounds):
        room -= _size(each)
        if room < 0:
            break
        count += 1
    return rounds[len(rounds) - count :]


def _size(found: Round) -> int:
    """About how many bytes it takes."""
    return 120 + sum(90 + len(each.check) for each in found.findings) + sum(60 + len(each.hook) for each in found.hooks)
