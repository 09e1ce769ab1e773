"""The time."""

from typing import Protocol

__all__ = ["Clock"]


class Clock(Protocol):
    """Wall-clock time that all replicas of a controller share, roughly.

    Stored times are compared with it after restarts and by other processes, so a monotonic clock will not do. It may
    step back: a measurement then takes longer, never shorter than it should from the later of the two readings.
    """

    def now_s(self) -> float:
        """Seconds since the Unix epoch."""
        ...
