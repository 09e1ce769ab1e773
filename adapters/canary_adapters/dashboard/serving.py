"""The page served in a thread of its own, beside whatever else the process does."""

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import Any, Final

from aiohttp import web

from canary_adapters.dashboard.callers import Door
from canary_adapters.dashboard.seen import Seen
from canary_adapters.dashboard.service import Service, Settings
from canary_adapters.dashboard.streams import Hub, Objects
from canary_adapters.kubernetes.resources import Obj
from canary_adapters.sockets import deaf

__all__ = ["CONNECTIONS", "KERNEL", "Dashboard"]

CONNECTIONS: Final = 256
"""At a time. A new one closes the oldest of those that have no request under way."""
KERNEL: Final = 64 * 1024
"""Bytes that the kernel keeps for a connection, each way."""
_LONGEST_HEADER: Final = 16 * 1024
"""Bytes; tokens are long."""
_HEAD_S: Final = 10
_END_S: Final = 2.0


class Dashboard:
    """Serves from `start` to `stop`."""

    def __init__(
        self, settings: Settings, door: Door, objects: Objects, listener: socket.socket, *, now_s: Callable[[], float]
    ) -> None:
        """Makes one.

        Args:
            settings: What is allowed.
            door: Knows callers.
            objects: The canaries.
            listener: Where requests come in; see `canary_adapters.sockets`.
            now_s: The present time, seconds since the epoch.
        """
        seen = Seen()
        self._hub = Hub(objects, seen, now_s=now_s)
        self._service = Service(settings, door, objects, self._hub, seen, now_s=now_s)
        self._listener = listener
        self.port: Final[int] = listener.getsockname()[1]
        self._loop, self._ended = asyncio.new_event_loop(), asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="dashboard", daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """End all streams, and stop to listen."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    @property
    def pages(self) -> int:
        """How many are open."""
        return self._hub.pages

    def changed(self, obj: Obj) -> None:
        """A canary came, changed or went. May be called in any thread, also before the start and after the end."""
        self._hub.changed(obj)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        runner = web.AppRunner(
            self._service.application(),
            access_log=None,
            handler_cancellation=True,
            keepalive_timeout=_HEAD_S,
            logger=deaf("canary.dashboard.http"),
            max_field_size=_LONGEST_HEADER,
            shutdown_timeout=_END_S,
        )
        await runner.setup()
        self._hub.serve(self._loop)
        server = await self._loop.create_server(_bounded(runner), sock=self._listener, backlog=CONNECTIONS)
        try:
            await self._ended.wait()
        finally:
            self._hub.serve(None)
            server.close()
            self._hub.close_all()
            await runner.cleanup()
            self._service.close()


def _bounded(runner: web.AppRunner) -> Callable[[], Any]:
    """What makes the other end of a connection, and lets go of an idle one if there are too many."""

    def protocol() -> Any:
        server: Any = runner.server
        if len(server.connections) >= CONNECTIONS:
            # aiohttp says it nowhere else; should that change, the oldest one goes, busy or not.
            idle = (each for each in server.connections if getattr(each, "_current_request", None) is None)
            oldest = next(idle, server.connections[0])
            oldest.force_close()
        return server()

    return protocol
