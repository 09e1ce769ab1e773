"""Instant queries to Prometheus servers through prometheus-api-client, over connections that are kept."""

import json
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, Final

import requests
import structlog
from attrs import field, frozen
from prometheus_api_client import PrometheusConnect

from canary_adapters.by_namespace import ByNamespace
from canary_adapters.denied_addresses import DEFAULT, DeniedAddresses
from canary_adapters.guarded import ForbiddenAddressError, GuardedSession, is_timeout, unconnected
from canary_adapters.manifests.declare import Table
from canary_adapters.prometheus.answers import (
    AnswerTooLargeError,
    QueryError,
    body_of,
    error_of,
    said,
)
from canary_adapters.redaction import CredentialsTooLongError, Redaction

__all__ = ["SHARED", "PrometheusPool", "QueryError", "Server"]

TIMEOUT_S: Final = (3.0, 5.0)
"""Seconds to connect, then for the headers, then for the body."""
SHARED: Final = ""
"""In the place of a namespace: connections to the server of the installation, which hold nothing of a user's.

Prometheus takes 512 connections by default; a namespace must not cost it one."""
_SHOWN: Final = 300
_EACH: Final = 8
_NAMESPACES: Final = 128
_HOSTS: Final = 2
"""Of a server, and of where it redirects to."""
_CONNECTIONS: Final = 4
_CONNECTIONS_SHARED: Final = 32
_log = structlog.get_logger("canary.prometheus")


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

    @property
    def sent(self) -> dict[str, str]:
        """Headers, with the token."""
        token = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return {**self.headers, **token}


@frozen
class _Connection:
    client: PrometheusConnect
    redaction: Redaction


@frozen
class _Reading:
    """A hook for responses: of an answer nothing is kept but its values, and what Prometheus warns of is logged."""

    redaction: Redaction
    parser: Executor

    def __call__(self, response: requests.Response, **_: Any) -> None:
        if response.is_redirect:
            return
        data = body_of(response, TIMEOUT_S[1])
        if response.status_code != requests.codes.ok:
            raise error_of(response.status_code, data)
        try:
            found = self.parser.submit(said, data).result()
        except RuntimeError:
            raise QueryError("the process ends") from None
        del data  # the error below would keep it
        if isinstance(found, QueryError):
            raise found
        for warning in found.warnings:
            _log.warning("prometheus warns", warning=self.redaction.said(warning, _SHOWN))
        # What the client is to take out of it; requests has no other way to limit a body.
        response._content = json.dumps({"data": {"result": found.values}}).encode()  # noqa: SLF001
        response.encoding = "utf-8"


class PrometheusPool:
    """Connections to all servers in use, apart for each namespace. Safe for many threads."""

    def __init__(self, *, denied: DeniedAddresses = DEFAULT) -> None:
        """Makes one without connections.

        Args:
            denied: Whom no connection may reach.
        """
        self._denied = denied
        # An answer of a mebibyte takes twenty of them while it is parsed, and each thread keeps for itself what it had.
        self._parser = ThreadPoolExecutor(1, "prometheus-answers")
        self._kept: ByNamespace[Server, _Connection] = ByNamespace(each=_EACH, namespaces=_NAMESPACES)

    def query(self, server: Server, query: str, *, namespace: str) -> list[float]:
        """The values of an instant query, one for each series.

        Args:
            server: Whom to ask.
            query: PromQL.
            namespace: For whom: nothing that is kept of one is used for another. `SHARED`: the installation's server.

        Raises:
            AnswerTooLargeError: The answer has more bytes or parts than are read.
            QueryError: There is no answer, or it makes no sense. The text is one line and holds no credentials.
        """
        try:
            connection = self._connection(server, namespace)
        except CredentialsTooLongError as error:
            raise QueryError(str(error)) from None
        redaction = connection.redaction
        try:
            with redaction.during():
                found = _asked(connection.client, query)
        except AnswerTooLargeError:
            raise
        except QueryError as error:
            raise QueryError(redaction.said(str(error), _SHOWN)) from None
        if any(map(redaction.is_secret, found)):
            raise QueryError("the value is a credential that the server was sent")
        return found

    def close(self) -> None:
        """Close all connections."""
        for connection in self._kept.clear():
            connection.client.close()
        self._parser.shutdown(wait=False)

    def _connection(self, server: Server, namespace: str) -> _Connection:
        kept = _CONNECTIONS_SHARED if namespace == SHARED else _CONNECTIONS
        return self._kept.get(namespace, server, lambda: self._connect(server, kept))

    def _connect(self, server: Server, connections: int) -> _Connection:
        redaction = Redaction.of(server.url, headers=server.sent, user=server.user, password=server.password)
        session = GuardedSession(denied=self._denied, hosts=_HOSTS, connections=connections, verify=server.verify)
        session.hooks["response"].append(_Reading(redaction, self._parser))
        auth = (server.user, server.password) if server.user else None
        url = server.url.rstrip("/")
        client = PrometheusConnect(url=url, headers=server.sent, auth=auth, session=session, timeout=TIMEOUT_S)
        session.mount(url, session.guard)  # in the place of what the client has put there
        return _Connection(client, redaction)


def _asked(client: PrometheusConnect, query: str) -> list[float]:
    try:
        found: list[float] = client.custom_query(query=" ".join(query.split()))
    except QueryError:
        raise
    except ForbiddenAddressError as error:
        raise QueryError(str(error)) from None
    except requests.RequestException as error:
        # The text of the error may hold the address, and the address a password.
        raise QueryError(_reason(error)) from None
    except Exception as error:  # noqa: BLE001 - its text may hold the address; in the log it is struck out
        _log.exception("a query failed as none should")
        raise QueryError(f"no answer: {type(error).__name__}") from None
    return found


def _reason(error: requests.RequestException) -> str:
    match error:
        case requests.exceptions.SSLError():
            return "its certificate could not be verified"
        case _ if is_timeout(error):
            return f"no answer within {TIMEOUT_S[1]:g} s"
        case requests.exceptions.ConnectionError():
            return unconnected(error)
        case requests.exceptions.InvalidHeader():
            return "a header cannot be sent as it is"
        case _:
            return type(error).__name__
