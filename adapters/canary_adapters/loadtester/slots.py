"""Who may run now, and who waits for others to end: a share of each for every namespace."""

import asyncio
from collections import OrderedDict

from canary_adapters.shares import Shares

__all__ = ["FullError", "Slots"]


class FullError(Exception):
    """So many of this namespace run and wait that no other may wait."""


class Slots:
    """A bounded number of runners, and of those that wait; a namespace has shares of both. For one event loop.

    Of one namespace first come, first served; namespaces have turns.
    """

    def __init__(self, running: int, waiting: int) -> None:
        """All free.

        Args:
            running: So many at the same time.
            waiting: So many may wait.
        """
        self._running, self._queued = Shares(running), Shares(waiting)
        self._queues: OrderedDict[str, OrderedDict[asyncio.Future[bool], None]] = OrderedDict()
        """Who waits, by namespace; both in the order in which they have their turn."""

    def ask(self, namespace: str) -> asyncio.Future[bool]:
        """Ask for a slot.

        Returns:
            True as soon as there is one: give it back with `release`. False: it was withdrawn.

        Raises:
            FullError: The namespace has its share, and as many of it wait as may.
        """
        ticket: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if self._running.free(namespace):
            self._running.take(namespace)
            ticket.set_result(True)
        elif self._queued.free(namespace):
            self._queued.take(namespace)
            self._queues.setdefault(namespace, OrderedDict())[ticket] = None
        else:
            raise FullError
        return ticket

    def withdraw(self, ticket: asyncio.Future[bool], namespace: str) -> None:
        """Do not wait any more. A slot that was given stays given."""
        if not ticket.done():
            self._leave(ticket, namespace)
            ticket.set_result(False)

    def release(self, namespace: str) -> None:
        """Give a slot back."""
        self._running.give_back(namespace)
        while (next_ := next((each for each in self._queues if self._running.free(each)), None)) is not None:
            ticket = next(iter(self._queues[next_]))
            self._leave(ticket, next_)
            if next_ in self._queues:
                self._queues.move_to_end(next_)
            self._running.take(next_)
            ticket.set_result(True)

    @property
    def waiting(self) -> int:
        """How many wait."""
        return self._queued.taken

    def _leave(self, ticket: asyncio.Future[bool], namespace: str) -> None:
        queue = self._queues[namespace]
        del queue[ticket]
        if not queue:
            del self._queues[namespace]
        self._queued.give_back(namespace)
