"""Where servers of ours listen, and what they say of clients that speak no HTTP."""

import logging
import socket

__all__ = ["deaf", "listen"]


def listen(host: str, port: int, *, backlog: int, kernel: int = 0) -> socket.socket:
    """Take a port.

    Args:
        host: Address; empty: all, of IPv6 too where there is such a thing.
        port: 0 is any free port.
        backlog: Connections that wait to be accepted.
        kernel: Bytes that the kernel keeps for each connection, each way; 0: as many as it likes. They count as memory
            of the process's container.

    Raises:
        OSError: It is taken, or there is no such address.
    """
    dual = not host and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if dual or ":" in host else socket.AF_INET
    found = socket.create_server((host, port), family=family, backlog=backlog, dualstack_ipv6=dual)
    if kernel:
        for buffer in (socket.SO_SNDBUF, socket.SO_RCVBUF):  # connections have them from the socket that listens
            found.setsockopt(socket.SOL_SOCKET, buffer, kernel)
    return found


def deaf(name: str) -> logging.Logger:
    """For what clients send that is not HTTP: they are answered, and each would be a traceback in the log.

    Args:
        name: Of the logger.
    """
    logger = logging.Logger(name)
    logger.addHandler(logging.NullHandler())
    return logger
