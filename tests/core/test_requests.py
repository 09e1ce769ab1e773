"""What a person may ask, in each phase: the table in `canary_core.commands`, tried whole."""

import pytest
from attrs import evolve

from canary_core import (
    HookType,
    KnownGood,
    Observation,
    Obstacle,
    Outcome,
    Phase,
    Progressive,
    Reply,
    Request,
    Rollout,
    Step,
    Verb,
    notices,
    step,
    weights_by_step,
)
from canary_core.replies import reply_text
from stories.trajectories import V1, V2, V3, Play, a_gate, a_policy, close_gate, open_gate

STEPS = Progressive(weights=weights_by_step(10, 30))


def _play(**options: object) -> Play:
    return Play(a_policy(STEPS, **options))


def _waiting() -> Play:
    play = _play(hooks=(a_gate(HookType.CONFIRM_ROLLOUT),)).initialised()
    close_gate(play.world)
    play.world.declare(V2)
    return play.until(Phase.WAITING)


def _waiting_promotion() -> Play:
    play = _play(hooks=(a_gate(HookType.CONFIRM_PROMOTION),))
    close_gate(play.world)
    return play.rolling_out().until(Phase.WAITING_PROMOTION)


def _failed() -> Play:
    return _play(threshold=1).rolling_out().errors(0.5).until(Phase.FAILED)


IN_PHASE = {
    Phase.INITIALIZED: lambda: _play().initialised(),
    Phase.WAITING: _waiting,
    Phase.PROGRESSING: lambda: _play().rolling_out().until_weight(20),
    Phase.WAITING_PROMOTION: _waiting_promotion,
    Phase.PROMOTING: lambda: _play().rolling_out().until(Phase.PROMOTING),
    Phase.FINALISING: lambda: _play().rolling_out().until(Phase.FINALISING),
    Phase.SUCCEEDED: lambda: _play().rolling_out().until(Phase.SUCCEEDED),
    Phase.FAILED: _failed,
}
ANALYSIS = {Phase.WAITING, Phase.PROGRESSING, Phase.WAITING_PROMOTION}
LEGAL = {
    Verb.PAUSE: set(IN_PHASE),
    Verb.RESUME: set(),
    Verb.ABORT: ANALYSIS,
    Verb.RETRY: {Phase.FAILED},
    Verb.PROMOTE: ANALYSIS,
}


@pytest.mark.parametrize("verb", Verb)
@pytest.mark.parametrize("phase", IN_PHASE)
def test_a_request_is_accepted_exactly_where_the_table_says(phase: Phase, verb: Verb) -> None:
    play = IN_PHASE[phase]()
    play.ask(verb).tick()
    refused = notices.RequestRefused(verb=verb, phase=phase)
    told = [each.notice for each in play.world.told]
    assert (refused not in told) is (phase in LEGAL[verb])
    assert play.rollout.request == "1"
    assert (play.rollout.reply is Reply.ACCEPTED) is (phase in LEGAL[verb])
    assert play.rollout.reply is not None
    assert reply_text(play.rollout.reply, verb, phase)


@pytest.mark.parametrize("phase", IN_PHASE)
def test_a_request_is_dealt_with_once(phase: Phase) -> None:
    play = IN_PHASE[phase]()
    play.ask(Verb.PAUSE).tick()
    play.ask(Verb.RESUME, "2").ticks(1)
    play.ask(Verb.RESUME, "2").ticks(3)
    assert play.told.count("RequestAccepted") == 2
    assert "RequestRefused" not in play.told


@pytest.mark.parametrize("phase", IN_PHASE)
def test_a_request_that_nobody_understands_is_told_of_once_and_changes_nothing(phase: Phase) -> None:
    play, other = IN_PHASE[phase](), IN_PHASE[phase]()
    play.world.request = Request(id="abrt/1", verb=None)
    play.ticks(3)
    other.ticks(3)
    told = [each.notice for each in play.world.told]
    assert told.count(notices.RequestUnknown(text="abrt/1")) == 1
    assert play.rollout.request == "abrt/1"
    assert play.rollout.reply is Reply.NOT_UNDERSTOOD
    assert evolve(play.rollout, request=None, reply=None) == other.rollout


