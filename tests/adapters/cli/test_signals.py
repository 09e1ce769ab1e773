"""A process that is asked to end hears it, whichever of its threads the kernel gives the signal to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from canary_adapters.signals import heard

PROGRAM = """
import signal, sys, threading
from canary_adapters.signals import heard

ended = threading.Event()
with heard(lambda times: times == 2 and ended.set()):
    threading.Timer(0.2, lambda: [
        signal.pthread_kill(threading.get_ident(), number) for number in (signal.SIGTERM, signal.SIGINT)
    ]).start()
    sys.exit(0 if ended.wait(30) else 1)
"""


def test_a_signal_that_another_thread_gets_is_heard_while_the_first_one_waits() -> None:
    assert subprocess.run([sys.executable, "-c", PROGRAM], check=False, timeout=60).returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_how_often_it_was_asked_is_told(number: signal.Signals) -> None:
    told, came = list[int](), threading.Semaphore(0)

    def asked(times: int) -> None:
        told.append(times)
        came.release()

    with heard(asked):
        for _ in range(2):
            os.kill(os.getpid(), number)
            assert came.acquire(timeout=20)
    assert told == [1, 2]


def test_other_signals_are_not_ends_and_handlers_come_back() -> None:
    others, told = list[int](), list[int]()
    before = signal.signal(signal.SIGUSR1, lambda number, _: others.append(number))
    kept = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        with heard(told.append):
            os.kill(os.getpid(), signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert (others, told) == ([signal.SIGUSR1], [])
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == kept
