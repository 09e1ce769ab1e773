"""The process dies between any two writes, or right after one: the next tick finishes the job.

Numbers are rows of docs/compatibility.md. Each sequence is played once undisturbed, then once for each writing call
in it and for each side of that call; what users and people on call see in the end must be the same.
"""

from collections.abc import Callable

import pytest
from attrs import evolve

from canary_core import (
    ABTest,
    Approved,
    BlueGreen,
    Hook,
    HookType,
    Mirror,
    Phase,
    Policy,
    Progressive,
    Refused,
    weights_by_step,
)
from canary_sims.world import World
from stories.trajectories import V1, V2, V3, CrashAt, Play, a_gate, a_policy

AFTER = Hook(id="after", type=HookType.POST_ROLLOUT)
TWO_STEPS = Progressive(weights=weights_by_step(10, 20))
Story = Callable[[Play], None]


def _policy(**options: object) -> Policy:
    return a_policy(TWO_STEPS, hooks=(AFTER,), progress_deadline_s=240, **options)


def _begun(policy: Policy) -> Play:
    return Play(policy).rolling_out()


def _bad(play: Play) -> Play:
    return play.errors(0.5)


def _without_primary(play: Play) -> Play:
    play.until(Phase.PROMOTING)
    play.primary.crashing = True
    return play


def _deleted(play: Play) -> Play:
    play.initialised().ticks()
    play.world.deleting = True
    return play


def _newer(play: Play) -> Play:
    play.until_weight(20).world.declare(V3)
    return play


def _declared(play: Play) -> Play:
    play.initialised().world.declare(V2)
    return play


ROWS: dict[str, Callable[[], Play]] = {
    "12.3-01 initialisation": lambda: Play(_policy()),
    "12.3-02 new revision": lambda: _declared(Play(_policy())),
    "12.3-03 weight step": lambda: _begun(_policy()).until_weight(10),
    "12.3-04 A/B step": lambda: _begun(a_policy(ABTest(iterations=2))),
    "12.3-05 blue/green mirror": lambda: _begun(a_policy(BlueGreen(iterations=2, mirror=Mirror()))),
    "12.3-06 blue/green switch": lambda: _begun(
        a_policy(BlueGreen(iterations=1), hooks=(a_gate(HookType.CONFIRM_PROMOTION),))
    ),
    "12.3-07 promotion": lambda: _begun(_policy()).until_weight(20),
    "12.3-08 promoting": lambda: _begun(_policy(promotion_step=15)).until(Phase.PROMOTING),
    "12.3-09 finalising": lambda: _begun(_policy()).until(Phase.FINALISING),
    "12.3-10 rollback": lambda: _bad(_begun(_policy(threshold=1))).until_weight(10),
    "12.3-11 restart on a newer revision": lambda: _newer(_begun(_policy())),
    "12.3-12 failed promotion": lambda: _without_primary(_begun(_policy())),
    "12.3-13 skipped analysis": lambda: _declared(Play(_policy(skip_analysis=True))),
    "12.3-14 deletion": lambda: _deleted(Play(_policy(revert_on_deletion=True))),
}
TICKS = 14
"""Enough for every row to come to its end, with a tick lost."""


def _end(play: Play) -> tuple[object, ...]:
    """What is the case in the end, and what somebody was told or asked of it at least once."""
    world, rollout = play.world, play.rollout
    return (
        rollout.phase,
        rollout.outcome,
        rollout.promoted,
        rollout.known_good,
        rollout.pending,
        world.traffic,
        play.target.replicas,
        play.target.version,
        play.primary.replicas,
        play.primary.source,
        world.gone,
        {told for told in play.told if told in _ENDINGS},
        {question.hook for question in world.asked},
    )


_ENDINGS = {"Initialized", "Promoted", "RolledBack", "PromotionFailed", "ThresholdReached"}


@pytest.mark.parametrize("row", ROWS)
def test_whatever_dies_the_end_is_the_same(row: str) -> None:
    """Every writing call of the sequence, before and after its effect."""
    calm = ROWS[row]()
    start = len(calm.world.writes)
    calm.ticks(TICKS)
    number = len(calm.world.writes) - start
    assert number >= 2
    for position in range(1, number + 1):
        for after in (False, True):
            play = ROWS[row]()
            crash = CrashAt(position, after=after)
            play.world.faults = crash
            play.ticks(TICKS)
            assert crash.died_at is not None
            assert _end(play) == _end(calm), (position, after, crash.died_at)


@pytest.mark.parametrize("row", ROWS)
def test_nothing_is_restarted_twice(row: str) -> None:
    """A second rolling restart of the primary would be seen as pods that are younger than the only promotion."""
    calm = ROWS[row]()
    start = len(calm.world.writes)
    calm.ticks(TICKS)
    for position in range(1, len(calm.world.writes) - start + 1):
        play = ROWS[row]()
        play.world.faults = CrashAt(position, after=True)
        assert len(_starts(play)) <= 2


def _starts(play: Play) -> set[float]:
    """When the primary's pods were started or replaced, until the end."""
    found: set[float] = set()

    def look(world: World) -> None:
        if world.primary is not None:
            found.add(world.primary.changed_s)

    play.world.observers.append(look)
    play.ticks(TICKS)
    return found


def test_12_3_10_a_manual_rollback_whose_hook_closes_meanwhile_goes_on() -> None:
    """Flagger would start the analysis again: the routes say 0, and nothing else was written."""
    hook = Hook(id="back", type=HookType.ROLLBACK)
    play = Play(a_policy(TWO_STEPS, hooks=(hook,)))
    play.world.hook_answers["back"] = Refused()
    play.rolling_out().until_weight(10)
    play.world.hook_answers["back"] = Approved()
    play.world.faults = CrashAt(2, after=True)
    play.ticks(1)
    play.world.hook_answers["back"] = Refused()
    play.ticks(3)
    assert (play.rollout.phase, play.split, play.target.replicas) == (Phase.FAILED, (100, 0), 0)


def test_12_3_10_a_rollback_for_a_deadline_never_routes_to_no_pods() -> None:
    play = Play(a_policy(TWO_STEPS)).rolling_out().until_weight(10)
    play.target.version = evolve(play.target.version, ready_after_s=None)
    play.target.crashing = True
    play.world.faults = CrashAt(3, after=True)
    routed: list[bool] = []
    play.until(Phase.FAILED)
    play.world.observers.append(lambda world: routed.append(bool(world.traffic and world.traffic.reaches_canary)))
    play.ticks(4)
    assert not any(routed)
    assert (play.rollout.promoted, play.target.replicas) == (V1.revision, 0)
