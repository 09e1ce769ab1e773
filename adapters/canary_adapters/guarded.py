"""Requests to addresses that users declare: with an end, and not to where clouds give away credentials."""

import ipaddress
import socket
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NameResolutionError, NewConnectionError
from urllib3.exceptions import TimeoutError as UrllibTimeoutError

from canary_adapters.deadlines import Bounded

__all__ = ["ForbiddenAddressError", "GuardedAdapter", "is_timeout", "leave_out_redirect", "unconnected"]

_METADATA: Final = ipaddress.ip_address("fd00:ec2::254")
"""Where a cloud gives credentials to machines: the one such address that is not link-local."""


class ForbiddenAddressError(Exception):
    """The address is one at which clouds give away credentials, and nobody serves webhooks or metrics."""


class GuardedAdapter(HTTPAdapter):
    """Connections of `requests` whose answers begin in time, and that do not reach link-local addresses."""

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        """Make the pools."""
        super().init_poolmanager(*args, **more)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **more: Any) -> Any:
        """Pools behind a proxy."""
        manager: Any = super().proxy_manager_for(*args, **more)
        manager.pool_classes_by_scheme = _POOLS
        return manager


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


def leave_out_redirect(response: requests.Response, **_: Any) -> None:
    """A hook for responses: `requests` would read the whole body of a redirect, however long it is."""
    if response.is_redirect:
        response._content = b""  # noqa: SLF001 - requests has no other way to leave a body out
        response.close()


def _peer(sock: socket.socket) -> str:
    return str(sock.getpeername()[0])


class _Guarded(Bounded):
    """A connection that does not reach the addresses at which clouds give credentials to whoever asks from inside."""

    def _new_conn(self) -> socket.socket:
        sock: socket.socket = super()._new_conn()  # type: ignore[misc]
        # Looked at after the name was resolved: a name that means something else each time does not help.
        address = ipaddress.ip_address(_peer(sock).partition("%")[0])
        mapped = getattr(address, "ipv4_mapped", None) or address
        if mapped.is_link_local or mapped == _METADATA:
            sock.close()
            raise ForbiddenAddressError("link-local addresses are not called")
        return sock


class _GuardedHTTP(_Guarded, HTTPConnection):
    pass


class _GuardedHTTPS(_Guarded, HTTPSConnection):
    pass


class _GuardedHTTPPool(HTTPConnectionPool):
    ConnectionCls = _GuardedHTTP


class _GuardedHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedHTTPS


_POOLS: Final = {"http": _GuardedHTTPPool, "https": _GuardedHTTPSPool}