def test_abort_rolls_back_at_once() -> None:
    play = IN_PHASE[Phase.PROGRESSING]()
    play.ask(Verb.ABORT).tick()
    assert (play.rollout.phase, play.rollout.outcome) == (Phase.FAILED, Outcome.ABORTED)
    assert (play.split, play.target.replicas, play.told[-2:]) == ((100, 0), 0, ["Aborted", "RolledBack"])


def test_an_aborted_revision_is_not_tried_again_by_itself() -> None:
    play = IN_PHASE[Phase.PROGRESSING]()
    play.ask(Verb.ABORT).ticks(5)
    assert play.rollout.phase is Phase.FAILED


def test_retry_analyses_the_failed_revision_from_the_beginning() -> None:
    play = _failed().errors(0.0)
    play.ask(Verb.RETRY).tick()
    assert (play.rollout.phase, play.rollout.counts.failed, play.split) == (Phase.PROGRESSING, 0, (100, 0))
    play.until(Phase.SUCCEEDED)
    assert play.rollout.promoted == V2.revision


def test_retry_takes_up_a_failed_promotion_where_it_stopped() -> None:
    play = _play(progress_deadline_s=120).rolling_out().until(Phase.PROMOTING)
    play.primary.crashing = True
    play.until(Phase.FAILED).ask(Verb.RETRY).tick()
    assert (play.rollout.phase, play.rollout.known_good, play.split) == (Phase.PROMOTING, KnownGood.CANARY, (0, 100))


def test_retry_takes_up_a_failed_initialisation() -> None:
    play = _play(progress_deadline_s=120)
    play.world.primary_never_ready = True
    play.until(Phase.FAILED)
    assert (play.rollout.outcome, play.target.replicas, play.world.traffic) == (Outcome.INITIALIZATION, 2, None)
    play.ask(Verb.RETRY).tick()
    assert play.rollout.phase is Phase.INITIALIZING


def test_retry_is_refused_while_paused_and_pause_while_paused() -> None:
    play = _failed().ask(Verb.PAUSE)
    play.tick()
    for number, verb in enumerate((Verb.RETRY, Verb.PAUSE)):
        play.ask(verb, f"again-{number}").tick()
        assert (play.rollout.phase, play.rollout.reply) == (Phase.FAILED, Reply.PAUSED)


@pytest.mark.parametrize("phase", [Phase.TERMINATING, Phase.TERMINATED])
def test_a_rollout_that_is_given_up_is_not_paused(phase: Phase) -> None:
    """The deletion goes before all requests; here it is not seen, whatever the cause."""
    seen = Observation(now_s=0.0, request=Request(id="1", verb=Verb.PAUSE))
    found = step(a_policy(STEPS), Rollout(phase=phase), seen)
    assert isinstance(found, Step)
    assert (found.rollout.reply, found.rollout.paused) == (Reply.WRONG_PHASE, False)


def test_retry_is_refused_while_the_primary_cannot_take_traffic_back() -> None:
    play = _failed()
    play.primary.crashing = True
    play.ask(Verb.RETRY).tick()
    assert (play.rollout.phase, play.rollout.reply) == (Phase.FAILED, Reply.PRIMARY_NOT_READY)
    assert "RequestRefused" in play.told


def test_retry_is_refused_while_something_is_in_the_way() -> None:
    play = _failed().errors(0.0)
    play.world.obstacles = (Obstacle(reason="TargetOwned", message="web belongs to web-2"),)
    play.ask(Verb.RETRY).tick()
    assert (play.rollout.phase, play.rollout.reply) == (Phase.FAILED, Reply.OBSTRUCTED)
    assert "RequestRefused" in play.told
    play.world.obstacles = ()
    play.ask(Verb.RETRY, "2").tick()
    assert (play.rollout.phase, play.rollout.reply) == (Phase.PROGRESSING, Reply.ACCEPTED)


def test_promote_leaves_out_the_rest_of_the_analysis_but_not_the_readiness() -> None:
    play = IN_PHASE[Phase.PROGRESSING]().errors(0.5)
    play.ask(Verb.PROMOTE).until(Phase.SUCCEEDED)
    assert (play.rollout.promoted, play.rollout.outcome) == (V2.revision, Outcome.SKIPPED)
    assert play.world.told[-1].notice == notices.Promoted(skipped=True)
    assert "CheckNotPassed" not in play.told


