"""Every reachable state of a policy, breadth first, and every invariant in each of them.

The machine is pure and a policy is finite. So, with numbers made small and names made canonical
(`canary_sims.harness.abstraction`), the states that a rollout can be in together with its world are finitely many, and
can all be visited: under every move of the world, every class of answer, every request of a person, and with the
driver dying between any two of its writes. From each of them the world is then made to behave, and the rollout has to
end.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

from attrs import define, field, frozen

from canary_core import Outcome, Phase, Policy, Rollout, Verb, step
from canary_sims.harness.abstraction import INTERVAL_S, Ages, abstracted, canonical, spent
from canary_sims.harness.moves import Move, behaved, calm, interferences, trouble
from canary_sims.harness.ticking import Edge, Machine, best_options, ticks
from canary_sims.laws.truth import Facts, Pods

__all__ = ["Counterexample", "Exploration", "explore"]

_ENDS: Final = frozenset({Phase.INITIALIZED, Phase.SUCCEEDED, Phase.FAILED, Phase.TERMINATED})
_PATIENCE: Final = 60
"""Intervals in which a behaving world must have seen the end of any rollout of an abstracted policy."""

_FIRST: Final = Facts(target=Pods(declared="v1:a", serving="v1:a", whole=True))
_State: TypeAlias = tuple[int, Facts, bool]
"""Number of the stored rollout; the world; whether all was quiet."""


@frozen(kw_only=True)
class Counterexample:
    """The shortest way to something that must not be."""

    broken: tuple[str, ...]
    path: tuple[str, ...]
    """What happens, move by move, from the first observation on."""

    def __str__(self) -> str:
        steps = [f"{number:3}. {text}" for number, text in enumerate(self.path, 1)]
        return "\n".join([*self.broken, *steps])


@frozen(kw_only=True)
class Exploration:
    """What an exploration found."""

    policy: Policy
    """As explored: abstracted."""
    states: int
    transitions: int
    edges: frozenset[Edge]
    phases: frozenset[Phase]
    counterexamples: tuple[Counterexample, ...]

    @property
    def holds(self) -> bool:
        """Whether every invariant held everywhere."""
        return not self.counterexamples


def explore(
    policy: Policy,
    *,
    interference: int = 1,
    people: bool = True,
    start: tuple[Rollout, Facts] | None = None,
    machine: Machine = step,
    most: int = 1,
    limit: int = 500_000,
    progress: Callable[[int, int], None] | None = None,
) -> Exploration:
    """Visit every reachable state of a policy.

    Args:
        policy: As declared; it is abstracted first.
        interference: How many crashes, hand edits, deletions and requests may be in effect at once. What has been
            recovered from is not in effect any more, so that they may follow each other without end. After the last
            one the world is calm: time passes, pods become ready, questions get any answer.
        people: Whether people and other tools interfere, or only crashes do. With them, it takes four times as long.
        start: A rollout and its world, as of time 0 and of the abstracted policy. None: before any rollout.
        machine: What to explore; tests pass mutants.
        most: Stop after so many counterexamples that differ in what they break.
        limit: Give up, as if not finite, beyond so many states.
        progress: Called now and then with the number of states that are done, and that are known.

    Raises:
        RuntimeError: More states than ``limit``.
    """
    explorer = _Explorer(
        policy=abstracted(policy), machine=machine, interference=interference, people=people, most=most
    )
    explorer.run(start, limit, progress)
    return Exploration(
        policy=explorer.policy,
        states=len(explorer.states),
        transitions=explorer.transitions,
        edges=frozenset(explorer.edges),
        phases=frozenset(rollout.phase for rollout in explorer.rollouts),
        counterexamples=tuple(explorer.found.values()),
    )


@define
class _Explorer:
    policy: Policy
    machine: Machine
    interference: int
    people: bool = True
    most: int = 1
    ages: Ages = field(init=False)
    rollouts: list[Rollout] = field(factory=list)
    rollout_numbers: dict[Rollout, int] = field(factory=dict)
    states: dict[_State, int] = field(factory=dict)
    parents: list[tuple[int, str]] = field(factory=list)
    open: list[list[_State]] = field(init=False)
    """To be visited, in order, by the number of interferences that it took."""
    depths: list[int] = field(factory=list)
    ending: set[_State] = field(factory=set)
    """States from which a behaving world is known to see the end."""
    edges: set[Edge] = field(factory=set)
    taken: dict[tuple[int, Facts, float, Verb | None, bool, bool], int] = field(factory=dict)
    """Ticks that were gone through, by what they depend on, and in how many ways they can go."""
    transitions: int = 0
    found: dict[str, Counterexample] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.ages = Ages.of(self.policy)
        self.open = [[] for _ in range(self.interference + 1)]

    def run(self, start: tuple[Rollout, Facts] | None, limit: int, progress: Callable[[int, int], None] | None) -> None:
        rollout, facts = start if start is not None else (Rollout(), _FIRST)
        text = "a target that runs" if start is None else f"{rollout.phase.value}, {rollout.traffic.canary_weight} %"
        self._reach(-1, 0, text, self._state(rollout, facts, quiet=False, now_s=0.0))
        visited = 0
        for depth, queue in enumerate(self.open):
            for state in queue:  # grows while it is walked
                number = self.states[state]
                if self.depths[number] < depth:
                    continue  # found again with less interference, and visited then
                visited += 1
                if progress is not None and visited % 100 == 1:
                    progress(visited, len(self.states))
                self._expand(number, depth, state)
                self._must_end(number, state)
                if len(self.found) >= self.most:
                    return
                if len(self.states) > limit:
                    raise RuntimeError(f"more than {limit} states")

    def _expand(self, number: int, depth: int, state: _State) -> None:
        stored, facts, quiet = state
        rollout = self.rollouts[stored]
        if facts.gone:
            return
        deadline_s = max(self.ages.waiting_s, self.ages.since_s)
        last = depth == self.interference
        for move in calm(facts, interval_s=INTERVAL_S, deadline_s=deadline_s, brief=last and depth > 0):
            self._take(number, depth, stored, move, quiet=quiet and move.quiet, crashes=not last)
        if depth == 0 or not last:
            known = [name for name in dict.fromkeys((rollout.promoted, rollout.applied)) if name is not None]
            for move in trouble(facts, known=known):
                self._take(number, depth, stored, move, quiet=False, crashes=not last)
        if self.people and not last:
            for move in interferences(facts):
                self._take(number, depth + 1, stored, move, quiet=False, crashes=depth + 1 < self.interference)

    def _take(self, number: int, depth: int, stored: int, move: Move, *, quiet: bool, crashes: bool) -> None:
        key = (stored, move.facts, move.after_s, move.request, quiet, crashes)
        known = self.taken.get(key)
        if known is not None:  # another move has led to the very same tick, with no more interference
            self.transitions += known
            return
        rollout, before = self.rollouts[stored], self.transitions
        leaves = ticks(
            self.machine,
            self.policy,
            rollout,
            spent(move.facts, move.after_s),
            now_s=move.after_s,
            request=move.request,
            idle=quiet,
            crashes=crashes,
        )
        for leaf in leaves:
            text = f"{move.text}: {leaf.text}" if leaf.text else move.text
            self.transitions += 1
            self.edges.update(leaf.edges)
            if leaf.broken:
                self._blame(leaf.broken, number, text)
            fresh = self._state(leaf.rollout, leaf.facts, quiet=leaf.quiet, now_s=move.after_s)
            self._reach(number, depth + leaf.crashed, text, fresh)
        self.taken[key] = self.transitions - before

    def _state(self, rollout: Rollout, facts: Facts, *, quiet: bool, now_s: float) -> _State:
        stored, world = canonical(self.ages, rollout, facts, now_s)
        number = self.rollout_numbers.setdefault(stored, len(self.rollouts))
        if number == len(self.rollouts):
            self.rollouts.append(stored)
        return number, world, quiet

    def _reach(self, parent: int, depth: int, text: str, state: _State) -> None:
        """Take note of a state, if it is new or was reached with more interference until now."""
        number = self.states.setdefault(state, len(self.parents))
        if number == len(self.parents):
            self.parents.append((parent, text))
            self.depths.append(depth)
        elif depth < self.depths[number]:
            self.parents[number] = (parent, text)
            self.depths[number] = depth
        else:
            return
        self.open[depth].append(state)

    def _path(self, number: int) -> list[str]:
        texts = []
        while number >= 0:
            number, text = self.parents[number]
            texts.append(text)
        return texts[::-1]

    def _blame(self, broken: tuple[str, ...], number: int, *texts: str) -> None:
        key = "; ".join(sorted(message.split(":")[0] for message in broken))
        if key not in self.found:
            self.found[key] = Counterexample(broken=broken, path=(*self._path(number), *texts))

    # -- Does it end? -----------------------------------------------------------------------------------------------

    def _must_end(self, number: int, state: _State) -> None:
        """Follow the one way that a behaving world goes, until the end or until a state that is known to end."""
        way: list[_State] = []
        texts: list[str] = []
        here = state
        while here not in self.ending and not self._has_ended(here):
            if len(way) >= _PATIENCE or here in way:
                loop = "a behaving world never sees the end"
                self._blame((f"invariant 8, rollout_ends: {loop}",), number, "from here on the world behaves", *texts)
                return
            way.append(here)
            here, text, broken = self._behave(here)
            texts.append(text)
            if broken:
                self._blame(broken, number, "from here on the world behaves", *texts)
                return
        self.ending.update(way)

    def _behave(self, state: _State) -> tuple[_State, str, tuple[str, ...]]:
        stored, facts, _ = state
        rollout = self.rollouts[stored]
        leaf = next(
            ticks(
                self.machine,
                self.policy,
                rollout,
                spent(behaved(facts, rollout.promoted), INTERVAL_S),
                now_s=INTERVAL_S,
                options=best_options,
                request=Verb.RESUME if rollout.paused else None,
                crashes=False,
            )
        )
        after = self._state(leaf.rollout, leaf.facts, quiet=leaf.quiet, now_s=INTERVAL_S)
        text = f"{leaf.rollout.phase.value}, {leaf.rollout.traffic.canary_weight} %"
        return after, f"an interval passes: {text}", leaf.broken

    def _has_ended(self, state: _State) -> bool:
        stored, facts, quiet = state
        rollout = self.rollouts[stored]
        if facts.gone:
            return True
        if not quiet or rollout.phase not in _ENDS or rollout.paused or facts.deleting:
            return False
        if facts.target is None or behaved(facts, rollout.promoted) != facts:
            return False
        dealt_with = facts.target.declared in {rollout.applied, rollout.promoted}
        given_up = rollout.outcome is Outcome.INITIALIZATION
        return dealt_with and (given_up or facts.routes == rollout.traffic)
