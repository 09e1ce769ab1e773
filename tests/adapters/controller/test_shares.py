"""The law of shares: whatever some namespaces do, each other one has a place of its own, and a part of the others."""

from __future__ import annotations

from collections import Counter, deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from canary_adapters.shares import Pending, Shares, Turns

NAMESPACES = [f"namespace-{number}" for number in range(12)]
namespaces = st.sampled_from(NAMESPACES)


class SharesMachine(RuleBasedStateMachine):
    """Namespaces take as many places as they like, keep them for as long as they like, and give some back."""

    @initialize(most=st.integers(0, 40), limit=st.integers(1, 15))
    def begin(self, most: int, limit: int) -> None:
        self.most, self.limit = most, limit
        self.shares = Shares(most, own=limit)
        self.held: Counter[str] = Counter()

    @rule(namespace=namespaces, wanted=st.integers(1, 60))
    def take(self, namespace: str, wanted: int) -> None:
        count = min(wanted, self.shares.free(namespace))
        if count:
            self.shares.take(namespace, count)
            self.held[namespace] += count

    @precondition(lambda self: +self.held)
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        namespace = data.draw(st.sampled_from(sorted(+self.held)))
        count = data.draw(st.integers(1, self.held[namespace]))
        self.shares.give_back(namespace, count)
        self.held[namespace] -= count

    @invariant()
    def each_namespace_without_a_place_is_given_one(self) -> None:
        """Whatever the others hold, and for how long: this is what is promised to everybody."""
        holding = len(+self.held)
        for namespace in NAMESPACES:
            if not self.held[namespace] and holding < self.limit:
                assert self.shares.free(namespace) >= 1

    @invariant()
    def beyond_its_own_nobody_has_more_than_is_left(self) -> None:
        further = sum(max(0, count - 1) for count in self.held.values())
        for namespace in NAMESPACES:
            own = max(0, self.held[namespace] - 1)
            may = self.shares.free(namespace) - (not self.held[namespace])
            if self.held[namespace] or len(+self.held) < self.limit:
                # The last of those that it may take was fewer than were free then.
                assert own + may - 1 < self.most - further - (may - 1) or may == 0
                assert own + may >= self.most - further - may

    @invariant()
    def there_are_no_more_than_that(self) -> None:
        assert self.shares.taken == self.held.total()
        assert self.shares.taken <= self.most + len(+self.held)
        assert len(+self.held) <= self.limit
        assert self.shares.held == +self.held


SharesMachine.TestCase.settings = settings(stateful_step_count=40)
TestShares = SharesMachine.TestCase


@given(st.integers(0, 20), st.lists(st.tuples(namespaces, st.integers(1, 9)), max_size=30))
def test_without_own_places_there_are_never_more_than_are_shared(most: int, wishes: list[tuple[str, int]]) -> None:
    """As for the load tester, where each place is a program that makes load."""
    shares = Shares(most)
    for namespace, wanted in wishes:
        free, held = shares.free(namespace), shares.held.get(namespace, 0)
        assert bool(free) == (held < most - shares.taken)
        if count := min(free, wanted):
            shares.take(namespace, count)
        assert shares.taken <= most


@given(st.integers(0, 200), st.integers(1, 12))
def test_those_that_want_all_come_to_have_the_same_and_as_much_is_left(most: int, count: int) -> None:
    """Each place that comes back is asked for again by everybody."""
    shares = Shares(most, own=len(NAMESPACES))
    greedy = NAMESPACES[:count]
    for _ in range(2 * most + 2):
        for namespace in greedy:
            while shares.free(namespace):
                shares.take(namespace)
        shares.give_back(max(greedy, key=lambda each: shares.held[each]))
    for namespace in greedy:
        while shares.free(namespace):
            shares.take(namespace)
    held = [shares.held[namespace] - 1 for namespace in greedy]
    assert max(held) - min(held) <= 1
    left = most - sum(held)
    assert min(held) >= left
    assert left >= max(held) - 1


# -- Turns ----------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(namespaces, st.integers(0, 20)), max_size=60), st.sets(namespaces))
def test_namespaces_have_turns_and_their_own_keep_their_order(added: list[tuple[str, int]], barred: set[str]) -> None:
    turns: Turns[tuple[str, int]] = Turns()
    for namespace, number in added:
        turns.add(namespace, (namespace, number))
    expected = {name: list(dict.fromkeys(n for ns, n in added if ns == name)) for name in NAMESPACES}
    assert len(turns) == sum(map(len, expected.values()))
    taken = list(iter(lambda: turns.take(lambda namespace: namespace not in barred), None))
    for name in NAMESPACES:
        assert [number for ns, number in taken if ns == name] == ([] if name in barred else expected[name])
    for at, (name, _) in enumerate(taken):
        others = {ns for ns, _ in taken[at + 1 :]}
        again = next((later for later in range(at + 1, len(taken)) if taken[later][0] == name), len(taken))
        assert others - {name} <= {ns for ns, _ in taken[at + 1 : again]} or again == len(taken)


@pytest.mark.parametrize("most", [1, 10, 100])
@given(st.lists(namespaces | st.none(), max_size=200))
def test_of_what_waits_who_has_most_loses_first(most: int, steps: list[str | None]) -> None:
    """Against a model: None is somebody who takes."""
    pending: Pending[tuple[str, int]] = Pending(most)
    model: dict[str, deque[int]] = {}
    for number, namespace in enumerate(steps):
        if namespace is None:
            found = pending.take()
            if found is None:
                assert not model
                continue
            name, expected = next(iter(model.items()))
            assert found == (name, expected.popleft())
            del model[name]
            if expected:
                model[name] = expected
        else:
            pending.add(namespace, (namespace, number))
            model.setdefault(namespace, deque()).append(number)
            if sum(map(len, model.values())) > most:
                loser = max(model, key=lambda each: len(model[each]))
                model[loser].popleft()
                model = {name: waiting for name, waiting in model.items() if waiting}
        assert len(pending) == sum(map(len, model.values())) <= most


def test_a_namespace_that_has_less_than_its_part_loses_nothing() -> None:
    pending: Pending[tuple[str, int]] = Pending(100)
    for number in range(10):
        pending.add("mine", ("mine", number))
    for number in range(10_000):
        pending.add(f"theirs-{number % 5}", ("theirs", number))
    taken = list(iter(pending.take, None))
    assert [number for whose, number in taken if whose == "mine"] == list(range(10))
    assert [whose for whose, _ in taken[:6]].count("mine") == 1


def test_a_namespace_has_a_place_whatever_all_others_hold() -> None:
    """Hundreds of namespaces that take all they are given, and give nothing back."""
    shares = Shares(128, own=1_000)
    for number in range(999):
        greedy = f"theirs-{number}"
        while shares.free(greedy):
            shares.take(greedy)
    assert shares.taken == 128 + 999
    assert shares.free("mine") == 1
    shares.take("mine")
    assert shares.free("one too many") == 0
    shares.give_back("mine")
    assert shares.free("mine") == 1
