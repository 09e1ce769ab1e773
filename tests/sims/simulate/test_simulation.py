"""The simulation itself: what it promises beyond the stories of the examples."""

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from canary_core import (
    ABTest,
    BlueGreen,
    Bound,
    Check,
    CheckKind,
    Hook,
    HookType,
    Mirror,
    Outcome,
    Phase,
    Policy,
    Progressive,
)
from canary_ports import tick
from canary_sims.report import to_lines
from canary_sims.scenario import Scenario, parse_scenario
from canary_sims.simulation import Result, Run, simulate
from canary_sims.simulation.stage import Stage

CHECKS = (Check(id="request-success-rate", kind=CheckKind.SUCCESS_RATE, bound=Bound(minimum=99)),)
SMALL = Policy(strategy=Progressive(weights=(50,)), checks=CHECKS, threshold=2)


def after(text: str, policy: Policy = SMALL) -> Run:
    """Simulate a scenario that is written here."""
    return simulate(policy, parse_scenario(text))


def phases(run: Run) -> list[str]:
    """Phases in order, each once."""
    found: list[str] = []
    for record in run.ticks:
        if found[-1:] != [record.phase.value]:
            found.append(record.phase.value)
    return found


@given(seed=st.integers())
def test_same_seed_gives_the_same_bytes(seed: int) -> None:
    assert list(to_lines(simulate(SMALL, seed=seed))) == list(to_lines(simulate(SMALL, seed=seed)))


def test_another_seed_gives_other_noise() -> None:
    assert list(to_lines(simulate(SMALL, seed=1))) != list(to_lines(simulate(SMALL, seed=2)))


def test_an_initialised_world_is_what_initialising_brings_about() -> None:
    """The short cut to the first tick and the machine's own way lead to the same place."""
    for strategy in (SMALL.strategy, ABTest(iterations=2), BlueGreen(iterations=2)):
        policy = evolve(SMALL, strategy=strategy)
        made = Stage.of(policy, Scenario(), seed=0).world
        grown = Stage.of(policy, Scenario(initialized=False), seed=0).world
        for _ in range(3):
            tick(grown.ports())
            grown.advance(60)
        assert evolve(grown.rollout, since_s=0.0, changed_s=0.0) == made.rollout
        assert grown.traffic == made.traffic
        assert grown.target is not None
        assert made.target is not None
        assert grown.target.replicas == made.target.replicas == 0
        assert grown.primary is not None
        assert made.primary is not None
        assert grown.primary.observe(grown.now_s, "v1") == made.primary.observe(0.0, "v1")


def test_a_new_canary_is_initialised_first() -> None:
    run = after("{initialized: false, events: [{at: 2m, declare: {revision: v2}}]}")
    assert phases(run) == ["Initializing", "Initialized", "Progressing", "Promoting", "Finalising", "Succeeded"]
    assert run.ending.duration_s == run.ending.ended_s - 120


def test_nothing_to_release() -> None:
    run = after("{}")
    assert (phases(run), run.ending.result, run.ending.exit_code) == (["Initialized"], Result.UNCHANGED, 0)


def test_first_primary_never_ready() -> None:
    run = after("{initialized: false, app: {readyAfter: never}}")
    assert run.ending.result is Result.INITIALIZATION_FAILED
    assert run.ending.exit_code == 1


def test_withdrawn_revision() -> None:
    run = after("events: [{at: 0s, declare: {revision: v2}}, {at: 150s, declare: {revision: v1}}]")
    assert run.ending.result is Result.WITHDRAWN
    assert run.ticks[-1].primary.revision == "v1"


def test_a_gate_that_stays_closed_ends_as_unfinished() -> None:
    """The simulation comes to an end although the rollout does not."""
    policy = evolve(SMALL, hooks=(Hook(id="gate", type=HookType.CONFIRM_PROMOTION),))
    run = after("events: [{at: 0s, hook: {name: gate, answer: refuse}}, {at: 0s, declare: {revision: v2}}]", policy)
    assert (run.ending.result, run.ending.phase, run.ending.exit_code) == (
        Result.UNFINISHED,
        Phase.WAITING_PROMOTION,
        1,
    )
    assert len(run.ticks) < 200


def test_a_suspended_canary_is_unfinished() -> None:
    """A revision was declared and is not served, however calm it is."""
    run = after("events: [{at: 0s, suspend: true}, {at: 0s, declare: {revision: v2}}]")
    assert (run.ending.result, run.ending.phase) == (Result.UNFINISHED, Phase.INITIALIZED)


@pytest.mark.slow
def test_a_scenario_that_is_too_long_is_unfinished() -> None:
    """Bounded, and honest about what it has not seen."""
    run = after("events: [{at: 0s, declare: {revision: v2}}, {at: 900h, metrics: down}]")
    assert (run.ending.result, run.ending.phase) == (Result.UNFINISHED, Phase.SUCCEEDED)


