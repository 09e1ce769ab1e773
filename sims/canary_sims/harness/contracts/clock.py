"""What every `canary_ports.Clock` keeps to."""

from typing import Protocol

from canary_ports import Clock

__all__ = ["ClockBackDoor", "ClockContract"]


class ClockBackDoor(Protocol):
    """A clock, and a way to let time pass."""

    @property
    def clock(self) -> Clock:
        """The clock."""
        ...

    def advance(self, seconds: float) -> None:
        """Let (at least) so much time pass."""
        ...


class ClockContract:
    """Seconds of one wall clock."""

    def door(self) -> ClockBackDoor:
        """A fresh one."""
        raise NotImplementedError

    def test_it_tells_seconds(self) -> None:
        """A finite float, in seconds."""
        door = self.door()
        before = door.clock.now_s()
        door.advance(1.0)
        assert isinstance(before, float)
        assert door.clock.now_s() - before >= 1.0

    def test_asking_does_not_change_it(self) -> None:
        """Two readings with nothing between them are in order."""
        door = self.door()
        assert door.clock.now_s() <= door.clock.now_s()
