"""When a wait is over: by rollouts of a virtual controller, and by single looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from applications.demo_app import NAME
from canary_adapters.kubernetes.resources import CANARIES, DEPLOYMENTS
from canary_adapters.steering.asking import Patience
from canary_adapters.steering.desk import Desk, SteeringError, UnansweredError
from canary_adapters.steering.ending import GRACE_S, End, Ending, Goal
from canary_adapters.steering.following import Lines, Look, follow, looks_at
from canary_core import Phase, Verb
from laboratories.steering_room import IN_PHASE, KEY, NAMESPACE, Room


@pytest.fixture
def room() -> Iterator[Room]:
    with Room() as found:
        yield found


def waits(
    room: Room, goal: Goal, *, seconds: float = 3600.0, quiet: bool = False, shows: Callable[[Look], object] = bool
) -> End:
    """Wait; the controller works whenever it is due."""
    passed = [0.0]
    due = [0.0]

    def sleep(seconds: float) -> None:
        passed[0] += seconds
        room.now_s += seconds
        if not quiet and passed[0] >= due[0]:
            due[0] = passed[0] + min(room.tick(KEY).again_in_s or 1.0, 60.0)

    patience, ending = Patience(seconds, now_s=lambda: passed[0], sleep=sleep), Ending(goal)
    return follow(
        looks_at(Desk(room.api), *KEY, workloads=True),
        ends=lambda look: ending.of(look.view, passed[0], target=look.canary.images, primary=look.primary.images),
        shows=shows,
        patience=patience,
    )


V2 = Goal(image="example.com/app:v2")


def test_a_revision_is_waited_for_by_its_image_from_before_the_controller_has_seen_it(room: Room) -> None:
    room.begin().initialised().new_version()
    end = waits(room, V2)
    assert (end.code, end.text) == (0, f"canary.flagger.app/{NAME}: image example.com/app:v2 promoted")
    assert room.status(KEY)["phase"] in {"Succeeded", "Finalising"}


def test_what_is_promoted_already_is_not_waited_for(room: Room) -> None:
    room.begin().initialised()
    assert waits(room, Goal(image="example.com/app:v1"), seconds=0).code == 0
    promoted = room.status(KEY)["lastPromotedSpec"]
    for text in (promoted, promoted.partition(":")[2][:8]):
        assert waits(room, Goal(revision=text), seconds=0).code == 0


def test_a_revision_that_fails_ends_the_wait(room: Room) -> None:
    room.begin().initialised().new_version()
    room.prometheus.success_rate = 1.0
    end = waits(room, V2)
    assert (end.code, "failed (checks)" in end.text) == (1, True)
    applied = room.status(KEY)["lastAppliedSpec"]
    assert waits(room, Goal(revision=applied)).code == 1
    assert waits(room, Goal()).code == 1


def test_a_failure_of_before_is_not_that_of_a_new_version(room: Room) -> None:
    IN_PHASE[Phase.FAILED](room)
    room.prometheus.success_rate = 100.0
    room.image(KEY, "v3")
    assert waits(room, Goal(image="example.com/app:v3")).code == 0


@pytest.mark.parametrize("by", ["image", "revision"])
def test_a_revision_that_is_replaced_is_withdrawn(room: Room, by: str) -> None:
    IN_PHASE[Phase.PROGRESSING](room)
    goal = V2 if by == "image" else Goal(revision=room.status(KEY)["lastAppliedSpec"])
    looks = [0]

    def replaced(_: Look) -> None:
        looks[0] += 1
        if looks[0] == 3:
            room.image(KEY, "v3")

    end = waits(room, goal, shows=replaced)
    assert (end.code, end.text.endswith("withdrawn")) == (1, True)


def test_without_a_goal_it_is_the_rollout_that_is_under_way_or_begins(room: Room) -> None:
    room.begin().initialised().new_version()
    end = waits(room, Goal())
    assert (end.code, end.text) == (0, f"canary.flagger.app/{NAME}: promoted")
    assert waits(room, Goal(), seconds=GRACE_S + 1, quiet=True).code == 0


def test_the_promoted_revision_declared_again_is_a_withdrawal(room: Room) -> None:
    IN_PHASE[Phase.PROGRESSING](room)
    room.image(KEY, "v1")
    end = waits(room, Goal())
    assert (end.code, "withdrawn" in end.text) == (1, True)


def test_a_generation_is_waited_for_until_the_controller_has_acted_on_it(room: Room) -> None:
    room.begin().initialised()
    room.edit(CANARIES, KEY, lambda obj: obj["spec"].update(skipAnalysis=True))
    generation = room.api.objects[CANARIES.plural, NAMESPACE][NAME]["metadata"]["generation"]
    assert waits(room, Goal(generation=generation), seconds=30, quiet=True).code == 3
    assert waits(room, Goal(generation=generation)).code == 0


def test_a_service_has_no_image_to_wait_for(room: Room) -> None:
    room.begin()
    service = {"apiVersion": "v1", "kind": "Service", "name": NAME}
    room.edit(CANARIES, KEY, lambda obj: obj["spec"].update(targetRef=service))
    end = waits(room, V2, quiet=True)
    assert (end.code, "which has no image" in end.text) == (1, True)


def test_what_may_not_be_read_is_left_out_where_the_canary_is_enough(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    IN_PHASE[Phase.PROGRESSING](room)
    desk = Desk(room.api)

    def refused(*_: str) -> None:
        raise SteeringError("forbidden (missing right)")

    monkeypatch.setattr(desk, "deployment", refused)
    monkeypatch.setattr(desk, "events", refused)
    look = looks_at(desk, *KEY, workloads=True, events=True, lenient=True)()
    assert (look.view.phase, look.primary.images, look.events) == ("Progressing", (), ())
    for strict in (looks_at(desk, *KEY, workloads=True), looks_at(desk, *KEY, events=True)):
        with pytest.raises(SteeringError, match="missing right"):
            strict()


def test_a_wait_has_an_end(room: Room) -> None:
    IN_PHASE[Phase.WAITING](room)
    end = waits(room, V2, seconds=30, quiet=True)
    assert (end.code, "not over after 30 s, Waiting" in end.text) == (3, True)
    assert "waits for a confirm-rollout gate to open" in end.text


# -- Looking --------------------------------------------------------------------------------------------------------


def test_a_server_that_is_away_for_a_while_is_asked_again(room: Room) -> None:
    IN_PHASE[Phase.SUCCEEDED](room)
    look, asked, seen = looks_at(Desk(room.api), *KEY), [0], list[str]()

    def sometimes() -> Look:
        asked[0] += 1
        if asked[0] in {2, 3}:
            raise UnansweredError("no answer")
        return look()

    lines = Lines()
    ending, passed = Ending(Goal()), [0.0]
    end = follow(
        sometimes,
        ends=lambda look: ending.of(look.view, passed[0]),
        shows=lambda look: seen.extend(lines.of(look)),
        patience=Patience(60, now_s=lambda: passed[0], sleep=lambda s: passed.__setitem__(0, passed[0] + s)),
    )
    assert end.code == 0
    state = f"canary.flagger.app/{NAME}: Succeeded, canary 0 %"
    assert seen == [state, "no answer", state]


def test_a_canary_that_is_made_anew_is_another_one(room: Room) -> None:
    IN_PHASE[Phase.PROGRESSING](room)
    place = room.api.objects[CANARIES.plural, NAMESPACE]

    def made_anew(_: Look) -> None:
        place[NAME] = {**place[NAME], "metadata": {**place[NAME]["metadata"], "uid": "another"}}

    with pytest.raises(SteeringError, match="deleted meanwhile"):
        waits(room, Goal(), shows=made_anew, quiet=True)


def test_lines_tell_each_change_and_no_event_of_before(room: Room) -> None:
    IN_PHASE[Phase.PROGRESSING](room)
    lines, look = Lines(), looks_at(Desk(room.api), *KEY)
    first = lines.of(look())
    assert first == [f"canary.flagger.app/{NAME}: Progressing, canary 0 %"]
    assert lines.of(look()) == []
    assert room.asks(Verb.PAUSE).code == 0
    (paused,) = lines.of(look())
    assert paused.endswith("(Paused: waits for a request to resume)")


def test_workloads_are_looked_at(room: Room) -> None:
    IN_PHASE[Phase.PROGRESSING](room)
    look = looks_at(Desk(room.api), *KEY, workloads=True)()
    assert (look.primary.images, look.canary.images) == (("example.com/app:v1",), ("example.com/app:v2",))
    assert (look.primary.name, look.canary.wanted) == (f"{NAME}-primary", 1)
    room.api.objects[DEPLOYMENTS.plural, NAMESPACE].clear()
    assert looks_at(Desk(room.api), *KEY, workloads=True)().primary.images == ()
