"""Which rollout is due next: laws of the queue, on a clock of the test's own."""

import threading

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from canary_adapters.controller.queue import DueQueue


class _Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), min_size=1))
def test_keys_come_when_they_are_due_and_in_that_order(added: list[tuple[str, int]]) -> None:
    clock = _Clock()
    queue: DueQueue[str] = DueQueue(clock)
    for key, delay in added:
        queue.add(key, delay)
    expected = {key: min(delay for other, delay in added if other == key) for key, _ in added}
    for delay in sorted(set(expected.values())):
        clock.now = 100.0 + delay
        due = set()
        while (taken := queue.take(0)) is not None:
            assert taken[1] == 0
            due.add(taken[0])
        assert due == {key for key, when in expected.items() if when == delay}


class Books(RuleBasedStateMachine):
    """Against a model: a time for each key, and who works on what."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = _Clock()
        self.queue: DueQueue[str] = DueQueue(self.clock)
        self.due: dict[str, float] = {}
        self.busy: set[str] = set()

    @rule(key=st.sampled_from("abcd"), delay=st.integers(0, 5))
    def add(self, key: str, delay: int) -> None:
        self.queue.add(key, delay)
        self.due[key] = min(self.due.get(key, 1e9), self.clock.now + delay)

    @rule(seconds=st.integers(1, 4))
    def pass_time(self, seconds: int) -> None:
        self.clock.now += seconds

    @rule()
    def take(self) -> None:
        ready = {key: due for key, due in self.due.items() if due <= self.clock.now and key not in self.busy}
        assert self.queue.ready == len(ready)
        taken = self.queue.take(0)
        if taken is None:
            assert not ready
            return
        key, late = taken
        assert ready[key] == min(ready.values())
        assert late == self.clock.now - ready[key]
        del self.due[key]
        self.busy.add(key)

    @precondition(lambda self: self.busy)
    @rule(data=st.data(), again=st.none() | st.integers(0, 5))
    def done(self, data: st.DataObject, again: int | None) -> None:
        key = data.draw(st.sampled_from(sorted(self.busy)))
        self.queue.done(key, again)
        self.busy.remove(key)
        if again is not None:
            self.due[key] = min(self.due.get(key, 1e9), self.clock.now + again)

    @rule(key=st.sampled_from("abcd"))
    def forget(self, key: str) -> None:
        self.queue.forget(key)
        self.due.pop(key, None)

    @invariant()
    def the_books_agree(self) -> None:
        assert len(self.queue) == len(self.due)
        assert self.queue.busy == len(self.busy)


TestBooks = Books.TestCase


def test_whoever_waits_is_woken_by_a_key_and_by_the_end() -> None:
    queue: DueQueue[str] = DueQueue()
    found: list[object] = []
    waiting = [threading.Thread(target=lambda: found.append(queue.take(10))) for _ in range(2)]
    for thread in waiting:
        thread.start()
    queue.add("a")
    waiting[0].join(0.2)
    queue.close()
    for thread in waiting:
        thread.join(10)
    assert sorted(type(one).__name__ for one in found) == ["NoneType", "tuple"]


def test_what_is_woken_again_and_again_leaves_nothing_behind() -> None:
    """Ten thousand changes of two settled canaries: no entry waits for the time that they were due before."""
    clock = _Clock()
    queue: DueQueue[str] = DueQueue(clock)
    for _ in range(5000):
        for key in "ab":
            queue.add(key, 0.02)
            queue.add(key, 5.0)
        clock.now += 0.05
        for _ in "ab":
            taken = queue.take(0)
            assert taken is not None
            queue.done(taken[0], 300.0)
    assert len(queue) == 2
    assert len(queue._heap) < 100
