"""Ports with faults: what each kind does to a call, to its effect, and to what the caller sees."""

from collections.abc import Callable

import pytest
from attrs import define, field

from canary_core import (
    Approved,
    Hook,
    HookQuestion,
    HookType,
    MetricQuestion,
    Phase,
    Progressive,
    SourceError,
    Traffic,
    Unreachable,
)
from canary_ports import ConflictError, Ports, UnavailableError
from canary_sims.harness.faults import CallFault, CallKind, CrashError, Injector, Plan, Standing, Struck, faulty
from canary_sims.world import World
from stories.trajectories import SUCCESS_RATE, V1, V2, a_policy

POLICY = a_policy(Progressive(weights=(10, 50)), hooks=(Hook(id="gate", type=HookType.CONFIRM_ROLLOUT),))
TEN, FIFTY = Traffic(canary_weight=10), Traffic(canary_weight=50)


@define
class Around:
    """A world in which a call takes as long as it is told to."""

    world: World = field(factory=lambda: World(policy=POLICY, version=V1))
    struck_: list[Struck] = field(factory=list)
    rivals: int = 0

    def now_s(self) -> float:
        return self.world.now_s

    def wait(self, seconds: float) -> None:
        self.world.advance(seconds)

    def rival(self) -> None:
        self.rivals += 1

    def struck(self, what: Struck) -> None:
        self.struck_.append(what)

    def arrival(self) -> Callable[[Callable[[], object]], None]:
        def arrive(effect: Callable[[], object]) -> None:
            effect()

        return arrive


def the_ports(*faults: CallFault, standing: tuple[Standing, ...] = ()) -> tuple[Ports, Around, Injector]:
    around = Around()
    injector = Injector(Plan(faults=faults, standing=standing), around)
    return faulty(injector, around.world.ports()), around, injector


def first(kind: CallKind, *, depth: int = 1, for_s: float = 30.0, call: int = 1) -> CallFault:
    return CallFault(call=call, kind=kind, depth=depth, for_s=for_s)


def test_without_faults_nothing_is_different() -> None:
    ports, around, injector = the_ports()
    ports.router.ensure(TEN)
    assert ports.router.read() == around.world.traffic == TEN
    assert injector.names == ["router.ensure", "router.read"]
    assert not around.struck_


def test_a_call_that_fails_has_no_effect() -> None:
    ports, around, _ = the_ports(first(CallKind.FAIL))
    with pytest.raises(UnavailableError):
        ports.router.ensure(TEN)
    assert around.world.traffic is None
    ports.router.ensure(TEN)
    assert around.world.traffic == TEN


def test_a_call_whose_answer_is_lost_has_its_effect() -> None:
    ports, around, _ = the_ports(first(CallKind.LOST_ANSWER))
    with pytest.raises(UnavailableError):
        ports.router.ensure(TEN)
    assert around.world.traffic == TEN


def test_a_call_that_times_out_has_its_effect_later() -> None:
    ports, around, _ = the_ports(first(CallKind.TIME_OUT, depth=2, for_s=20.0))
    with pytest.raises(UnavailableError):
        ports.router.ensure(TEN)
    assert (around.world.traffic, around.world.now_s) == (None, 20.0)
    assert ports.router.read() is None
    assert ports.router.read() == TEN


def test_a_late_write_that_was_overtaken_is_lost() -> None:
    """As the version that it carries is not the present one any more."""
    ports, around, _ = the_ports(first(CallKind.TIME_OUT, depth=3))
    with pytest.raises(UnavailableError):
        ports.router.ensure(TEN)
    ports.router.ensure(FIFTY)
    for _ in range(3):
        ports.router.read()
    assert around.world.traffic == FIFTY


def test_a_conflict_has_no_effect() -> None:
    ports, around, _ = the_ports(first(CallKind.CONFLICT))
    with pytest.raises(ConflictError):
        ports.router.ensure(TEN)
    assert around.world.traffic is None


def test_a_slow_call_takes_its_time() -> None:
    ports, around, _ = the_ports(first(CallKind.SLOW, for_s=45.0))
    ports.router.ensure(TEN)
    assert (around.world.traffic, around.world.now_s) == (TEN, 45.0)


