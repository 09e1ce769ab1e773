"""One story under one fault plan: what it came to, and whether anything of that must not be.

Three things are looked at. *Safety*: the invariants, at every instant, against the world. *Liveness*: when nothing goes
wrong any more, the rollout is over within a stated number of turns. *Sameness*: a fault that gives nobody a reason to
decide otherwise changes nothing about how it ends.
"""

import math
from collections import Counter
from collections.abc import Callable, Container
from typing import Final

from attrs import define, evolve, field, fields, frozen

from canary_core import HookType, KnownGood, Notice, Outcome, Phase, Rollout, notices
from canary_core.messages import code
from canary_ports import tick
from canary_sims.faults.injector import Struck
from canary_sims.faults.plan import Plan
from canary_sims.harness.faults.places import Steady, place
from canary_sims.harness.faults.stories import Story
from canary_sims.simulation.life import Driver, Life
from canary_sims.simulation.stage import Stage
from canary_sims.world import Deployment, World

_AGAIN: Final = (notices.CanaryRescaled, notices.CanaryNotReady, notices.PrimaryNotReady)

__all__ = ["End", "Playing", "Rest", "Trial", "begun", "patience", "tried"]

STEADY: Final = Steady()
LONGEST: Final = 200
"""Turns without anything going wrong, after which any rollout that is simulated here must be over."""

ENDINGS: Final = frozenset(
    {"Initialized", "InitializationFailed", "Promoted", "Cancelled", "RolledBack", "PromotionFailed", "NoKnownGood"}
)
"""Notices of which each end of a rollout has one; they may come twice, but never not at all."""


@frozen(kw_only=True)
class End:
    """How a story ended, as far as somebody from outside could tell."""

    phase: Phase
    outcome: Outcome | None
    promoted: str | None
    known_good: KnownGood
    weight: int | None
    """Of the canary, as really in force. None: no routes of ours."""
    target: tuple[str, int] | None
    """Revision declared, and pods asked for; with an autoscaler, whose business their number is, 1 for any."""
    primary: tuple[str | None, int] | None
    gone: bool
    told: frozenset[str]
    """Endings that people were told of."""
    asked: frozenset[str]
    """Post-rollout hooks that were asked."""

    @classmethod
    def of(cls, world: World) -> "End":
        """As it is now."""
        rollout, target, primary = world.rollout, world.target, world.primary
        post = {hook.id for hook in world.policy.hooks_of(HookType.POST_ROLLOUT)}
        return cls(
            phase=rollout.phase,
            outcome=rollout.outcome,
            promoted=rollout.promoted,
            known_good=rollout.known_good,
            weight=None if world.traffic is None else world.traffic.canary_weight,
            target=None if target is None else (target.version.revision, _pods(world, target)),
            primary=None if primary is None else (primary.source, _pods(world, primary)),
            gone=world.gone,
            told=frozenset(code(told.notice) for told in world.told) & ENDINGS,
            asked=frozenset(question.hook for question in world.asked) & post,
        )


@frozen
class Rest:
    """What follows from a place: how it ends, and how many turns later."""

    end: End
    turns: int


@frozen(kw_only=True)
class Trial:
    """What a story came to under a plan."""

    story: Story
    plan: Plan
    calls: tuple[str, ...]
    """Names of the port calls, in order."""
    struck: tuple[Struck, ...]
    turns: int
    """How often the controller woke up, or should have."""
    after: int
    """Turns since the last thing went wrong or happened."""
    over: bool
    """Whether it came to rest."""
    end: End
    broken: tuple[str, ...]
    """What must not be."""


def tried(
    story: Story,
    plan: Plan,
    *,
    driver: Driver = tick,
    seed: int | None = None,
    calm: Trial | None = None,
) -> Trial:
    """Play a story under a plan, from its beginning.

    Args:
        story: What happens.
        plan: What goes wrong.
        driver: What a tick is; tests pass others.
        seed: Of the noise in what is measured. None: there is none.
        calm: The same story without faults: what liveness is measured by. None: it is not.
    """
    playing = Playing(story, begun(story, plan, driver=driver, seed=seed))
    playing.play(LONGEST if calm is None else patience(calm))
    return playing.trial(calm)


def begun(story: Story, plan: Plan, *, driver: Driver = tick, seed: int | None = None, remembers: bool = False) -> Life:
    """The beginning of a story; see `tried` and `canary_sims.simulation.life.Life.of`."""
    stage = Stage.of(story.policy, story.scenario, seed or 0)
    if seed is None:
        for meter in (stage.world.primary_meter, stage.world.canary_meter):
            meter.chance = STEADY
    return Life.of(stage, plan, driver=driver, watched=True, remembers=remembers)