def test_suspended_and_resumed() -> None:
    run = after(
        "events: [{at: 0s, declare: {revision: v2}}, {at: 1m, suspend: true}, {at: 20m, suspend: false}]",
    )
    assert run.ending.result is Result.PROMOTED
    assert run.ending.ended_s > 20 * 60


def test_requests_of_people() -> None:
    """Pause holds a rollout, resume lets it go on; abort ends it."""
    text = "events: [{at: 0s, declare: {revision: v2}}, {at: 90s, request: pause}, {at: 30m, request: resume}]"
    assert after(text).ending.ended_s > 30 * 60
    aborted = after("events: [{at: 0s, declare: {revision: v2}}, {at: 150s, request: abort}]")
    assert (aborted.ending.result, aborted.ending.cause) == (Result.ROLLED_BACK, Outcome.ABORTED)


def test_rollback_hook_refuses_until_told_otherwise() -> None:
    policy = evolve(SMALL, hooks=(Hook(id="stop", type=HookType.ROLLBACK),))
    assert simulate(policy).ending.result is Result.PROMOTED
    text = "events: [{at: 0s, declare: {revision: v2}}, {at: 150s, hook: {name: stop, answer: approve}}]"
    assert after(text, policy).ending.cause is Outcome.HOOK


def test_a_crash_of_the_canary_is_felt_and_rolled_back() -> None:
    run = after("events: [{at: 0s, declare: {revision: v2}}, {at: 150s, canary: {crash: true}}]")
    assert run.ending.result is Result.ROLLED_BACK
    lost = [served for served in run.ending.served if served.revision is None]
    assert lost[0].requests == lost[0].failed > 0


def test_no_users_no_data() -> None:
    run = after("{requestsPerSecond: 0, events: [{at: 0s, declare: {revision: v2}}]}")
    assert run.ending.result is Result.ROLLED_BACK
    assert run.ending.requests == 0
    later = after("events: [{at: 0s, declare: {revision: v2}}, {at: 90s, requestsPerSecond: 0}]")
    assert later.ending.result is Result.ROLLED_BACK


def test_silent_and_wrong_from_a_time_on() -> None:
    silent = after("events: [{at: 0s, declare: {revision: v2}}, {at: 90s, metrics: silent}]")
    assert silent.ending.result is Result.ROLLED_BACK
    wrong = after("events: [{at: 0s, declare: {revision: v2}}, {at: 125s, canary: {errorRate: 50%}}]")
    assert wrong.ending.result is Result.ROLLED_BACK
    assert wrong.ending.failed > 0


def test_a_slow_primary_is_waited_for() -> None:
    text = "events: [{{at: 0s, declare: {{revision: v2}}}}, {{at: 1s, primary: {{readyAfter: {0}}}}}]"
    quick, slow = after(text.format("5s")), after(text.format("150s"))
    assert slow.ending.ended_s == quick.ending.ended_s + 120


def test_a_primary_that_crashes_and_comes_back() -> None:
    run = after(
        "events: [{at: 0s, declare: {revision: v2}}, {at: 130s, primary: {crash: true}},"
        " {at: 300s, primary: {crash: false}}]"
    )
    assert run.ending.result is Result.PROMOTED
    assert run.ending.failed > 0


def test_a_primary_that_becomes_ready_after_all() -> None:
    run = after(
        "events: [{at: 0s, declare: {revision: v2}}, {at: 1s, primary: {readyAfter: never}},"
        " {at: 30m, primary: {readyAfter: 5s}}]"
    )
    assert phases(run)[-4:] == ["Promoting", "Failed", "Finalising", "Succeeded"]
    assert run.ending.result is Result.PROMOTED


def test_copies_are_no_requests_of_users() -> None:
    """What a mirrored request does harms nobody and is not counted as a failure."""
    policy = evolve(SMALL, strategy=BlueGreen(iterations=3, mirror=Mirror(), shift=False))
    run = after("events: [{at: 0s, declare: {revision: v2, errorRate: 50%}}]", policy)
    assert run.ending.result is Result.ROLLED_BACK
    assert run.ending.copied > 0
    assert run.ending.failed == 0


def test_one_tick_per_interval_or_sooner() -> None:
    """The rhythm of the controller; an end of a wait that lies before the next interval is not slept through."""
    assert [record.time_s for record in simulate(SMALL).ticks] == [60.0 * number for number in range(6)]
    drained = simulate(evolve(SMALL, drain_s=90.0))
    assert drained.ticks[-1].time_s == drained.ending.ended_s
    gaps = [b.time_s - a.time_s for a, b in zip(drained.ticks, drained.ticks[1:], strict=False)]
    assert max(gaps) == 60.0
