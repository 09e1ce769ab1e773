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
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from canary_adapters.manifests.declare import Table

__all__ = ["PrometheusPool", "QueryError", "Server"]

TIMEOUT_S: Final = (3.0, 5.0)
"""Seconds to connect, and between two pieces of an answer."""
LARGEST: Final = 10 * 2**20
"""Bytes of one answer."""
_SHOWN: Final = 300
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
            result = self._connection(server).custom_query(query=" ".join(query.split()))
        except PrometheusApiClientException as error:
            raise QueryError(_bounded(str(error))) from None
        except requests.RequestException as error:
            # The text of the error may hold the address, and the address a password.
            raise QueryError(_reason(error)) from None
        except (ValueError, KeyError, TypeError) as error:
            raise QueryError(f"the answer is no answer of Prometheus: {_bounded(str(error))}") from None
        return _values(result)

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
    session.hooks["response"].append(_bound)
    headers = dict(server.headers)
    if server.token:
        headers["Authorization"] = f"Bearer {server.token}"
    auth = (server.user, server.password) if server.user else None
    url, retry = server.url.rstrip("/"), Retry(0, redirect=3)
    found = PrometheusConnect(url=url, headers=headers, auth=auth, session=session, retry=retry, timeout=TIMEOUT_S)
    # The client mounts an adapter of its own for this address, which would throw away all connections but ten.
    session.mount(url, HTTPAdapter(max_retries=retry, pool_maxsize=_CONNECTIONS))
    return found


def _bound(response: requests.Response, **_: Any) -> None:
    """Read no more than is sensible; take note of what Prometheus warns of."""
    chunks, size = [], 0
    for chunk in response.iter_content(65536):
        size += len(chunk)
        if size > LARGEST:
            response.close()
            raise requests.exceptions.ContentDecodingError(f"an answer of more than {LARGEST} bytes")
        chunks.append(chunk)
    response._content = b"".join(chunks)  # noqa: SLF001 - requests has no other way to limit a body
    if b'"warnings"' in response._content[:LARGEST]:  # noqa: SLF001
        try:
            content = json.loads(response._content)  # noqa: SLF001
        except ValueError:
            return
        for warning in content.get("warnings") or () if isinstance(content, Mapping) else ():
            _log.warning("prometheus warns", warning=_bounded(str(warning)))


def _values(result: object) -> list[float]:
    """Of a vector, or of a scalar, which is sent as ``[time, value]``."""
    if not isinstance(result, list):
        raise QueryError("the answer is no vector")
    if len(result) == 2 and not isinstance(result[0], Mapping):
        return [_number(result)]
    if any("values" in series for series in result):
        raise QueryError("the query returned several values over time; it must return one value at one time")
    return [_number(series.get("value")) for series in result]


def _number(pair: Any) -> float:
    try:
        return float(pair[1])
    except (TypeError, ValueError, IndexError, KeyError):
        raise QueryError(f"no number: {_bounded(str(pair))}") from None


def _reason(error: requests.RequestException) -> str:
    match error:
        case requests.exceptions.SSLError():
            return "its certificate could not be verified"
        case requests.exceptions.Timeout():
            return f"no answer within {TIMEOUT_S[1]:g} s"
        case requests.exceptions.ConnectionError():
            return "no connection"
        case _:
            return _bounded(f"{type(error).__name__}")


def _bounded(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
