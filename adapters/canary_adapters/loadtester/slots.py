"""Who may run now, and who waits for others to end."""

import asyncio

__all__ = ["FullError", "Slots"]


class FullError(Exception):
    """So many run and wait that nobody else may wait."""


class Slots:
    """A bounded number of runners, first come, first served. For one event loop."""

    def __init__(self, running: int, waiting: int) -> None:
        """All free.

        Args:
            running: So many at the same time.
            waiting: So many may wait.
        """
        self._free, self._most_waiting = running, waiting
        self._waiting: dict[asyncio.Future[bool], None] = {}
        """In the order in which they came: of many that wait, any one may withdraw."""

    def ask(self) -> asyncio.Future[bool]:
        """Ask for a slot.

        Returns:
            True as soon as there is one: give it back with `release`. False: it was withdrawn.

        Raises:
            FullError: None is free, and too many wait.
        """
        ticket: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if self._free:
            self._free -= 1
            ticket.set_result(True)
        elif len(self._waiting) < self._most_waiting:
            self._waiting[ticket] = None
        else:
            raise FullError
        return ticket

    def withdraw(self, ticket: asyncio.Future[bool]) -> None:
        """Do not wait any more. A slot that was given stays given."""
        if not ticket.done():
            del self._waiting[ticket]
            ticket.set_result(False)

    def release(self) -> None:
        """Give a slot back."""
        if self._waiting:
            ticket = next(iter(self._waiting))
            del self._waiting[ticket]
            ticket.set_result(True)
        else:
            self._free += 1

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)
