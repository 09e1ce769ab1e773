"""How many requests are sent to the API server: a bucket of tokens, first come, first served.

A canary is worked on by one worker at a time, which waits for one request at a time; so who asks for much gets no more
turns than who asks for little. What nobody waits for, such as events, lets the others pass.
"""

import threading
import time
from collections.abc import Callable
from typing import Final

__all__ = ["Throttle"]

KEPT_FREE: Final = 0.9
"""Share of the bucket that is left to those who are waited for: rollouts often begin, and end, many at once."""
PATIENCE_S: Final = 1.0
"""For how long at most what nobody waits for lets others pass, seconds."""


class Throttle:
    """Lets requests pass at a steady rate, and a number of them at once after a pause. Safe for many threads."""

    def __init__(
        self,
        per_second: float,
        burst: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Makes one with a full bucket.

        Args:
            per_second: Requests in the long run, above 0.
            burst: Requests that may come at once, at least 1.
            clock: Seconds that never step back.
            sleep: Waits so many seconds.
        """
        self._gap_s, self._burst = 1.0 / per_second, burst
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._full_s = clock()
        """When the bucket is full again if nobody asks any more. Each request moves it on by one gap."""

    def wait(self) -> None:
        """Take a token; wait for it, behind all who came before, if there is none."""
        with self._lock:
            pause_s = self._take(self._clock())
        if pause_s > 0:
            self._sleep(pause_s)

    def give_way(self) -> None:
        """Wait until enough tokens are left for others, but not for ever; then take one like everybody."""
        end_s = self._clock() + PATIENCE_S
        while (pause_s := min(self._short_s(), end_s - self._clock())) > 0:
            self._sleep(max(pause_s, self._gap_s))
        self.wait()

    def _short_s(self) -> float:
        """Seconds until enough tokens are left, if nobody takes any meanwhile."""
        with self._lock:
            ours = max(0.0, self._burst * (1 - KEPT_FREE) - 1)
            return self._full_s - self._clock() - self._gap_s * ours

    def _take(self, now_s: float) -> float:
        """Seconds until the token that was taken is there."""
        self._full_s = max(self._full_s, now_s) + self._gap_s
        return self._full_s - now_s - self._gap_s * self._burst
