"""The system's clock."""

import time

__all__ = ["SystemClock"]


class SystemClock:
    """A `canary_ports.Clock`: wall-clock time, in whole microseconds, so that what is stored is what was measured."""

    def now_s(self) -> float:
        """Seconds since the Unix epoch."""
        return time.time_ns() // 1000 / 1e6
