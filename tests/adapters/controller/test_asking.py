"""Places for questions are shared between namespaces, and who found none is woken in turn."""

from __future__ import annotations

import threading
from collections import deque
from itertools import cycle, islice

import pytest

from canary_adapters.controller.asking import Asking, CrowdedError, Places
from canary_adapters.controller.interests import Key
from canary_adapters.controller.reconciler import CROWDED_PAUSE_S, Verdict
from canary_core import Answer, MetricQuestion, NoData, Question, Sample
from canary_ports import Gather
from laboratories.virtual_cluster import VirtualController

QUESTIONS = tuple(MetricQuestion(check=f"check-{number}") for number in range(6))


def _nobody(_: Key) -> None:
    raise AssertionError("nobody was turned away")


def _value(question: Question) -> Answer:
    assert isinstance(question, MetricQuestion)
    return Sample(value=float(question.check.rpartition("-")[2]))


# -- Places ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("most", "given"), [(0, [1, 1, 1]), (1, [2, 1, 1]), (2, [2, 2, 1]), (9, [6, 3, 2]), (16, [9, 5, 3])]
)
def test_one_namespace_alone_has_its_own_place_and_half_of_the_others(most: int, given: list[int]) -> None:
    """The next one has its own, and half of the rest."""
    places = Places(most, wake=_nobody)
    assert [places.take((namespace, "a"), 1000) for namespace in ("one", "two", "three")] == given
    assert places.open == sum(given)


def test_namespaces_that_want_all_they_can_get_come_to_have_the_same() -> None:
    """And as much is left for another one."""
    places = Places(100, wake=lambda _: None)
    held = {namespace: deque([places.take((namespace, "a"), 1000)]) for namespace in "abcd"}
    assert sum(held["a"]) > 3 * sum(held["c"])
    for namespace in islice(cycle("abcd"), 2000):  # one place after the other comes back, and is asked for again
        for each in "abcd":
            held[each].append(places.take((each, "a"), 1))
        if sum(held[namespace]):
            places.give_back((namespace, "a"), 1)
            held[namespace].append(-1)
    assert {sum(each) for each in held.values()} <= {20, 21, 22}
    assert places.take(("new", "a"), 1000) >= 10


def test_who_was_turned_away_is_woken_in_turn() -> None:
    woken: list[Key] = []
    places = Places(1, wake=woken.append)
    assert [places.take((namespace, "holds"), 2) for namespace in "abc"] == [2, 1, 1]
    for key in (("a", "1"), ("a", "2"), ("a", "1"), ("b", "1")):
        assert places.take(key, 1) == 0
    assert places.waiting == 3
    places.give_back(("c", "holds"), 1)
    assert woken == [], "what was the own place of one is of no use to others"
    assert places.take(("d", "holds"), 2) == 1
    places.give_back(("b", "holds"), 1)
    assert woken == [("b", "1")]
    places.give_back(("a", "holds"), 2)
    assert woken == [("b", "1"), ("a", "1"), ("a", "2")]
    places.give_back(("d", "holds"), 1)
    assert places.waiting == places.open == 0
    assert places._shares.held == {}


# -- Asking ---------------------------------------------------------------------------------------------------------


def _gather(places: Places) -> Gather:
    return Asking(places).of(("here", "a"))


def test_what_belongs_together_is_asked_at_the_same_time() -> None:
    together = threading.Barrier(len(QUESTIONS))

    def answer(question: Question) -> Answer:
        together.wait(20)
        return _value(question)

    places = Places(100, wake=_nobody)
    assert list(_gather(places)(answer, QUESTIONS)) == [_value(question) for question in QUESTIONS]
    assert places.open == 0


def test_with_fewer_places_all_of_it_is_asked_one_after_the_other() -> None:
    places = Places(0, wake=_nobody)
    threads = set[int]()

    def answer(question: Question) -> Answer:
        assert places.open == 1
        threads.add(threading.get_ident())
        return _value(question)

    assert list(_gather(places)(answer, QUESTIONS)) == [_value(question) for question in QUESTIONS]
    assert threads == {threading.get_ident()}


@pytest.mark.parametrize("most", [0, 100])
def test_an_error_of_one_question_comes_when_no_other_is_open_any_more(most: int) -> None:
    places, open_ = Places(most, wake=_nobody), list[str]()

    def answer(question: Question) -> Answer:
        assert isinstance(question, MetricQuestion)
        open_.append(question.check)
        try:
            if question.check == "check-2":
                raise LookupError
            return NoData()
        finally:
            open_.remove(question.check)

    with pytest.raises(LookupError):
        _gather(places)(answer, QUESTIONS)
    assert open_ == []
    assert places.open == 0


def test_without_a_place_nothing_is_asked() -> None:
    woken: list[Key] = []
    places = Places(0, wake=woken.append)

    def never(question: Question) -> Answer:
        raise AssertionError(question)

    assert places.take(("here", "b"), 1) == 1
    with pytest.raises(CrowdedError):
        _gather(places)(never, QUESTIONS)
    places.give_back(("here", "b"), 1)
    assert woken == [("here", "a")]


def test_a_canary_that_found_no_place_loses_nothing() -> None:
    """It is no failure: neither of the rollout, nor of the tick, which is made again without a longer pause."""

    def crowded(_: Key) -> Gather:
        def gather(*_: object) -> list[Answer]:
            raise CrowdedError

        return gather

    with VirtualController() as controller:
        key = controller.deploy("app")
        controller.until("Initialized", key)
        controller.image(key, "v2")
        reconciler = controller.reconciler
        usual, reconciler._gather = reconciler._gather, crowded
        verdicts = []
        for _ in range(10):
            verdicts.append(controller.tick(key))
            controller.now_s += verdicts[-1].again_in_s or 0.0
        assert verdicts[-1] == Verdict(result="crowded", again_in_s=CROWDED_PAUSE_S)
        reconciler._gather = usual
        controller.until("Succeeded", key)
