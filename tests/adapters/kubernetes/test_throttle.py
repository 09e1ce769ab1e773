"""How many requests are sent: a steady rate, a burst after a pause, first come, first served. On a clock of its own."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canary_adapters.kubernetes.throttle import PATIENCE_S, Throttle


class _Time:
    """A clock that goes on only while somebody sleeps."""

    now_s = 1000.0

    def clock(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now_s += seconds


def _throttle(time: _Time, per_second: float = 10.0, burst: int = 5) -> Throttle:
    return Throttle(per_second, burst, clock=time.clock, sleep=time.sleep)


@given(st.integers(1, 20), st.integers(1, 50), st.lists(st.floats(0, 3), min_size=1, max_size=60))
def test_no_span_of_time_has_more_than_burst_and_rate(rate: int, burst: int, pauses: list[float]) -> None:
    """Whatever pauses lie between the requests, and never more of a pause than that takes."""
    time = _Time()
    throttle = _throttle(time, rate, burst)
    sent: list[float] = []
    for pause_s in pauses:
        time.now_s += pause_s
        throttle.wait()
        sent.append(time.now_s)
    for first, start_s in enumerate(sent):
        for last in range(first, len(sent)):
            assert last - first + 1 <= burst + rate * (sent[last] - start_s) + 1e-6


def test_a_burst_passes_at_once_and_the_rest_at_the_rate() -> None:
    time = _Time()
    throttle = _throttle(time)
    passed = []
    for _ in range(8):
        throttle.wait()
        passed.append(round(time.now_s - 1000.0, 6))
    assert passed == [0, 0, 0, 0, 0, 0.1, 0.2, 0.3]


def test_what_nobody_waits_for_leaves_tokens_to_others() -> None:
    """Nine tenths of the bucket are not for it: others find that free however much it has to send."""
    time = _Time()
    throttle = _throttle(time, 10.0, 10)
    for _ in range(40):
        throttle.give_way()
    before_s = time.now_s
    for _ in range(9):
        throttle.wait()
    assert time.now_s == pytest.approx(before_s)


def test_what_nobody_waits_for_is_not_put_off_for_ever() -> None:
    """Others take every token that there is, and it gets its turn all the same."""
    time = _Time()

    def busy(seconds: float) -> None:
        time.sleep(seconds)
        others.wait()

    throttle = Throttle(10.0, 5, clock=time.clock, sleep=busy)
    others = throttle
    others._sleep = time.sleep
    for _ in range(20):
        others.wait()
    others._sleep = busy
    started_s = time.now_s
    throttle.give_way()
    assert time.now_s - started_s <= PATIENCE_S + 3.0


def test_first_come_first_served() -> None:
    """Many threads at once: each waits for its own token, none for longer than its place in the queue takes."""
    waited: list[float] = []
    lock = threading.Lock()

    def sleep(seconds: float) -> None:
        with lock:
            waited.append(seconds)

    throttle = Throttle(10.0, 1, clock=lambda: 50.0, sleep=sleep)
    threads = [threading.Thread(target=throttle.wait) for _ in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [round(each, 6) for each in sorted(waited) if each > 1e-6] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
