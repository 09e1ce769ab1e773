"""Which of the hosts that a command names are at denied addresses."""

import asyncio
import socket
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from canary_adapters.denied_addresses import DeniedAddresses
from canary_adapters.shares import Shares

__all__ = ["CrowdedError", "Lookups"]

_LONGEST_S: Final = 2.0
"""For all names of a command; a name server answers within some milliseconds, or does not answer."""
_LONGEST_NAME: Final = 254
"""Characters, with the dot at the end that says that nothing is to be appended."""


class CrowdedError(Exception):
    """So many lookups are under way that this namespace can have no other now."""


class Lookups:
    """Asks the name servers of this machine. A namespace has a share of what is asked at a time. For one event loop."""

    def __init__(self, denied: DeniedAddresses, most: int) -> None:
        """Makes one.

        Args:
            denied: Addresses.
            most: So many names are looked up at the same time.
        """
        self._denied, self._places = denied, Shares(most)

    async def denied(self, hosts: Iterable[str], namespace: str) -> str | None:
        """The first host at a denied address; None: there is none, as far as name servers say so in time.

        A name that cannot be looked up is not denied: the program will not find it either, or later, and then it may
        be anywhere.

        Raises:
            CrowdedError: Too many lookups of this namespace are under way.
        """
        if not self._denied.networks:
            return None
        with suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST_S):
                for host in hosts:
                    if any(map(self._denied.is_denied, _as_number(host) or await self._look_up(host, namespace))):
                        return host
        return None

    async def _look_up(self, host: str, namespace: str) -> list[str]:
        """In a thread that nobody waits for at the end: a name server that hangs cannot be interrupted."""
        if not self._places.free(namespace):
            raise CrowdedError
        self._places.take(namespace)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[str]] = loop.create_future()

        def arrived(found: list[str]) -> None:
            self._places.give_back(namespace)
            if not answer.done():
                answer.set_result(found)

        def ask() -> None:
            found = _addresses(host)
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(arrived, found)

        try:
            threading.Thread(target=ask, name="lookup", daemon=True).start()
        except RuntimeError:  # there can be no other thread, because of what commands have started, for one
            self._places.give_back(namespace)
            raise CrowdedError from None
        return await answer


def _as_number(host: str) -> list[str]:
    """Of an address in any form that programs take, such as 0xa9fea9fe."""
    return _addresses(host, flags=socket.AI_NUMERICHOST)


def _addresses(host: str, flags: int = 0) -> list[str]:
    if len(host) > _LONGEST_NAME:
        return []
    try:
        found = socket.getaddrinfo(host.rstrip("."), None, type=socket.SOCK_STREAM, flags=flags)
    except (OSError, UnicodeError):
        return []
    return [str(address[0]) for *_, address in found]
