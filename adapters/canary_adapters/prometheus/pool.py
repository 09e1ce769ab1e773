"""Instant queries to Prometheus servers through prometheus-api-client, over connections that are kept."""

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

import requests
import structlog
from attrs import field, frozen
from prometheus_api_client import PrometheusConnect
from prometheus_api_client.exceptions import PrometheusApiClientException
from urllib3.util.retry import Retry

from canary_adapters.deadlines import within
from canary_adapters.guarded import ForbiddenAddressError, GuardedAdapter, is_timeout, leave_out_redirect, unconnected
from canary_adapters.manifests.declare import Table

__all__ = ["PrometheusPool", "QueryError", "Server"]

TIMEOUT_S: Final = (3.0, 5.0)
"""Seconds to connect, then for the headers, then for the body."""
LARGEST: Final = 10 * 2**20
"""Bytes of one answer."""
_SHOWN: Final = 300
_WARNINGS: Final = 5
"""Of one answer, that are logged."""
_SERVERS: Final = 256
_CONNECTIONS: Final = 32
"""Of each server, that are kept."""
_log = structlog.get_logger("canary.prometheus")


class QueryError(Exception):
    """A query had no answer that can be used. The text names no credentials."""


@frozen(kw_only=True)
class Server:
    """A Prometheus server and how to talk to it."""

    url: str = field(repr=False)
    """It may hold a user and a password."""
    token: str = field(default="", repr=False)
    """Bearer token."""
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    headers: Table[str] = field(factory=Table, repr=False)
    verify: bool = True
    """Whether its certificate is verified."""


class PrometheusPool:
    """Connections to all servers in use. Safe for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._servers: OrderedDict[Server, PrometheusConnect] = OrderedDict()

    def query(self, server: Server, query: str) -> list[float]:
        """The values of an instant query, one for each series.

        Args:
            server: Whom to ask.
            query: PromQL.

        Raises:
            QueryError: There is no answer, or it makes no sense.
        """
        try:
            return _values(self._connection(server).custom_query(query=" ".join(query.split())))
        except PrometheusApiClientException as error:
            raise QueryError(_bounded(_without_secrets(str(error), server))) from None
        except ForbiddenAddressError as error:
            raise QueryError(str(error)) from None
        except requests.RequestException as error:
            # The text of the error may hold the address, and the address a password.
            raise QueryError(_reason(error)) from None
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise QueryError(f"the answer is no answer of Prometheus: {_bounded(str(error))}") from None

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for connection in self._servers.values():
                connection.close()
            self._servers.clear()

    def _connection(self, server: Server) -> PrometheusConnect:
        with self._lock:
            found = self._servers.get(server)
            if found is None:
                found = self._servers[server] = _connect(server)
            self._servers.move_to_end(server)
            while len(self._servers) > _SERVERS:
                self._servers.popitem(last=False)[1].close()
            return found


def _connect(server: Server) -> PrometheusConnect:
    session = requests.Session()
    session.verify = server.verify
    session.trust_env = False  # no .netrc: credentials are what was declared
    session.max_redirects = 3
    session.hooks["response"] += [leave_out_redirect, _bound]
    headers = dict(server.headers)
    if server.token:
        headers["Authorization"] = f"Bearer {server.token}"
    auth = (server.user, server.password) if server.user else None
    url = server.url.rstrip("/")
    found = PrometheusConnect(url=url, headers=headers, auth=auth, session=session, timeout=TIMEOUT_S)
    # In the place of what the client has put there; the others are for where redirects lead.
    for prefix in (url, "http://", "https://"):
        session.mount(prefix, GuardedAdapter(max_retries=Retry(0, redirect=3), pool_maxsize=_CONNECTIONS))
    return found


def _bound(response: requests.Response, **_: Any) -> None:
    """Read no more than is sensible; take note of what Prometheus warns of."""
    if response.is_redirect:
        return
    chunks, size = [], 0
    with within(TIMEOUT_S[1], response.raw.shutdown) as deadline:
        try:
            for chunk in response.iter_content(65536):
                size += len(chunk)
                if size > LARGEST:
                    response.close()
                    raise requests.exceptions.ContentDecodingError(f"an answer of more than {LARGEST} bytes")
                chunks.append(chunk)
        except requests.RequestException:
            if not deadline.passed:
                raise
    if deadline.passed:
        raise requests.exceptions.Timeout
    response._content = b"".join(chunks)  # noqa: SLF001 - requests has no other way to limit a body
    response.encoding = "utf-8"  # as JSON is: nobody has to guess, which takes long
    if b'"warnings"' in response._content[:LARGEST]:  # noqa: SLF001
        try:
            content = json.loads(response._content)  # noqa: SLF001
        except (ValueError, RecursionError):
            return
        warnings = content.get("warnings") if isinstance(content, Mapping) else None
        for warning in warnings[:_WARNINGS] if isinstance(warnings, list) else ():
            _log.warning("prometheus warns", warning=_bounded(str(warning)))


def _values(result: object) -> list[float]:
    """Of a vector, or of a scalar, which is sent as ``[time, value]``."""
    if not isinstance(result, list):
        raise QueryError("the answer is no vector")
    if len(result) == 2 and isinstance(result[0], int | float):
        return [_number(result)]
    if not all(isinstance(series, Mapping) for series in result):
        raise QueryError(f"the answer is no vector: {_bounded(str(result))}")
    if any("values" in series for series in result):
        raise QueryError("the query returned several values over time; it must return one value at one time")
    return [_number(series.get("value")) for series in result]


def _number(pair: Any) -> float:
    """Of ``[time, "value"]``; the time is that of the server, and does not matter."""
    value = pair[1] if isinstance(pair, list) and len(pair) == 2 else None
    try:
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return float(value)
    except (ValueError, OverflowError):
        pass
    raise QueryError(f"no number: {_bounded(repr(pair))}")


def _without_secrets(text: str, server: Server) -> str:
    """A text of the server, which may repeat what it was sent."""
    for secret in (server.token, server.password, *server.headers.values()):
        if secret:
            text = text.replace(secret, "***")
    return text


def _reason(error: requests.RequestException) -> str:
    match error:
        case requests.exceptions.SSLError():
            return "its certificate could not be verified"
        case _ if is_timeout(error):
            return f"no answer within {TIMEOUT_S[1]:g} s"
        case requests.exceptions.ConnectionError():
            return unconnected(error)
        case _:
            return _bounded(f"{type(error).__name__}")


def _bounded(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
