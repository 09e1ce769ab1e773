"""Each verb in each phase: what the machine answers is what the person who asks is told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from applications.demo_app import NAME
from canary_adapters.kubernetes.resources import CANARIES, Obj
from canary_adapters.kubernetes.store.annotation import REQUEST
from canary_adapters.steering.asking import new_request
from canary_adapters.steering.desk import Desk, SteeringError
from canary_adapters.steering.view import CanaryView
from canary_core import Phase, Verb
from laboratories.steering_room import IN_PHASE, KEY, NAMESPACE, Room


@pytest.fixture
def room() -> Iterator[Room]:
    with Room() as found:
        yield found


ANALYSED = {Phase.WAITING, Phase.PROGRESSING, Phase.WAITING_PROMOTION}
ACCEPTED = {
    Verb.PAUSE: set(IN_PHASE) - {Phase.TERMINATING},
    Verb.RESUME: set[Phase](),
    Verb.ABORT: ANALYSED,
    Verb.RETRY: {Phase.FAILED},
    Verb.PROMOTE: ANALYSED,
}


def test_every_phase_is_tried() -> None:
    """But Terminated, in which there is no object any more."""
    assert set(IN_PHASE) == set(Phase) - {Phase.TERMINATED}


@pytest.mark.slow
@pytest.mark.parametrize("verb", Verb)
@pytest.mark.parametrize("phase", IN_PHASE)
def test_what_the_machine_answers_is_what_is_reported(room: Room, phase: Phase, verb: Verb) -> None:
    IN_PHASE[phase](room)
    answer = room.asks(verb)
    is_accepted = phase in ACCEPTED[verb]
    assert answer.code == (0 if is_accepted else 1)
    assert answer.text.startswith(f"canary.flagger.app/{NAME}: {verb.value} {'accepted' if is_accepted else 'refused'}")
    refused = f"Request to {verb.value} {NAME}.{NAMESPACE} refused in phase {phase.value}"
    assert (refused in room.told()) is not is_accepted


def test_a_refusal_says_why(room: Room) -> None:
    IN_PHASE[Phase.SUCCEEDED](room)
    assert room.asks(Verb.ABORT).text.endswith(
        "abort refused: the phase is Succeeded; abort is possible in Waiting, Progressing and WaitingPromotion"
    )
    assert room.asks(Verb.RESUME).text.endswith("resume refused: the rollout is not paused")
    assert room.asks(Verb.PAUSE).code == 0
    assert room.asks(Verb.PAUSE).text.endswith("pause refused: the rollout is paused")
    assert room.asks(Verb.RESUME).code == 0


def test_the_same_is_asked_for_again_by_a_new_token(room: Room) -> None:
    assert new_request(Verb.PAUSE) != new_request(Verb.PAUSE)
    IN_PHASE[Phase.PROGRESSING](room)
    assert [room.asks(verb).code for verb in (Verb.PAUSE, Verb.RESUME, Verb.PAUSE, Verb.RESUME)] == [0, 0, 0, 0]


# -- Nobody answers, or not to this ---------------------------------------------------------------------------------


def test_without_a_controller_the_wait_ends_and_the_request_stays(room: Room) -> None:
    room.begin()
    answer = room.asks(Verb.PAUSE, ticks=lambda: None)
    assert (answer.code, "no controller has written a status" in answer.text) == (3, True)
    view = CanaryView.of(room.api.objects[CANARIES.plural, NAMESPACE][NAME])
    assert view.asked is not None
    assert (view.asked.verb, view.asked.answered) == (Verb.PAUSE, False)


def test_of_a_suspended_canary_it_is_said_that_it_is(room: Room) -> None:
    IN_PHASE[Phase.PROGRESSING](room)
    room.edit(CANARIES, KEY, lambda obj: obj["spec"].update(suspend=True))
    answer = room.asks(Verb.ABORT)
    assert (answer.code, "suspended" in answer.text) == (3, True)


def test_of_a_canary_that_nobody_lets_go_it_is_said_that_it_is_being_deleted(room: Room) -> None:
    IN_PHASE[Phase.TERMINATING](room)
    answer = room.asks(Verb.ABORT, ticks=lambda: None)
    assert (answer.code, "is being deleted" in answer.text) == (3, True)


def test_another_request_may_take_its_place(room: Room) -> None:
    IN_PHASE[Phase.PROGRESSING](room)

    def another() -> None:
        room.edit(CANARIES, KEY, lambda obj: obj["metadata"]["annotations"].update({REQUEST: "resume/other"}))

    answer = room.asks(Verb.PAUSE, ticks=another)
    assert (answer.code, "resume/other" in answer.text) == (1, True)


def test_a_canary_that_is_deleted_or_made_anew_is_told_of(room: Room) -> None:
    IN_PHASE[Phase.PROGRESSING](room)
    place = room.api.objects[CANARIES.plural, NAMESPACE]

    def made_anew() -> None:
        place[NAME] = {**place[NAME], "metadata": {**place[NAME]["metadata"], "uid": "another"}}

    with pytest.raises(SteeringError, match="deleted meanwhile"):
        room.asks(Verb.PAUSE, ticks=made_anew)
    with pytest.raises(SteeringError, match=f"no canary {NAME} in namespace {NAMESPACE}"):
        room.asks(Verb.PAUSE, ticks=place.clear)


def test_what_is_written_in_between_is_no_reason_to_fail(room: Room) -> None:
    """The version of the object does not matter for a request, only that it is the same object."""
    IN_PHASE[Phase.PROGRESSING](room)
    desk = Desk(room.api)
    old = desk.canary(*KEY)
    room.edit(CANARIES, KEY, lambda obj: obj["metadata"].update(labels={"a": "b"}))
    desk.write(old, new_request(Verb.PAUSE))
    live = desk.canary(*KEY)
    assert live["metadata"]["labels"] == {"a": "b"}
    assert live["metadata"]["annotations"][REQUEST].startswith("pause/")


def test_conflicts_are_tried_again_but_not_for_ever(room: Room) -> None:
    IN_PHASE[Phase.PROGRESSING](room)
    desk = Desk(room.api)
    seen: Obj = desk.canary(*KEY)
    wrong = {**seen, "metadata": {**seen["metadata"], "uid": "another"}}
    with pytest.raises(SteeringError, match="deleted meanwhile"):
        desk.write(wrong, new_request(Verb.PAUSE))


def test_a_controller_of_before_answers_without_a_word(room: Room) -> None:
    IN_PHASE[Phase.PROGRESSING](room)

    def old_controller() -> None:
        room.tick(KEY)
        room.edit(CANARIES, KEY, lambda obj: obj["status"]["rollout"].pop("reply", None))

    answer = room.asks(Verb.PAUSE, ticks=old_controller)
    assert (answer.code, "does not write its answer" in answer.text) == (3, True)
