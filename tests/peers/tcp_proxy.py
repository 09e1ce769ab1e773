"""A front before a server: it can be taken away, fall silent, and speak TLS with certificates that change."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
from typing import Self


class TcpProxy:
    """Passes connections on. Always at the same port; a context manager."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Makes one.

        Args:
            port: Of the server on this machine.
            tls: What clients are met with. None: plain.
        """
        self._to, self.tls = port, tls
        self.accepted = 0
        self.refused = 0
        """Connections of which TLS made none."""
        self._open: set[socket.socket | None] = set()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._listener: socket.socket | None = None
        self.port = 0

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.down()
        for thread in self._threads:
            thread.join()

    def up(self) -> None:
        """Take connections."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        self._start(self._accept, self._listener)

    def down(self) -> None:
        """Break all connections off, and refuse new ones."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.cut()

    def cut(self) -> None:
        """Break all connections off."""
        with self._lock:
            open_, self._open = list(self._open), set()
        for sock in open_:
            if sock is not None:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _start(self, what: object, *args: object) -> None:
        thread = threading.Thread(target=what, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self.accepted += 1
            self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        server: socket.socket | None = None
        try:
            if self.tls is not None:
                client.settimeout(10)
                client = self.tls.wrap_socket(client, server_side=True)
                client.settimeout(None)
            server = socket.create_connection(("127.0.0.1", self._to))
            with self._lock:
                self._open |= {client, server}
            _pump(client, server)
        except (OSError, ValueError):
            self.refused += server is None
        finally:
            with self._lock:
                self._open -= {client, server}
            for sock in (client, server):
                if sock is not None:
                    sock.close()


def _pump(one: socket.socket, other: socket.socket) -> None:
    """Pass on in both directions until either end has nothing more to say."""
    while True:
        waiting = [sock for sock in (one, other) if isinstance(sock, ssl.SSLSocket) and sock.pending()]
        ready = waiting or select.select([one, other], [], [])[0]
        for source in ready:
            data = source.recv(65536)
            if not data:
                return
            (other if source is one else one).sendall(data)
