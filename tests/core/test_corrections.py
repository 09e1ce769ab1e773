"""What is said when routes are put right: who has changed what, and only what was done."""

from __future__ import annotations

import pytest

from canary_core import HookType, Phase, Progressive, Traffic, weights_by_step
from canary_core import notices as n
from canary_core.messages import is_warning
from canary_ports import RefusedError
from stories.trajectories import V2, Play, a_gate, a_policy, close_gate

STEPS = Progressive(weights=weights_by_step(10, 50))
PHASES = [Phase.INITIALIZED, Phase.WAITING, Phase.PROGRESSING, Phase.PROMOTING, Phase.FINALISING, Phase.SUCCEEDED]


def _at(phase: Phase) -> Play:
    """A rollout that stands in a phase, with everything in force."""
    waits = phase is Phase.WAITING
    hooks = (a_gate(HookType.CONFIRM_ROLLOUT),) if waits else ()
    play = Play(a_policy(STEPS, hooks=hooks, promotion_step=10)).initialised()
    play.ticks()
    if waits:
        close_gate(play.world)
    if phase is not Phase.INITIALIZED:
        play.world.declare(V2)
    play.until(phase)
    if phase in {Phase.INITIALIZED, Phase.SUCCEEDED}:
        play.ticks(2)
    assert _is_in_force(play)
    return play


def _is_in_force(play: Play) -> bool:
    return play.world.traffic == play.rollout.traffic


def _rerouted(play: Play) -> list[n.Notice]:
    kinds = n.RoutesCorrected | n.RoutesRedeclared
    return [each.notice for each in play.world.told if isinstance(each.notice, kinds)]


@pytest.mark.parametrize("phase", PHASES)
def test_routes_that_the_owner_has_declared_anew_were_spoilt_by_nobody(phase: Phase) -> None:
    """Told once, as no warning; from then on it is somebody else again."""
    play = _at(phase)
    play.world.traffic, play.world.redeclared = None, True
    play.tick()
    wanted = play.rollout.traffic
    assert _is_in_force(play)
    assert _rerouted(play) == [n.RoutesRedeclared(wanted=wanted)]
    assert not is_warning(_rerouted(play)[0])


@pytest.mark.parametrize("phase", PHASES)
def test_routes_that_the_owner_has_not_declared_anew_were_changed_by_somebody(phase: Phase) -> None:
    play = _at(phase)
    play.world.traffic = None
    play.tick()
    wanted = play.rollout.traffic
    assert _is_in_force(play)
    assert _rerouted(play) == [n.RoutesCorrected(found=None, wanted=wanted)]
    assert is_warning(_rerouted(play)[0])


def test_another_split_is_somebodys_also_when_the_owner_has_declared_something_else() -> None:
    """What is declared says how routes look, never how much goes where."""
    play = _at(Phase.INITIALIZED)
    found = Traffic(canary_weight=70)
    play.world.traffic, play.world.redeclared = found, True
    play.tick()
    assert _rerouted(play) == [n.RoutesCorrected(found=found, wanted=Traffic())]


def test_routes_that_are_refused_while_finalising_are_told_of_once() -> None:
    play = _at(Phase.FINALISING)
    play.world.traffic = None
    play.world.refused["router.ensure"] = RefusedError("Denied", "no")
    play.ticks(4)
    assert play.told.count("RoutesCorrected") == 1
    assert play.rollout.phase is Phase.FINALISING
    play.world.refused.clear()
    play.until(Phase.SUCCEEDED)
