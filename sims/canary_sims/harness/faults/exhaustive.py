"""All single faults of a story, all frozen ones, and all pairs of faults.

Pairs are many. But most first faults are made up for within a turn or two, and lead to the same few places; and what
a second fault does from there on is the same whatever led there. So second faults are tried once from each place.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeAlias

from attrs import define, field, frozen

from canary_ports import tick
from canary_sims.faults.plan import CallFault, Fault, Plan, WakeFault
from canary_sims.harness.faults.enumeration import in_order, singles, standings
from canary_sims.harness.faults.stories import Story
from canary_sims.harness.faults.trial import LONGEST, Playing, Rest, Trial, begun, patience
from canary_sims.simulation.life import Driver, Life

__all__ = ["Exhaustive", "Tally", "exhaust"]

Progress: TypeAlias = Callable[[Trial], None]
_NOTHING: Final = Plan()


@frozen(kw_only=True)
class Tally:
    """What trying all plans of a story came to."""

    story: Story
    calm: Trial
    plans: int
    """Tried."""
    covered: int
    """Plans that those stand for: more than were tried, where several come to the same."""
    slowest: int
    """The most turns that it took from the last fault to the end."""
    broken: tuple[Trial, ...]
    """Those that must not be, in the order in which they were found."""


def exhaust(
    story: Story,
    *,
    driver: Driver = tick,
    pairs: bool = False,
    most: int | None = None,
    progress: Progress | None = None,
) -> Tally:
    """Try every single fault of a story, and every frozen one; and every pair, if wanted.

    Args:
        story: What happens.
        driver: What a tick is; tests pass others.
        pairs: Whether two faults are tried as well.
        most: Stop after so many trials that must not be.
        progress: Called with each trial.
    """
    search = Exhaustive(story, driver, progress)
    for trial in search.trials(pairs=pairs):
        if trial.broken:
            search.broken.append(trial)
            if most is not None and len(search.broken) >= most:
                break
    return Tally(
        story=story,
        calm=search.calm,
        plans=search.plans,
        covered=search.covered,
        slowest=search.slowest,
        broken=tuple(search.broken),
    )


@define
class _Past:
    """A run as it was after each of its turns, to be gone on with in other ways."""

    lives: list[Life] = field(factory=list)
    bounds: list[tuple[int, int]] = field(factory=list)
    """Calls and wake-ups until then."""

    def note(self, life: Life) -> None:
        """Keep how it is now, unless a write is under way."""
        self.bounds.append((life.injector.calls, life.wakes))
        if not life.injector.late:
            self.lives.append(life.fork(_NOTHING, remembers=True))

    def before(self, plan: Plan, *, remembers: bool = False) -> Life:
        """A life that is about to meet the last fault of a plan."""
        found = self.lives[0]
        for life in self.lives[1:]:
            if any(_is_ahead(fault, life) for fault in plan.faults):
                found = life
        return found.fork(plan, remembers=remembers)

    def by_turn(self, faults: Iterable[Fault]) -> list[list[Fault]]:
        """Those of the faults that may strike between one note and the next, for each turn that was noted."""
        ends = [calls for calls, _ in self.bounds]
        found: list[list[Fault]] = [[] for _ in self.bounds[1:]]
        for fault in faults:
            if isinstance(fault, WakeFault):
                turn = fault.wake - 1 - self.bounds[0][1]
            else:
                turn = bisect_left(ends, fault.call) - 1
            if 0 <= turn < len(found):
                found[turn].append(fault)
        return found


def _is_ahead(fault: Fault, life: Life) -> bool:
    return life.wakes < fault.wake if isinstance(fault, WakeFault) else life.injector.calls < fault.call


@define
class Exhaustive:
    """A search through the plans of one story."""

    story: Story
    driver: Driver = tick
    progress: Progress | None = None
    plans: int = 0
    covered: int = 0
    slowest: int = 0
    broken: list[Trial] = field(factory=list)
    calm: Trial = field(init=False)
    calm_past: _Past = field(factory=_Past)
    known: dict[object, Rest] = field(factory=dict)
    visited: dict[object, int] = field(factory=dict)
    """Places from which second faults have been tried, and how many there are from there on."""

    def __attrs_post_init__(self) -> None:
        life = begun(self.story, _NOTHING, driver=self.driver, remembers=True)
        self.calm_past.note(life)
        playing = Playing(self.story, life)
        playing.play(LONGEST, self.known, self.calm_past.note)
        self.calm = playing.trial()

    def trials(self, *, pairs: bool = False) -> Iterator[Trial]:
        """All of them, in a fixed order, the calm one first."""
        yield self._tried(_NOTHING, self.calm_past)
        for plan in standings(self.story.policy, self.calm.calls):
            yield self._tried(plan, self.calm_past)
        firsts = list(self._singles(self.calm))
        for fault in firsts:
            yield self._tried(Plan(faults=(fault,)), self.calm_past)
        if pairs:
            for fault in firsts:
                yield from self._seconds(fault)

    def _singles(self, trial: Trial) -> Iterator[Fault]:
        return singles(trial.calls, trial.turns, interval_s=self.story.policy.interval_s)

    def _tried(self, plan: Plan, past: _Past) -> Trial:
        """Play on from right before the last of the plan's faults; those before it have been met in that past."""
        playing = Playing(self.story, past.before(plan))
        playing.play(patience(self.calm), self.known)
        found = playing.trial(self.calm, strict=len(plan.faults) == 1)
        playing.remember(found, self.known)
        self.plans += 1
        self.covered += 1
        self.slowest = max(self.slowest, found.after)
        if self.progress is not None:
            self.progress(found)
        return found

    def _seconds(self, first: Fault) -> Iterator[Trial]:
        """All faults after this one, as far as they were not tried from the same place."""
        past = _Past()
        life = self.calm_past.before(Plan(faults=(first,)), remembers=True)
        past.note(life)
        playing = Playing(self.story, life)
        # What comes after a place from which second faults were tried has been seen as well.
        playing.play(patience(self.calm), {}, past.note, self.visited)
        later = (fault for fault in self._singles(playing.trial()) if _is_later(fault, first))
        turns = list(zip([None, *playing.places], past.by_turn(later), strict=False))
        left = self.visited.get(playing.places[-1], 0) if playing.places else 0
        self.covered += left
        for here, seconds in reversed(turns):
            left += len(seconds)
            if here is not None:
                self.visited[here] = left
        for _, seconds in turns:
            for second in seconds:
                yield self._tried(Plan(faults=tuple(sorted((first, second), key=in_order))), past)


def _is_later(fault: Fault, first: Fault) -> bool:
    """Whether a fault of the same or a later turn comes after the first one. Wake-ups come before the calls."""
    if isinstance(fault, CallFault):
        return not isinstance(first, CallFault) or fault.call > first.call
    return not isinstance(first, WakeFault) or fault.wake > first.wake
