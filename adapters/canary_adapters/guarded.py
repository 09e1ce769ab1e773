"""Requests to addresses that users declare: with an end, to nobody who is denied, and without a memory.

Nothing that an answer says has an effect on a later request: cookies are taken off it before anybody sees them, and
redirects are not remembered. Credentials come from what was declared for this request alone, not from a ``.netrc``.
"""

import http.client
import socket
from collections.abc import Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, NewConnectionError
from urllib3.exceptions import TimeoutError as UrllibTimeoutError
from urllib3.util.retry import Retry

from canary_adapters.deadlines import Bounded, Deadline, within
from canary_adapters.denied_addresses import DEFAULT, DeniedAddresses

__all__ = ["ForbiddenAddressError", "GuardedAdapter", "GuardedSession", "is_timeout", "unconnected"]

REDIRECTS: Final = 3
_GO_ON: Final = frozenset(
    {
        "accept",
        "accept-encoding",
        "connection",
        "content-length",
        "content-type",
        "idempotency-key",
        "proxy-authorization",  # for the proxy, whoever is behind it
        "transfer-encoding",
        "user-agent",
    }
)
"""Headers that go on to another host upon a redirect: none that somebody has declared."""
_COOKIES: Final = ("Set-Cookie", "Set-Cookie2")
_PORTS: Final[Mapping[str, int]] = {"http": 80, "https": 443}


class ForbiddenAddressError(Exception):
    """The address that a connection has reached is on the list of those that are denied."""

    def __init__(self) -> None:
        super().__init__("its address is denied (-deny-addresses)")


class GuardedAdapter(HTTPAdapter):
    """Connections of `requests` that begin and answer in time, and reach nobody who is denied."""

    def __init__(self, *, denied: DeniedAddresses = DEFAULT, **more: Any) -> None:
        """Makes one.

        Args:
            denied: Judged by whom a connection has reached.
            more: As for `requests.adapters.HTTPAdapter`.
        """
        self._pools = {
            "http": partial(_GuardedHTTPPool, denied=denied),
            "https": partial(_GuardedHTTPSPool, denied=denied),
        }
        super().__init__(**more)

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        """Make the pools."""
        super().init_poolmanager(*args, **more)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args: Any, **more: Any) -> Any:
        """Pools behind a proxy."""
        manager: Any = super().proxy_manager_for(*args, **more)
        manager.pool_classes_by_scheme = self._pools
        return manager

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        """The answer, without its cookies: `requests` would send them again, also to the next hop of a redirect."""
        headers = getattr(getattr(resp, "_original_response", None), "msg", None)
        if headers is not None:
            for name in _COOKIES:
                del headers[name]
        return super().build_response(req, resp)


class GuardedSession(requests.Session):
    """A session that keeps connections, and nothing else."""

    def __init__(
        self,
        *,
        denied: DeniedAddresses = DEFAULT,
        retries: Retry | None = None,
        hosts: int = 4,
        connections: int = 2,
        verify: bool = True,
        proxy: str = "",
    ) -> None:
        """Makes one.

        Args:
            denied: Whom no connection may reach.
            retries: When a request is made again. None: never.
            hosts: Of so many, connections are kept.
            connections: So many of each.
            verify: Whether certificates are verified.
            proxy: HTTP proxy on the way. Empty: none.
        """
        super().__init__()
        self.verify, self.trust_env, self.max_redirects = verify, False, REDIRECTS
        self.hooks["response"].append(_leave_out_redirect)
        if proxy:
            self.proxies = {"http": proxy, "https": proxy}
        self.guard = GuardedAdapter(
            denied=denied,
            max_retries=retries if retries is not None else Retry(0, redirect=REDIRECTS),
            pool_connections=hosts,
            pool_maxsize=connections,
        )
        """For every address."""
        self.mount("http://", self.guard)
        self.mount("https://", self.guard)

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """What is sent on upon a redirect: to another host, port or scheme only what makes the request."""
        if _origin(prepared_request.url) != _origin(response.request.url):
            for name in [name for name in prepared_request.headers if name.lower() not in _GO_ON]:
                del prepared_request.headers[name]


def is_timeout(error: requests.RequestException) -> bool:
    """Whether something took too long; `requests` does not always say so itself."""
    reason = _reason(error)
    # A connection that was refused counts as one of its timeouts with urllib3, however quickly that was.
    slow = isinstance(reason, TimeoutError | UrllibTimeoutError) and not isinstance(reason, NewConnectionError)
    return slow or isinstance(error, requests.exceptions.Timeout)


def unconnected(error: requests.RequestException) -> str:
    """Why there was no connection, without the address: it may hold a secret."""
    reason = _reason(error)
    if isinstance(reason, NameResolutionError):
        return "no connection: the name of the host is not known"
    cause = getattr(reason, "__cause__", None)
    why = cause.strerror if isinstance(reason, NewConnectionError) and isinstance(cause, OSError) else None
    return f"no connection: {why.lower()}" if why else "no connection"


def _reason(error: requests.RequestException) -> object:
    return getattr(error.args[0], "reason", None) if error.args else None


def _origin(url: str | None) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url or "")
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def _leave_out_redirect(response: requests.Response, **_: Any) -> None:
    """A hook for responses: `requests` would read the whole body of a redirect, however long it is."""
    if response.is_redirect:
        response._content = b""  # noqa: SLF001 - requests has no other way to leave a body out
        response.close()


def _peer(sock: socket.socket) -> str:
    return str(sock.getpeername()[0])


class _Guarded(Bounded):
    """A connection that is there in time, and reaches nobody who is denied."""

    def __init__(self, *args: Any, denied: DeniedAddresses, **more: Any) -> None:
        super().__init__(*args, **more)
        self._denied, self._deadline = denied, Deadline()

    def connect(self) -> None:
        """Connect: the answer of a proxy, and the handshake of TLS, have an end together.

        Raises:
            ConnectTimeoutError: They are not there in time.
        """
        seconds = self.timeout
        if not isinstance(seconds, int | float):
            super().connect()  # type: ignore[misc]
            return
        with within(float(seconds), self._cut) as self._deadline:
            try:
                super().connect()  # type: ignore[misc]
            except (OSError, HTTPError, http.client.HTTPException) as error:
                if self._deadline.passed:
                    raise ConnectTimeoutError(self, "no whole connection in time") from error
                raise

    def _tunnel(self) -> None:
        super()._tunnel()  # type: ignore[misc]
        if self._deadline.passed:  # headers that break off pass for whole ones
            raise TimeoutError("no whole answer of the proxy in time")

    def _cut(self) -> None:
        if self.sock is not None:
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)

    def _new_conn(self) -> socket.socket:
        sock: socket.socket = super()._new_conn()  # type: ignore[misc]
        # Looked at after the name was resolved: a name that means something else each time does not help.
        if self._denied.is_denied(_peer(sock)):
            sock.close()
            raise ForbiddenAddressError
        return sock


class _GuardedHTTP(_Guarded, HTTPConnection):
    pass


class _GuardedHTTPS(_Guarded, HTTPSConnection):
    pass


class _GuardedHTTPPool(HTTPConnectionPool):
    ConnectionCls = _GuardedHTTP


class _GuardedHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedHTTPS
