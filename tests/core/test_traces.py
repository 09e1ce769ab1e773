"""Whole answers of the machine, story by story, against the traces in ``traces/``.

A trace has a line for each call: the time, what was asked, or what of the state changed, the decisions, the notices,
the reason and when to call again. So nothing that an answer holds can change unseen. Where a change is meant, write
the traces anew with ``UPDATE_TRACES=1`` and read the difference.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Any
from unittest.mock import patch

import attrs
import pytest
from attrs import evolve

from canary_core import (
    ABTest,
    Ask,
    BlueGreen,
    Bound,
    Check,
    CheckKind,
    Counts,
    Hook,
    HookType,
    Mirror,
    Observation,
    Phase,
    Policy,
    Progressive,
    Refused,
    Rollout,
    SessionAffinity,
    Step,
    Traffic,
    Unreachable,
    Verb,
    step,
    weights_by_step,
)
from canary_ports import UnavailableError, driver
from canary_sims.world import Deployment, Faults
from stories.trajectories import SUCCESS_RATE, V1, V2, V3, CrashAt, Play, a_policy

FOLDER = Path(__file__).with_name("traces")
TWO = Progressive(weights=weights_by_step(10, 20))
GATES = tuple(Hook(id=kind.value, type=kind) for kind in HookType if kind is not HookType.ROLLBACK)


def brief(value: Any) -> str:
    """A value in short: of a class only what differs from its defaults."""
    if isinstance(value, Enum):
        return str(value.name)
    if isinstance(value, tuple):
        return "[" + " ".join(brief(each) for each in value) + "]"
    if attrs.has(type(value)):
        shown = [
            f"{field.name}={brief(getattr(value, field.name))}"
            for field in attrs.fields(type(value))
            if getattr(value, field.name) != field.default
        ]
        return f"{type(value).__name__}({' '.join(shown)})"
    return f"{value:g}" if isinstance(value, float) else str(value)


def line(before: Rollout, seen: Observation, answer: Ask | Step) -> str:
    """One call and its answer."""
    if isinstance(answer, Ask):
        return f"{seen.now_s:g} ask {brief(answer.questions)}"
    names = [field.name for field in attrs.fields(Rollout)]
    changed = [name for name in names if getattr(before, name) != getattr(answer.rollout, name)]
    state = " ".join(f"{name}={brief(getattr(answer.rollout, name))}" for name in changed) or "-"
    again = "never" if answer.next_s is None else f"{answer.next_s - seen.now_s:+g}"
    parts = (state, brief(answer.decisions), brief(answer.notices), brief(answer.reason), again)
    return f"{seen.now_s:g} " + " | ".join(parts)


@contextmanager
def traced() -> Iterator[list[str]]:
    """The lines of all calls meanwhile."""
    lines: list[str] = []

    def recorded(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
        answer = step(policy, rollout, seen)
        lines.append(line(rollout, seen, answer))
        return answer

    with patch.object(driver, "step", recorded):
        yield lines


# -- Stories --------------------------------------------------------------------------------------------------------


def play(**options: object) -> Play:
    """Two steps of 10 %, with the usual checks."""
    return Play(a_policy(TWO, **options))


def promoted(strategy: Any, **options: object) -> Callable[[], None]:
    """From nothing to Succeeded, and a tick more."""
    return lambda: _end(Play(a_policy(strategy, **options)).rolling_out().until(Phase.SUCCEEDED))


def _end(story: Play) -> None:
    story.ticks(2)


def all_gates_closed_for_a_while() -> None:
    """Each gate in its turn: closed for two intervals, then open."""
    story = Play(a_policy(TWO, hooks=GATES, threshold=9)).initialised()
    for hook in GATES:
        story.world.hook_answers[hook.id] = Refused(message="not yet")
    story.world.declare(V2)
    story.ticks(3)
    for hook in GATES:
        story.world.hook_answers[hook.id] = Unreachable(message="timeout")
        story.ticks(2)
        story.world.hook_answers.pop(hook.id)
        story.ticks(2)
    story.until(Phase.SUCCEEDED)
    _end(story)


def blue_green_gate() -> None:
    """The promotion gate is asked twice."""
    gate = Hook(id="gate", type=HookType.CONFIRM_PROMOTION, mute_alert=True)
    story = Play(a_policy(BlueGreen(iterations=1), hooks=(gate,))).initialised()
    story.world.hook_answers["gate"] = Refused()
    story.world.declare(V2)
    story.until(Phase.WAITING_PROMOTION).ticks(2)
    story.world.hook_answers.pop("gate")
    story.until(Phase.PROMOTING)


def expired(kind: HookType) -> Callable[[], None]:
    """A gate that stays closed for too long."""

    def story() -> None:
        gate = Hook(id="gate", type=kind)
        played = play(hooks=(gate,), approval_deadline_s=120).initialised()
        played.world.hook_answers["gate"] = Refused()
        played.world.declare(V2)
        _end(played.until(Phase.FAILED))

    return story


def every_way_not_to_pass() -> None:
    """Out of range, no data, no answer, too few samples; each with its budget."""
    checks = (
        SUCCESS_RATE,
        Check(id="slow", kind=CheckKind.DURATION, bound=Bound(maximum=1)),
        Check(id="few", min_samples=10**9),
    )
    story = play(checks=checks, no_data_threshold=3, error_threshold=2, threshold=8).rolling_out().until_weight(10)
    story.ticks(1)
    story.world.source_silent = True
    story.ticks(1)
    story.world.source_error = "down"
    _end(story.until(Phase.FAILED))


def rolled_back() -> None:
    """Errors."""
    _end(play(threshold=1, drain_s=90).rolling_out().errors(0.5).until(Phase.FAILED))


def signalled() -> None:
    """A rollback hook says no, then yes."""
    story = play(hooks=(Hook(id="back", type=HookType.ROLLBACK), Hook(id="back2", type=HookType.ROLLBACK)))
    story.world.hook_answers.update(back=Refused(), back2=Refused())
    story.rolling_out().until_weight(10).ticks(1)
    story.world.hook_answers.pop("back2")
    _end(story.until(Phase.FAILED))


def withdrawn() -> None:
    """The promoted revision is declared again, the primary not able to serve for a while."""
    story = play().rolling_out().until_weight(20)
    story.primary.crashing = True
    story.world.declare(V1)
    story.ticks(2)
    story.primary.crashing = False
    _end(story.until(Phase.SUCCEEDED))


def restarted_and_stranded() -> None:
    """A newer revision while the primary is lost; the primary stays away, comes back, and a newer one yet."""
    story = play(progress_deadline_s=200).rolling_out().until_weight(20)
    story.primary.crashing = True
    story.world.declare(V3)
    story.until(Phase.FAILED).ticks(2)
    story.primary.crashing = False
    story.ticks(2)
    story.world.declare(V2)
    story.until(Phase.PROGRESSING).ticks(2)
    story.world.declare(V3)
    story.ticks(2)


def promotion_failed_and_judged_where_it_is() -> None:
    """A lost primary in Promoting; a newer revision; the primary comes back in the middle of its analysis."""
    story = play(progress_deadline_s=150, session_affinity=SessionAffinity(cookie_name="c")).rolling_out()
    story.until(Phase.PROMOTING)
    story.primary.crashing = True
    story.until(Phase.FAILED).ticks(2)
    story.world.declare(V3)
    story.until(Phase.PROGRESSING).ticks(2)
    story.primary.crashing = False
    _end(story.until(Phase.SUCCEEDED))


def promotion_recovers() -> None:
    """The primary is ready after all."""
    story = play(progress_deadline_s=150, promotion_step=60).rolling_out().until(Phase.PROMOTING)
    story.primary.crashing = True
    story.until(Phase.FAILED).ticks(1)
    story.primary.crashing = False
    _end(story.until(Phase.SUCCEEDED))


def promotion_refused_by_the_target() -> None:
    """The target changes after the intent was stored and before the copy."""
    story = play().rolling_out().until_weight(20)
    story.world.faults = CrashAt(2, after=False)
    story.ticks(1)
    story.world.declare(V3)
    story.ticks(3)


def promotion_overtaken() -> None:
    """The target changes after the copy: traffic goes to the primary at once."""
    story = play().rolling_out().until(Phase.PROMOTING)
    story.world.declare(V3)
    story.ticks(2)
    story.until(Phase.PROMOTING)


def nobody_left() -> None:
    """Both workloads are lost while promoting, and later in Failed with the traffic on the canary."""
    story = play(progress_deadline_s=100).rolling_out().until(Phase.PROMOTING)
    story.primary.crashing = story.target.crashing = True
    story.until(Phase.FAILED).ticks(2)
    story.target.crashing = False
    story.ticks(2)
    story.primary.crashing = False
    story.ticks(4)


def finalising_in_trouble() -> None:
    """Edited routes, an unready primary, and a primary that stays away."""
    story = play(progress_deadline_s=150).rolling_out().until(Phase.FINALISING)
    story.world.traffic = Traffic(canary_weight=40)
    story.tick()
    story.primary.update(evolve(V2, revision="v1:hand", ready_after_s=None), story.world.now_s)
    story.world.traffic = Traffic(canary_weight=50)
    story.ticks(2)
    _end(story.until(Phase.FAILED))


def withdrawn_in_trouble() -> None:
    """The primary does not get ready any more while the withdrawn canary is drained."""
    story = play(progress_deadline_s=150).rolling_out().until_weight(20)
    story.world.declare(V1)
    story.until(Phase.FINALISING)
    story.primary.update(evolve(V1, revision="v1:hand", ready_after_s=None), story.world.now_s)
    _end(story.until(Phase.FAILED))


def initialisation_in_trouble() -> None:
    """No target, a source that is down, a changed target, a primary that is never ready, a retry, recovery."""
    story = play(progress_deadline_s=100)
    target, story.world.target = story.world.target, None
    story.ticks(1)
    story.world.target, story.world.source_error = target, "down"
    story.world.start_primary_after_s = 500
    story.ticks(1)
    story.world.declare(V2)
    story.until(Phase.FAILED).ticks(1)
    story.ask(Verb.RETRY).ticks(1)
    story.world.declare(V3)
    _end(story.until(Phase.INITIALIZED, most=20))


def deleted() -> None:
    """With revert: the target is scaled up, waited for, the routes are given back."""
    story = play(revert_on_deletion=True).initialised()
    story.ticks(1)
    story.world.deleting = True
    story.ticks(3)


def deleted_without_revert() -> None:
    """In the middle of an analysis."""
    story = play().rolling_out().until_weight(10)
    story.world.deleting = True
    story.ticks(1)


def suspended() -> None:
    """And resumed."""
    story = play().rolling_out().until_weight(10)
    story.world.policy = evolve(story.world.policy, suspend=True)
    story.ticks(2)
    story.world.policy = evolve(story.world.policy, suspend=False)
    story.ticks(1)


def edited_by_hand() -> None:
    """Routes and replicas, in an analysis and settled."""
    story = play().initialised()
    for _ in range(2):
        story.world.traffic = Traffic(canary_weight=50)
        story.target.scale(3, story.world.now_s)
        story.ticks(1)
    story.world.declare(V2)
    story.until_weight(10)
    story.world.traffic = Traffic(canary_weight=50)
    story.target.scale(0, story.world.now_s)
    story.ticks(2)


def never_ready() -> None:
    """The canary, until its deadline."""
    _end(play(progress_deadline_s=150).rolling_out(evolve(V2, ready_after_s=None)).until(Phase.FAILED))


def asked(verb: Verb) -> Callable[[], None]:
    """A person asks in every phase of a rollout."""

    def story() -> None:
        for phase in (Phase.PROGRESSING, Phase.PROMOTING, Phase.FINALISING, Phase.SUCCEEDED):
            played = play().rolling_out().until(phase)
            played.ask(verb).ticks(2)
        played = play(threshold=1).rolling_out().errors(0.5).until(Phase.FAILED)
        played.ask(verb).ticks(2)

    return story


def asked_while_waiting() -> None:
    """Abort and promote at closed gates; resume after a pause."""
    for verb in (Verb.ABORT, Verb.PROMOTE):
        for kind in (HookType.CONFIRM_ROLLOUT, HookType.CONFIRM_PROMOTION):
            story = play(hooks=(Hook(id="gate", type=kind),)).initialised()
            story.world.hook_answers["gate"] = Refused()
            story.world.declare(V2)
            story.until(Phase.WAITING if kind is HookType.CONFIRM_ROLLOUT else Phase.WAITING_PROMOTION)
            story.ask(verb).ticks(2)
    paused = play(skip_analysis=True).initialised().ask(Verb.PAUSE)
    paused.ticks(1)
    paused.world.declare(V2)
    paused.ticks(1)
    paused.ask(Verb.RESUME, "2").ticks(1)
    paused.ask(Verb.PAUSE, "3").ticks(3)
    paused.ask(Verb.RESUME, "4").until(Phase.SUCCEEDED)


def retried() -> None:
    """A failed promotion."""
    story = play(progress_deadline_s=120).rolling_out().until(Phase.PROMOTING)
    story.primary.crashing = True
    story.until(Phase.FAILED).ask(Verb.RETRY).ticks(2)


def replaced_by_request() -> None:
    """A newer revision takes the place of a primary that is lost for good."""
    story = play().initialised()
    story.primary.crashing = True
    story.world.declare(V2)
    story.ticks(1)
    story.ask(Verb.PROMOTE).ticks(4)


def adopted() -> None:
    """What Flagger left behind, in every phase."""
    for phase in Phase:
        for strategy in (TWO, ABTest(iterations=3), BlueGreen(iterations=3)):
            for weight in (0, 100):
                for iterations in (0, 1, 2):
                    _adopt(phase, strategy, weight, iterations)


def _adopt(phase: Phase, strategy: Any, weight: int, iterations: int) -> None:
    story = Play(a_policy(strategy), version=V2, now_s=9000.0)
    story.world.primary = Deployment(version=V1, replicas=2, changed_s=0.0)
    story.world.traffic = Traffic(canary_weight=weight) if iterations else None
    story.world.rollout = Rollout(
        phase=phase,
        applied="flagger",
        promoted="flagger",
        iterations=iterations,
        traffic=Traffic(canary_weight=weight),
        counts=Counts(failed=1),
    )
    story.tick()


def one_pod_lost() -> None:
    """A single pod on each side: the primary is lost while settled, the canary while it has all the traffic."""
    story = play(progress_deadline_s=150)
    story.target.replicas = 1
    story.initialised()
    for _ in range(2):
        story.world.primary = None
        story.tick()
    story.world.declare(V2)
    story.until(Phase.FINALISING).until(Phase.SUCCEEDED)
    story.world.declare(V3)
    story.until(Phase.PROMOTING)
    story.primary.crashing = True
    story.until(Phase.FAILED)
    for _ in range(2):
        story.target.scale(0, story.world.now_s)
        story.tick()


def blue_green_goes_back() -> None:
    """With failed checks and iterations behind it: rolled back, withdrawn, restarted, skipped."""
    for end in ("checks", "withdrawn", "restarted", "skip and withdrawn", "skip and restarted", "skip and lost"):
        story = Play(a_policy(BlueGreen(iterations=4), threshold=2)).rolling_out()
        story.ticks(2)
        story.errors(0.5).ticks(2)
        story.errors(0.0 if end != "checks" else 0.5)
        if "skip" in end:
            story.target.crashing = True
            story.ask(Verb.PROMOTE).ticks(1)
        if "lost" in end:
            story.target.version = evolve(V2, ready_after_s=None)
            story.world.policy = evolve(story.world.policy, progress_deadline_s=60)
        if "withdrawn" in end:
            story.world.declare(V1)
        if "restarted" in end:
            story.world.declare(V3)
        story.ticks(3)


def lost_while_promoting(strategy: Any, **options: object) -> Callable[[], None]:
    """With failed checks behind it, the primary does not come up: the canary gets all the traffic of everybody."""

    def story() -> None:
        played = Play(a_policy(strategy, progress_deadline_s=100, threshold=5, **options)).rolling_out().errors(0.5)
        played.ticks(4)
        played.errors(0.0).until(Phase.PROMOTING)
        played.primary.crashing = True
        _end(played.until(Phase.FAILED))

    return story


def mirrored_and_skipped() -> None:
    """A person promotes while traffic is mirrored; the primary does not come up."""
    story = Play(a_policy(Progressive(weights=(10,), mirror=Mirror()), progress_deadline_s=100)).rolling_out()
    story.ticks(2)
    story.ask(Verb.PROMOTE).until(Phase.PROMOTING)
    story.primary.crashing = True
    _end(story.until(Phase.FAILED))


def promoted_while_paused() -> None:
    """To promote ends the pause."""
    story = play().rolling_out().until_weight(10).ask(Verb.PAUSE)
    story.ticks(2)
    story.ask(Verb.PROMOTE, "2").ticks(1)


def blue_green_with_affinity() -> None:
    """The cookie is made when the traffic is switched."""
    affinity = SessionAffinity(cookie_name="c", primary_cookie_name="p")
    _end(Play(a_policy(BlueGreen(iterations=1), session_affinity=affinity)).rolling_out().until(Phase.SUCCEEDED))


def target_deleted() -> None:
    """In the middle of an analysis."""
    story = play(progress_deadline_s=100, hooks=(Hook(id="after", type=HookType.POST_ROLLOUT),)).rolling_out()
    story.until_weight(10).world.target = None
    _end(story.until(Phase.FAILED))


def gate_after_a_rollout() -> None:
    """A muted gate before the second rollout, and before a retry."""
    gate = Hook(id="gate", type=HookType.CONFIRM_ROLLOUT, mute_alert=True)
    story = play(hooks=(gate,), threshold=1).rolling_out().until(Phase.SUCCEEDED)
    story.world.hook_answers["gate"] = Refused()
    story.world.declare(V3)
    story.until(Phase.WAITING).ticks(2)
    story.world.hook_answers.pop("gate")
    story.until(Phase.PROGRESSING).errors(0.5).until(Phase.FAILED)
    story.world.hook_answers["gate"] = Refused()
    story.ask(Verb.RETRY).ticks(2)


def step_back_too_early() -> None:
    """Called in the middle of an interval while traffic goes back in steps."""
    story = play(promotion_step=8).rolling_out().until(Phase.PROMOTING).until_weight(12)
    story.world.now_s -= 30
    story.tick()


class Refusing(Faults):
    """Every call of this name fails, for ever."""

    def __init__(self, call: str) -> None:
        self.call = call

    def before(self, call: str) -> None:
        """Fail."""
        if call == self.call:
            raise UnavailableError(call)


def refused(call: str, *, lost: bool = False) -> Callable[[], None]:
    """The outside refuses a change for good: the rollout ends by its deadline all the same."""

    def story() -> None:
        played = play(progress_deadline_s=180).initialised()
        played.world.faults = Refusing(call)
        played.world.declare(V2)
        played.ticks(6)
        if lost:
            played.primary.crashing = True
        _end(played.until(Phase.FAILED))

    return story


def deleted_slowly() -> None:
    """One pod that does not get ready while an old one answers: waited for until the deadline."""
    story = play(revert_on_deletion=True, progress_deadline_s=100)
    story.target.replicas = 1
    story.initialised().ticks(1)
    story.world.deleting = True
    story.ticks(1)
    story.target.old = V1
    story.target.version = evolve(V1, revision="v1:9", ready_after_s=None)
    story.ticks(4)


def lost_at_a_gate() -> None:
    """The primary is lost while a gate is closed."""
    story = play(hooks=(Hook(id="gate", type=HookType.CONFIRM_ROLLOUT),)).initialised()
    story.world.hook_answers["gate"] = Refused()
    story.world.declare(V2)
    story.until(Phase.WAITING)
    story.primary.crashing = True
    story.ticks(2)


def withdrawn_after_nothing_was_good() -> None:
    """A newer revision while the primary is lost, then the promoted one again as the primary comes back."""
    story = play().rolling_out().until_weight(20)
    story.primary.crashing = True
    story.world.declare(V3)
    story.ticks(1)
    story.world.declare(V1)
    story.primary.crashing = False
    story.ticks(2)


def ready_again_before_the_interval_is_over() -> None:
    """A wait that ends early is forgotten; the measurement goes on."""
    story = play().rolling_out().until_weight(10)
    story.target.crashing = True
    story.tick()
    story.target.crashing = False
    story.world.now_s -= 30
    story.tick()


def pre_rollout_hook_down() -> None:
    """An error, not a fault."""
    story = play(hooks=(Hook(id="before", type=HookType.PRE_ROLLOUT),), error_threshold=2).initialised()
    story.world.hook_answers["before"] = Unreachable(message="timeout")
    story.world.declare(V2)
    _end(story.until(Phase.FAILED))


def adopted_and_rolled_out() -> None:
    """Counters that somebody else left behind do not count for the next rollout."""
    story = Play(a_policy(TWO), version=V2, now_s=9000.0)
    story.world.primary = Deployment(version=V2, replicas=2, changed_s=0.0)
    story.target.scale(0, 0.0)
    story.world.traffic = Traffic()
    story.world.rollout = Rollout(
        phase=Phase.SUCCEEDED, applied="f", promoted="f", iterations=2, counts=Counts(failed=1), started=True
    )
    story.ticks(1)
    story.world.declare(V3)
    story.ticks(1)


def deleted_with_losses(number: int, *, after: bool) -> Callable[[], None]:
    """The process dies at one of the writes of a deletion."""

    def story() -> None:
        played = play(revert_on_deletion=True).initialised()
        played.ticks(1)
        played.world.deleting = True
        played.world.faults = CrashAt(number, after=after)
        played.ticks(4)

    return story


def drained_at_first() -> None:
    """One pod, left alone for a while after the traffic has moved to the first primary."""
    story = play(drain_s=90)
    story.target.replicas = 1
    story.ticks(5)


def first_primary_lost() -> None:
    """The order to make it is lost, and lost again."""
    story = play()
    story.world.faults = CrashAt(2, after=False)
    story.ticks(1)
    story.world.faults = CrashAt(1, after=False)
    story.ticks(3)


def beside_an_older_primary() -> None:
    """Routes and a primary of an older revision exist already: what it holds is promoted, the rest is rolled out."""
    story = Play(a_policy(TWO), version=V2)
    story.world.primary = Deployment(version=V1, replicas=2, changed_s=-1000.0, source=V1.revision)
    story.world.traffic = Traffic()
    story.ticks(2)


def no_target() -> None:
    """For longer than any deadline."""
    story = play(progress_deadline_s=100)
    story.world.target = None
    story.ticks(4)


def stranded_at_a_gate() -> None:
    """A failed promotion, a newer revision at a closed gate, which opens."""
    gate = Hook(id="gate", type=HookType.CONFIRM_ROLLOUT)
    story = play(progress_deadline_s=100, hooks=(gate,)).rolling_out().until(Phase.PROMOTING)
    story.primary.crashing = True
    story.until(Phase.FAILED)
    story.world.hook_answers["gate"] = Refused()
    story.world.declare(V3)
    story.until(Phase.WAITING).ticks(1)
    story.world.hook_answers.pop("gate")
    story.ticks(2)


def unready_at_a_gate() -> None:
    """The wait for the canary has a clock of its own."""
    gate = Hook(id="gate", type=HookType.CONFIRM_TRAFFIC_INCREASE)
    story = play(progress_deadline_s=100, hooks=(gate,)).rolling_out().until_weight(10)
    story.world.hook_answers["gate"] = Refused()
    story.ticks(3)
    story.target.crashing = True
    story.ticks(3)


def lost_while_draining() -> None:
    """The primary, while a failed canary is drained."""
    story = play(drain_s=200, threshold=1).rolling_out().errors(0.5).until(Phase.FAILED)
    story.primary.crashing = True
    story.ticks(2)


def reconsidered(*, lost: bool) -> Callable[[], None]:
    """A failed promotion whose target is replaced before the traffic has moved."""

    def story() -> None:
        played = play(progress_deadline_s=150).rolling_out().until(Phase.PROMOTING)
        played.primary.crashing = True
        played.ticks(3)
        played.world.faults = CrashAt(1, after=True)
        played.ticks(1)
        played.world.declare(V3)
        played.primary.crashing = lost
        played.ticks(2)

    return story


def scaled_by_hand_twice() -> None:
    """The second time within an interval waits: no fight."""
    story = play().initialised()
    for _ in range(2):
        story.target.scale(3, story.world.now_s)
        story.tick()


def settled_primary_lost() -> None:
    """It is told once, and that it is back is noticed."""
    story = play().initialised()
    story.primary.crashing = True
    story.ticks(2)
    story.primary.crashing = False
    story.ticks(1)


def stranded_then_drained() -> None:
    """Rolled back at last, and left alone for a while before the pods go."""
    story = play(drain_s=90, progress_deadline_s=150).rolling_out().until_weight(20)
    story.primary.crashing = True
    story.until(Phase.FAILED)
    story.primary.crashing = False
    story.ticks(3)


def suspended_while_waiting() -> None:
    """A wait that was suspended begins anew."""
    story = play().rolling_out(evolve(V2, ready_after_s=None))
    story.ticks(1)
    story.world.policy = evolve(story.world.policy, suspend=True)
    story.ticks(1)
    story.world.policy = evolve(story.world.policy, suspend=False)
    story.ticks(2)


def deleted_before_the_end_was_told() -> None:
    """What was still to be told is not told any more."""
    story = play(threshold=1, revert_on_deletion=True).rolling_out().errors(0.5).until_weight(10)
    story.ticks(1)
    story.world.faults = CrashAt(1, after=True)
    story.ticks(1)
    story.world.deleting = True
    story.ticks(2)


def one_pod_replaced_at_first() -> None:
    """The target changes before its first primary has traffic."""
    story = play()
    story.target.replicas = 1
    story.ticks(1)
    story.world.declare(V2)
    story.ticks(1)


STORIES: dict[str, Callable[[], None]] = {
    "progressive": promoted(TWO),
    "mirror": promoted(Progressive(weights=(10,), mirror=Mirror())),
    "matched": promoted(Progressive(weights=(10,), matched=True)),
    "ab": promoted(ABTest(iterations=2)),
    "blue-green": promoted(BlueGreen(iterations=2)),
    "blue-green-mirror": promoted(BlueGreen(iterations=1, mirror=Mirror())),
    "blue-green-without-mesh": promoted(BlueGreen(iterations=1, shift=False)),
    "promotion-steps": promoted(TWO, promotion_step=8),
    "session-affinity": promoted(TWO, session_affinity=SessionAffinity(cookie_name="c", primary_cookie_name="p")),
    "skipped": promoted(TWO, skip_analysis=True),
    "gates": all_gates_closed_for_a_while,
    "blue-green-gate": blue_green_gate,
    "expired-rollout-gate": expired(HookType.CONFIRM_ROLLOUT),
    "expired-traffic-gate": expired(HookType.CONFIRM_TRAFFIC_INCREASE),
    "expired-promotion-gate": expired(HookType.CONFIRM_PROMOTION),
    "not-passed": every_way_not_to_pass,
    "rolled-back": rolled_back,
    "signalled": signalled,
    "withdrawn": withdrawn,
    "restarted-and-stranded": restarted_and_stranded,
    "promotion-failed": promotion_failed_and_judged_where_it_is,
    "promotion-recovers": promotion_recovers,
    "promotion-refused": promotion_refused_by_the_target,
    "promotion-overtaken": promotion_overtaken,
    "nobody-left": nobody_left,
    "finalising-in-trouble": finalising_in_trouble,
    "withdrawn-in-trouble": withdrawn_in_trouble,
    "initialisation-in-trouble": initialisation_in_trouble,
    "deleted": deleted,
    "deleted-without-revert": deleted_without_revert,
    "suspended": suspended,
    "edited": edited_by_hand,
    "never-ready": never_ready,
    **{f"asked-to-{verb.value}": asked(verb) for verb in Verb},
    "asked-while-waiting": asked_while_waiting,
    "retried": retried,
    "replaced": replaced_by_request,
    "adopted": adopted,
    "one-pod-lost": one_pod_lost,
    "blue-green-goes-back": blue_green_goes_back,
    "lost-while-promoting-ab": lost_while_promoting(ABTest(iterations=1)),
    "lost-while-promoting-blue-green": lost_while_promoting(BlueGreen(iterations=1)),
    "mirrored-and-skipped": mirrored_and_skipped,
    "promoted-while-paused": promoted_while_paused,
    "blue-green-with-affinity": blue_green_with_affinity,
    "target-deleted": target_deleted,
    "gate-after-a-rollout": gate_after_a_rollout,
    "step-back-too-early": step_back_too_early,
    "scale-refused": refused("workload.scale_canary"),
    "promotion-refused-for-ever": refused("workload.promote"),
    "promotion-refused-and-primary-lost": refused("workload.promote", lost=True),
    "deleted-slowly": deleted_slowly,
    "deleted-scale-lost": deleted_with_losses(2, after=False),
    "deleted-release-lost": deleted_with_losses(6, after=False),
    "lost-at-a-gate": lost_at_a_gate,
    "settled-primary-lost": settled_primary_lost,
    "stranded-then-drained": stranded_then_drained,
    "suspended-while-waiting": suspended_while_waiting,
    "deleted-before-told": deleted_before_the_end_was_told,
    "one-pod-replaced": one_pod_replaced_at_first,
    "lost-while-promoting-drained": lost_while_promoting(TWO, drain_s=90),
    "drained-at-first": drained_at_first,
    "first-primary-lost": first_primary_lost,
    "beside-an-older-primary": beside_an_older_primary,
    "no-target": no_target,
    "stranded-at-a-gate": stranded_at_a_gate,
    "unready-at-a-gate": unready_at_a_gate,
    "lost-while-draining": lost_while_draining,
    "reconsidered": reconsidered(lost=False),
    "reconsidered-and-lost": reconsidered(lost=True),
    "scaled-by-hand-twice": scaled_by_hand_twice,
    "withdrawn-after-nothing-was-good": withdrawn_after_nothing_was_good,
    "ready-again": ready_again_before_the_interval_is_over,
    "pre-rollout-hook-down": pre_rollout_hook_down,
    "adopted-and-rolled-out": adopted_and_rolled_out,
    "promotion-steps-to-one": promoted(TWO, promotion_step=19),
}


@pytest.mark.parametrize("name", STORIES)
def test_every_answer_is_as_recorded(name: str) -> None:
    with traced() as lines:
        STORIES[name]()
    text = "\n".join(lines) + "\n"
    path = FOLDER / f"{name}.txt"
    if os.environ.get("UPDATE_TRACES"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_there_is_a_story_for_every_trace() -> None:
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(STORIES)