@define
class Playing:
    """A story being played, from wherever its life has come to."""

    story: Story
    life: Life
    turns: int = 0
    after: int = 0
    over: bool = False
    raised: str = ""
    end: End | None = None
    places: list[object] = field(factory=list)
    """Where it has come to after each turn, if that is of interest; see `canary_sims.harness.faults.places`."""

    def play(
        self,
        most: int,
        known: dict[object, Rest] | None = None,
        each: Callable[[Life], None] | None = None,
        enough: Container[object] = (),
    ) -> None:
        """Until it is over, or longer than that without anything going wrong, or at a place that is known.

        Args:
            most: Turns.
            known: Places of this story that lead to a good end.
            each: Called after each turn.
            enough: Places to stop at, whatever they lead to.
        """
        self.turns = self.life.wakes
        try:
            for turn in self.life.turns():
                self.turns += 1
                self.after = 0 if self.life.stirred or self.life.stage.left else self.after + 1
                here = None if known is None else place(self.life, turn)
                rest = None if known is None or here is None else known.get(here)
                if rest is not None:
                    self.after, self.end, self.over = self.after + rest.turns, rest.end, True
                    self.turns += rest.turns
                    return
                self.places.append(here)
                if each is not None:
                    each(self.life)
                if here is not None and here in enough:
                    return
                if self.life.stranded and self.after > 2:
                    self.over = True  # it waits for somebody to mend the primary, and touches nothing
                    return
                if self.after > most:
                    return
            self.over = self.life.rests
        except Exception as error:  # noqa: BLE001 -- that nothing else is raised is what is being checked
            self.raised = f"a tick raises {type(error).__name__}: {error}"

    def trial(self, calm: Trial | None = None, *, strict: bool = False) -> Trial:
        """What it came to.

        Args:
            calm: The same story without faults. None: it need not end.
            strict: Whether it must end as that did.
        """
        witness = self.life.witness
        seen = () if witness is None else tuple(dict.fromkeys(witness.broken))
        found = Trial(
            story=self.story,
            plan=self.life.injector.plan,
            calls=tuple(self.life.injector.names),
            struck=tuple(self.life.injector.struck),
            turns=self.turns,
            after=self.after,
            over=self.over,
            end=self.end or End.of(self.life.world),
            broken=seen,
        )
        if self.raised:
            return evolve(found, broken=(*seen, self.raised))
        return evolve(found, broken=(*seen, *_told_twice(self.life.world), *_unlike(found, calm, strict=strict)))

    def remember(self, trial: Trial, known: dict[object, Rest]) -> None:
        """Note where it was, if it came to a good end from there."""
        if self.over and not trial.broken:
            for number, here in enumerate(reversed(self.places)):
                if here is not None:
                    known[here] = Rest(trial.end, number + self.turns - self.life.wakes)


def patience(calm: Trial) -> int:
    """Turns within which a rollout must be over when nothing goes wrong any more.

    All turns of the whole story again, and two deadlines: of a wait that had just begun, and of the one that it leads
    to.
    """
    policy = calm.story.policy
    waits = 2 * policy.progress_deadline_s + (policy.approval_deadline_s or 0.0)
    return calm.turns + math.ceil(waits / policy.interval_s) + 5


def _unlike(found: Trial, calm: Trial | None, *, strict: bool) -> tuple[str, ...]:
    if calm is None:
        return ()
    if not found.over:
        where = f"{found.end.phase.value}, {found.after} turns after the last fault"
        return (f"invariant 8, rollout_ends: still {where}; {patience(calm)} are allowed",)
    if not found.end.told and found.end.phase in {Phase.SUCCEEDED, Phase.FAILED}:
        return ("nobody was told how it ended",)
    # A post-rollout hook that could not be reached is told of, and not asked again.
    unasked = any(each.name == "hooks.ask" for each in found.struck)
    wanted = evolve(calm.end, asked=found.end.asked) if unasked else calm.end
    if strict and found.story.steady and found.end != wanted:
        return (f"it ends otherwise than without faults: {_difference(found.end, wanted)}",)
    return ()


def _difference(found: End, wanted: End) -> str:
    names = [each.name for each in fields(End)]
    pairs = [(name, getattr(found, name), getattr(wanted, name)) for name in names]
    return ", ".join(f"{name} {_shown(one)} instead of {_shown(other)}" for name, one, other in pairs if one != other)


def _shown(value: object) -> str:
    if isinstance(value, frozenset):
        return ", ".join(sorted(value)) or "nothing"
    return str(getattr(value, "value", value))


def _pods(world: World, workload: Deployment) -> int:
    return workload.replicas if world.autoscaler is None else min(1, workload.replicas)


def _told_twice(world: World) -> tuple[str, ...]:
    """Each change of the stored state is told at most once, but for endings.

    Waits may alternate between the two workloads, and rescaling changes no state.
    """
    kinds = Counter(type(told.notice) for told in world.told)
    counts: Counter[tuple[Notice, Rollout]] = Counter()
    for told in world.told:
        again = kinds[type(told.notice)] > 1 and not isinstance(told.notice, _AGAIN)
        if again and told.notice not in told.rollout.pending:
            counts[told.notice, told.rollout] += 1
    return tuple(f"told twice: {code(notice)}" for (notice, _), number in counts.items() if number > 1)