@pytest.mark.parametrize(("kind", "effect"), [(CallKind.CRASH, None), (CallKind.CRASH_AFTER, TEN)])
def test_a_process_dies_before_or_after_the_effect(kind: CallKind, effect: Traffic | None) -> None:
    ports, around, _ = the_ports(first(kind))
    with pytest.raises(CrashError):
        ports.router.ensure(TEN)
    assert around.world.traffic == effect


@pytest.mark.parametrize(("kind", "rivals"), [(CallKind.RIVAL, 1), (CallKind.PAUSE, 2)])
def test_others_have_their_turn_first(kind: CallKind, rivals: int) -> None:
    ports, around, _ = the_ports(first(kind))
    ports.router.ensure(TEN)
    assert (around.rivals, around.world.traffic) == (rivals, TEN)


def test_a_stale_read_shows_what_others_did_late() -> None:
    """So many versions old, and no more."""
    ports, around, _ = the_ports(first(CallKind.STALE, call=4), first(CallKind.STALE, call=5, depth=2))
    seen = []
    for weight in (None, TEN, FIFTY):
        around.world.traffic = weight
        seen.append(ports.router.read())
    assert seen == [None, TEN, FIFTY]
    assert ports.router.read() == TEN
    assert ports.router.read() is None


def test_a_stale_read_never_hides_what_this_process_wrote() -> None:
    ports, _, _ = the_ports(first(CallKind.STALE, call=3, depth=5))
    ports.router.ensure(TEN)
    ports.router.ensure(FIFTY)
    assert ports.router.read() == FIFTY


def test_a_process_that_has_just_begun_sees_no_more_than_before_its_start() -> None:
    """It has read everything afresh."""
    around = Around()
    injector = Injector(Plan(faults=(first(CallKind.STALE, call=2, depth=5),)), around)
    before = faulty(injector, around.world.ports())
    before.router.ensure(TEN)
    assert faulty(injector, around.world.ports()).router.read() == TEN


def test_a_write_after_a_stale_read_is_refused() -> None:
    """It carries the version that was read."""
    ports, around, injector = the_ports(first(CallKind.STALE, call=3))
    assert ports.router.read() is None
    faulty(injector, around.world.ports()).router.ensure(TEN)
    assert ports.router.read() is None
    with pytest.raises(ConflictError):
        ports.router.ensure(FIFTY)
    assert around.world.traffic == TEN


def test_questions_that_fail_are_answered_so() -> None:
    """Metric sources and hooks raise nothing."""
    standing = (Standing(every="metrics.measure", kind=CallKind.FAIL), Standing(every="hooks.ask", kind=CallKind.FAIL))
    ports, around, _ = the_ports(standing=standing)
    assert isinstance(ports.metrics.measure(MetricQuestion(check=SUCCESS_RATE.id)), SourceError)
    assert isinstance(ports.hooks.ask(_question()), Unreachable)
    assert around.world.asked == []
    assert all(each.standing for each in around.struck_)


def test_a_hook_whose_answer_is_lost_was_asked() -> None:
    ports, around, _ = the_ports(first(CallKind.LOST_ANSWER))
    assert isinstance(ports.hooks.ask(_question()), Unreachable)
    assert isinstance(ports.hooks.ask(_question()), Approved)
    assert len(around.world.asked) == 2


def _question() -> HookQuestion:
    return HookQuestion(hook="gate", phase=Phase.WAITING, revision=V2.revision, step="0", attempt=1)


def test_reads_that_are_always_stale_catch_up() -> None:
    ports, around, _ = the_ports(standing=(Standing(every="workload.observe", kind=CallKind.STALE),))
    ports.workload.observe()
    around.world.advance(1.0)
    around.world.declare(V2)
    seen = ports.workload.observe().canary
    assert seen is not None
    assert seen.revision == V1.revision
    around.world.advance(31.0)
    ports.router.read()
    seen = ports.workload.observe().canary
    assert seen is not None
    assert seen.revision == V2.revision


def test_what_leaves_no_way_to_the_end_is_refused() -> None:
    with pytest.raises(ValueError, match=r"kind of store\.save must be one of slow"):
        Standing(every="store.save", kind=CallKind.LOST_ANSWER)
