"""Long campaigns: stories and plans by chance, each from the seed of the campaign and its own number.

So any single one can be played again, on any machine, and any number of processes comes to the same.
"""

import contextlib
import copyreg
import multiprocessing
import multiprocessing.context
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from types import MappingProxyType
from typing import Final

from attrs import define, field, frozen

from canary_core import Policy
from canary_ports import tick
from canary_sims.faults.plan import Plan
from canary_sims.harness.faults.enumeration import by_chance
from canary_sims.harness.faults.shrinking import shrunk
from canary_sims.harness.faults.stories import Story, stories
from canary_sims.harness.faults.trial import Trial, tried
from canary_sims.simulation.life import Driver

__all__ = ["Campaign", "Tallies", "campaign"]


@frozen(kw_only=True)
class Tallies:
    """What a number of runs came to. Tallies of parts add up to that of the whole."""

    runs: int = 0
    turns: int = 0
    """Wake-ups of a controller."""
    calls: int = 0
    """Port calls."""
    struck: tuple[tuple[str, int], ...] = ()
    """How often each kind of fault came about."""
    ends: tuple[tuple[str, int], ...] = ()
    """How often a story ended in each phase."""
    slowest: int = 0
    """The most turns that it took from the last fault to the end."""
    broken: tuple[Trial, ...] = ()
    """Shrunk; at most one for each thing that was broken."""

    def plus(self, other: "Tallies") -> "Tallies":
        """Both together."""
        names = {_names(trial) for trial in self.broken}
        return Tallies(
            runs=self.runs + other.runs,
            turns=self.turns + other.turns,
            calls=self.calls + other.calls,
            struck=_sum(self.struck, other.struck),
            ends=_sum(self.ends, other.ends),
            slowest=max(self.slowest, other.slowest),
            broken=self.broken + tuple(trial for trial in other.broken if _names(trial) not in names),
        )


def _names(trial: Trial) -> str:
    return "; ".join(sorted(each.split(":", maxsplit=1)[0] for each in trial.broken))


def _sum(one: tuple[tuple[str, int], ...], other: tuple[tuple[str, int], ...]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted((Counter(dict(one)) + Counter(dict(other))).items()))


@define
class Campaign:
    """Stories, and the seed of what goes wrong in them."""

    stories: Sequence[Story]
    seed: int = 0
    driver: Driver = tick
    calms: dict[int, Trial] = field(factory=dict)
    """The stories without faults, by their position."""

    @classmethod
    def of(cls, policies: Iterable[Policy], seed: int = 0, driver: Driver = tick) -> "Campaign":
        """All stories of some policies.

        Args:
            policies: To be tried.
            seed: Of the campaign.
            driver: What a tick is; tests pass others.
        """
        return cls([story for policy in policies for story in stories(policy)], seed, driver)

    def run(self, number: int) -> Trial:
        """One run of the campaign."""
        chance = random.Random(f"{self.seed}-{number}")
        position = chance.randrange(len(self.stories))
        calm = self.calm(position)
        plan = by_chance(chance, calm.story.policy, calm.calls, calm.turns)
        return tried(calm.story, plan, driver=self.driver, seed=self.seed, calm=calm)

    def calm(self, position: int) -> Trial:
        """A story without faults."""
        known = self.calms.get(position)
        if known is None:
            story = self.stories[position]
            known = tried(story, Plan(), driver=self.driver, seed=self.seed)
            self.calms[position] = known
        return known

    def again(self, found: Trial, plan: Plan) -> Trial:
        """The story of a trial under another plan."""
        calm = tried(found.story, Plan(), driver=self.driver, seed=self.seed)
        return tried(found.story, plan, driver=self.driver, seed=self.seed, calm=calm)

    def runs(self, numbers: Iterable[int]) -> Tallies:
        """A part of the campaign."""
        whole = Tallies()
        for number in numbers:
            trial = self.run(number)
            whole = whole.plus(self.tally(trial))
        return whole

    def tally(self, trial: Trial) -> Tallies:
        """What one run came to; shrunk, if it broke something."""
        broken: tuple[Trial, ...] = ()
        if trial.broken:
            broken = (shrunk(trial, lambda plan: self.again(trial, plan)),)
        return Tallies(
            runs=1,
            turns=trial.turns,
            calls=len(trial.calls),
            struck=tuple(sorted(Counter(each.what.kind.value for each in trial.struck).items())),
            ends=((trial.end.phase.value, 1),),
            slowest=trial.after,
            broken=broken,
        )


def campaign(
    found: Sequence[Story],
    *,
    runs: int,
    seed: int = 0,
    jobs: int = 1,
    progress: Callable[[Tallies], None] | None = None,
) -> Tallies:
    """Play stories under plans by chance.

    Args:
        found: The stories to choose from.
        runs: How many plans.
        seed: The same seed gives the same plans, whatever the number of processes.
        jobs: Processes that play.
        progress: Called now and then with what there is so far. If it raises, the campaign ends.
    """
    whole = Tallies()
    size = max(_PART, -(-runs // _PARTS))
    parts = [range(begin, min(begin + size, runs)) for begin in range(0, runs, size)]
    with contextlib.ExitStack() as stack:
        results: Iterable[Tallies]
        if jobs == 1:
            results = map(Campaign(found, seed).runs, parts)
        else:
            pool = stack.enter_context(
                ProcessPoolExecutor(jobs, initializer=_begin, initargs=(tuple(found), seed), mp_context=_spawn())
            )
            results = pool.map(_part, parts)
        for tallies in results:
            whole = whole.plus(tallies)
            if progress is not None:
                progress(whole)
    return whole


_PART: Final = 50
"""Runs that a process plays at a time, at least."""
_PARTS: Final = 10_000
"""In how many parts a campaign is cut, at most."""
_campaign: Campaign | None = None


def _read_only(content: dict[object, object]) -> "MappingProxyType[object, object]":
    return MappingProxyType(content)


# Policies keep a read-only view of their hooks, and go to other processes with it.
copyreg.pickle(MappingProxyType, lambda proxy: (_read_only, (dict(proxy),)))


def _spawn() -> multiprocessing.context.SpawnContext:
    return multiprocessing.get_context("spawn")


def _begin(found: tuple[Story, ...], seed: int) -> None:
    global _campaign  # noqa: PLW0603 -- a worker process has one campaign, for its whole life
    _campaign = Campaign(found, seed)


def _part(numbers: range) -> Tallies:
    if _campaign is None:
        raise RuntimeError("a part without a campaign")
    return _campaign.runs(numbers)
