"""That a process is asked to end: SIGTERM and Ctrl-C.

The kernel may give a signal to any thread, and Python runs handlers in the first one only: while that waits for a lock,
nobody wakes it, and the process goes on as if nothing had been said. So a thread of its own reads what the interpreter
writes at each signal (`signal.set_wakeup_fd`), whichever thread has got it.
"""

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

__all__ = ["heard"]

_ENDS: Final = frozenset({signal.SIGINT, signal.SIGTERM})


@contextmanager
def heard(asked: Callable[[int], None]) -> Iterator[None]:
    """While this lasts, signals that ask for an end are told and do nothing else. For the first thread.

    Args:
        asked: Called from another thread with how often it was asked by now, from 1.
    """
    hears, tells = socket.socketpair()
    tells.setblocking(False)  # as `set_wakeup_fd` demands
    handlers = {number: signal.signal(number, _nothing) for number in _ENDS}
    before = signal.set_wakeup_fd(tells.fileno(), warn_on_full_buffer=False)
    thread = threading.Thread(target=_tell, args=(hears, asked), name="signals", daemon=True)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        for number, handler in handlers.items():
            signal.signal(number, handler or signal.SIG_DFL)
        tells.close()
        thread.join()
        hears.close()


def _nothing(*_: Any) -> None:
    """Without a handler in Python the interpreter does not write."""


def _tell(hears: socket.socket, asked: Callable[[int], None]) -> None:
    count = 0
    while number := hears.recv(1):
        if number[0] in _ENDS:
            count += 1
            asked(count)
