"""A load tester as a whole: put together, served until a signal comes, and ended with all that it has started."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from typing import Final

import structlog
from aiohttp import web

from canary_adapters.loadtester.environment import environment_for
from canary_adapters.loadtester.gates import Gates
from canary_adapters.loadtester.metrics import Metrics
from canary_adapters.loadtester.options import Options
from canary_adapters.loadtester.runner import Runner
from canary_adapters.loadtester.server import LoadTester
from canary_adapters.sockets import deaf

__all__ = ["BACKLOG", "serve"]

_HEAD_S: Final = 10
"""Seconds for the head of a request to arrive."""
_HEAD_LINE: Final = 8 * 1024
"""Bytes of the first line, and of each header."""
_REST_S: Final = 2.0
"""For the rest of a body that was refused: a client reads the answer only when it has sent all."""
_ANSWERS_S: Final = 2.0
"""For answers that are still on their way at the end."""
BACKLOG: Final = 128
_log = structlog.get_logger("canary.loadtester")


async def serve(options: Options, listener: socket.socket, *, ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT, then end all commands.

    Args:
        options: What is allowed.
        listener: Where requests come in.
        ready: Called as soon as they are answered.
    """
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    metrics, gates = Metrics(), Gates()
    runner = Runner(options, metrics, environment_for(os.environ, options.passed_on))
    metrics.watch(waiting=lambda: runner.waiting, gates=lambda: len(gates))
    tester = LoadTester(options, runner, gates, metrics)
    served = web.AppRunner(
        tester.application(),
        access_log=None,
        auto_decompress=False,
        handler_cancellation=True,  # so that a command ends when nobody waits for its answer any more
        keepalive_timeout=_HEAD_S,
        lingering_time=_REST_S,
        logger=deaf("canary.loadtester.http"),
        max_field_size=_HEAD_LINE,
        max_line_size=_HEAD_LINE,
        shutdown_timeout=_ANSWERS_S,
    )
    await served.setup()
    try:
        await web.SockSite(served, listener).start()
        ready()
        await ended.wait()
        _log.info("ending")
        tester.end()
        await runner.close()
    finally:
        await served.cleanup()
