"""The system's clock."""

import time

__all__ = ["SystemClock"]


class SystemClock:
    """A `canary_ports.Clock`: wall-clock time."""

    def now_s(self) -> float:
        """Seconds since the Unix epoch."""
        return time.time()
