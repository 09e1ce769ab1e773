"""POST requests to addresses that users declare: bounded in time and size, repeated where that may help."""

import ipaddress
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import requests
import structlog
from attrs import frozen
from requests.utils import get_environ_proxies
from urllib3.util.retry import Retry

from canary_adapters.by_namespace import ByNamespace
from canary_adapters.deadlines import within
from canary_adapters.denied_addresses import DEFAULT, DeniedAddresses
from canary_adapters.guarded import ForbiddenAddressError, GuardedSession, is_timeout, unconnected
from canary_adapters.redaction import CredentialsTooLongError, Redaction

__all__ = ["Answer", "HttpPool", "NoAnswerError", "environment_proxy"]

LARGEST: Final = 64 * 1024
"""Bytes of a body that are read."""
SHOWN: Final = 512
"""Characters of it that anybody is told."""
LONGEST_PAUSE_S: Final = 30
LONGEST_S: Final = 86_400.0
"""No attempt takes longer, whatever is declared; sockets know no timeouts of months."""
_EACH: Final = 8
_NAMESPACES: Final = 128
AGAIN: Final = frozenset({429, *(code for code in range(500, 600) if code != 501)})
"""Statuses after which another attempt may help."""
_log = structlog.get_logger("canary.webhook")


class NoAnswerError(Exception):
    """Nobody answered. The text names no address: it may hold a secret."""


@frozen
class Answer:
    """What somebody answered."""

    status: int
    text: str
    """The beginning of the body as one line of at most `SHOWN` characters, without credentials and markup."""

    @property
    def ok(self) -> bool:
        """Whether it means yes."""
        return 200 <= self.status < 300


class _Retry(Retry):
    """Waits 1, 2, 4 ... seconds, or as long as the other side says, but never longer than half a minute."""

    DEFAULT_BACKOFF_MAX = LONGEST_PAUSE_S

    def get_backoff_time(self) -> float:
        """Seconds before the next attempt."""
        errors = len([each for each in self.history if each.redirect_location is None])
        return float(min(LONGEST_PAUSE_S, 2 ** (errors - 1))) if errors else 0.0

    def get_retry_after(self, response: Any) -> float | None:
        """What the other side says, bounded."""
        found = super().get_retry_after(response)
        return None if found is None else min(float(LONGEST_PAUSE_S), found)


def environment_proxy(url: str) -> str:
    """The proxy that ``HTTP_PROXY``, ``HTTPS_PROXY`` and ``NO_PROXY`` name for an address; empty: none.

    As Go programs have it, and so Flagger: this machine itself is never reached through a proxy.
    https://pkg.go.dev/golang.org/x/net/http/httpproxy#FromEnvironment
    """
    parts = urlsplit(url)
    if _is_this_machine(parts.hostname or ""):
        return ""
    return str(get_environ_proxies(url).get(parts.scheme, ""))


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class HttpPool:
    """Connections that are kept, apart for each namespace. Safe for many threads."""

    def __init__(self, *, denied: DeniedAddresses = DEFAULT) -> None:
        """Makes one without connections.

        Args:
            denied: Whom no connection may reach.
        """
        self._denied = denied
        self._kept: ByNamespace[tuple[int, bool, str], requests.Session] = ByNamespace(
            each=_EACH, namespaces=_NAMESPACES
        )

    def post(
        self,
        url: str,
        body: object,
        *,
        namespace: str,
        timeout_s: float,
        retries: int = 0,
        verify: bool = True,
        proxy: str = "",
        headers: Mapping[str, str] | None = None,
        secrets: Iterable[str] = (),
    ) -> Answer:
        """Send JSON.

        Args:
            url: Where to.
            body: Anything that JSON can hold.
            namespace: For whom: nothing that is kept of one is used for another.
            timeout_s: For each attempt: to connect, then for the headers, then for the body.
            retries: Further attempts after no answer, 429 and errors of the server but 501.
            verify: Whether the certificate is verified.
            proxy: HTTP proxy on the way; empty: the one of the environment, if any.
            headers: Further ones.
            secrets: What else nobody may be told who is told of the answer.

        Raises:
            NoAnswerError: There was no answer in any attempt.
        """
        head = {"Content-Type": "application/json", **(headers or {})}
        try:
            on_the_way = proxy or environment_proxy(url)
            redaction = Redaction.of(url, on_the_way, headers=head, others=secrets)
            session = self._session(namespace, retries, verify=verify, proxy=on_the_way)
            with redaction.during():
                status, text, cut = _posted(session, url, json.dumps(body), head, min(timeout_s, LONGEST_S))
        except (ForbiddenAddressError, CredentialsTooLongError) as error:
            raise NoAnswerError(str(error)) from None
        except requests.RequestException as error:
            raise NoAnswerError(_reason(error, retries + 1, timeout_s)) from None
        except ValueError as error:
            raise NoAnswerError(f"the address cannot be used: {type(error).__name__}") from None
        return Answer(status, redaction.said(text, SHOWN, cut=cut))

    def close(self) -> None:
        """Close all connections."""
        for session in self._kept.clear():
            session.close()

    def _session(self, namespace: str, retries: int, *, verify: bool, proxy: str) -> requests.Session:
        def make() -> requests.Session:
            return GuardedSession(denied=self._denied, retries=_policy(retries), verify=verify, proxy=proxy)

        return self._kept.get(namespace, (retries, verify, proxy), make)


def _policy(retries: int) -> Retry:
    return _Retry(
        total=retries,
        redirect=0,
        status_forcelist=AGAIN,
        allowed_methods=None,
        raise_on_status=False,
        respect_retry_after_header=True,
    )


def _posted(
    session: requests.Session, url: str, data: str, headers: Mapping[str, str], seconds: float
) -> tuple[int, str, bool]:
    """Status, the beginning of the body, and whether it goes on."""
    try:
        with session.post(url, data=data, headers=dict(headers), timeout=seconds, stream=True) as response:
            return response.status_code, *_text(response, seconds)
    except (requests.RequestException, ForbiddenAddressError, ValueError):
        raise
    except Exception as error:  # noqa: BLE001 - its text may hold the address; in the log it is struck out
        _log.exception("a request failed as none should")
        raise requests.RequestException(type(error).__name__) from None


def _text(response: requests.Response, seconds: float) -> tuple[str, bool]:
    """The beginning of the body, whatever it is, and whether it may go on."""
    try:
        with within(seconds, response.raw.shutdown):
            data = response.raw.read(LARGEST, decode_content=True)
    except Exception:  # noqa: BLE001 - the status has been said; a body that breaks off takes nothing from it
        return "", False
    if not isinstance(data, bytes):
        return "", False
    return data.decode("utf-8", "replace"), len(data) >= LARGEST


def _reason(error: requests.RequestException, attempts: int, timeout_s: float) -> str:
    match error:
        case requests.exceptions.SSLError():
            return "the certificate could not be verified"
        case _ if is_timeout(error):
            why = f"no answer within {timeout_s:g} s"
        case requests.exceptions.TooManyRedirects():
            return "too many redirects"
        case requests.exceptions.InvalidURL() | requests.exceptions.InvalidSchema():
            return "the address cannot be used"
        case requests.exceptions.InvalidHeader():
            return "a header cannot be sent as it is"
        case _:
            why = unconnected(error)
    return why if attempts == 1 else f"{why}, after {attempts} attempts"