def test_promote_opens_a_closed_gate() -> None:
    play = _waiting_promotion()
    play.ask(Verb.PROMOTE).until(Phase.SUCCEEDED)
    assert play.rollout.promoted == V2.revision
    waiting = _waiting()
    waiting.ask(Verb.PROMOTE).until(Phase.SUCCEEDED)
    assert waiting.rollout.promoted == V2.revision


def test_promote_is_the_way_out_when_the_primary_is_lost_for_good() -> None:
    """A newer revision cannot be analysed beside a dead primary; a person may say that it is to replace it."""
    play = _play().rolling_out().until(Phase.SUCCEEDED)
    play.primary.crashing = True
    play.world.declare(V3)
    play.ticks(2)
    assert play.rollout.phase is Phase.SUCCEEDED
    play.ask(Verb.PROMOTE).until(Phase.PROMOTING)
    play.primary.crashing = False
    play.until(Phase.SUCCEEDED)
    assert (play.primary.source, play.split) == (V3.revision, (100, 0))


def test_a_pause_holds_every_step_forward_while_checks_go_on() -> None:
    play = IN_PHASE[Phase.PROGRESSING]()
    play.ask(Verb.PAUSE).ticks(6)
    assert (play.rollout.phase, play.split) == (Phase.PROGRESSING, (80, 20))
    play.errors(0.5).until(Phase.FAILED)
    assert play.split == (100, 0)


def test_a_pause_keeps_a_new_revision_from_starting() -> None:
    play = IN_PHASE[Phase.INITIALIZED]()
    play.ask(Verb.PAUSE).ticks(1)
    play.world.declare(V2)
    play.ticks(4)
    assert (play.rollout.phase, play.target.replicas) == (Phase.INITIALIZED, 0)
    play.ask(Verb.RESUME, "2").until(Phase.SUCCEEDED)
    assert play.rollout.promoted == V2.revision


def test_a_pause_holds_a_declared_skip_too() -> None:
    play = _play(skip_analysis=True).initialised()
    play.world.declare(V2)
    play.ticks(1)
    play.ask(Verb.PAUSE).ticks(5)
    assert (play.rollout.phase, play.primary.source) == (Phase.PROGRESSING, V1.revision)


def test_a_gate_that_opens_goes_on_after_an_open_ended_wait() -> None:
    play = _waiting()
    play.ticks(20)
    assert (play.rollout.phase, play.told.count("ApprovalAwaited")) == (Phase.WAITING, 1)
    open_gate(play.world)
    play.until(Phase.SUCCEEDED)


def test_a_gate_with_a_deadline_rolls_back() -> None:
    for kind in (HookType.CONFIRM_ROLLOUT, HookType.CONFIRM_TRAFFIC_INCREASE, HookType.CONFIRM_PROMOTION):
        play = _play(hooks=(a_gate(kind),), approval_deadline_s=300).initialised()
        close_gate(play.world)
        play.world.declare(V2)
        play.until(Phase.FAILED)
        assert (play.rollout.outcome, play.split, play.target.replicas) == (Outcome.APPROVAL, (100, 0), 0)
        assert "ApprovalExpired" in play.told


def test_a_newer_revision_at_a_closed_gate_is_what_gets_analysed() -> None:
    play = _waiting()
    play.world.declare(V3)
    open_gate(play.world)
    play.until(Phase.SUCCEEDED)
    assert play.rollout.promoted == V3.revision


def test_going_back_at_a_closed_gate_ends_the_wait() -> None:
    play = _waiting()
    play.world.declare(V1)
    play.ticks(3)
    assert (play.rollout.phase, play.rollout.outcome) == (Phase.SUCCEEDED, Outcome.WITHDRAWN)


def test_a_never_ready_canary_is_rolled_back_by_the_deadline() -> None:
    play = _play(progress_deadline_s=200).rolling_out(evolve(V2, ready_after_s=None)).until(Phase.FAILED)
    assert (play.rollout.outcome, play.split, play.target.replicas) == (Outcome.DEADLINE, (100, 0), 0)
