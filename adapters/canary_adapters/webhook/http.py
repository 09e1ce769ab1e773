"""POST requests to addresses that users declare: bounded in time and size, repeated where that may help."""

import ipaddress
import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from attrs import frozen
from requests.utils import get_environ_proxies
from urllib3.util.retry import Retry

from canary_adapters.deadlines import within
from canary_adapters.guarded import ForbiddenAddressError, GuardedAdapter, is_timeout, leave_out_redirect, unconnected

__all__ = ["Answer", "HttpPool", "NoAnswerError", "environment_proxy"]

LARGEST: Final = 64 * 1024
"""Bytes of a body that are read."""
LONGEST_PAUSE_S: Final = 30
LONGEST_S: Final = 86_400.0
"""No attempt takes longer, whatever is declared; sockets know no timeouts of months."""
_SESSIONS: Final = 64
AGAIN: Final = frozenset({429, *(code for code in range(500, 600) if code != 501)})
"""Statuses after which another attempt may help."""


class NoAnswerError(Exception):
    """Nobody answered. The text names no address: it may hold a secret."""


@frozen
class Answer:
    """What somebody answered."""

    status: int
    body: str

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
    """Connections that are kept. Safe for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: OrderedDict[tuple[int, bool, str], requests.Session] = OrderedDict()

    def post(
        self,
        url: str,
        body: object,
        *,
        timeout_s: float,
        retries: int = 0,
        verify: bool = True,
        proxy: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send JSON.

        Args:
            url: Where to.
            body: Anything that JSON can hold.
            timeout_s: For each attempt: to connect, then for the headers, then for the body.
            retries: Further attempts after no answer, 429 and errors of the server but 501.
            verify: Whether the certificate is verified.
            proxy: HTTP proxy on the way; empty: the one of the environment, if any.
            headers: Further ones.

        Raises:
            NoAnswerError: There was no answer in any attempt.
        """
        head = {"Content-Type": "application/json", **(headers or {})}
        try:
            session = self._session(retries, verify, proxy or environment_proxy(url))
            data, bounded_s = json.dumps(body), min(timeout_s, LONGEST_S)
            with session.post(url, data=data, headers=head, timeout=bounded_s, stream=True) as response:
                return Answer(response.status_code, _text(response, bounded_s))
        except ForbiddenAddressError as error:
            raise NoAnswerError(str(error)) from None
        except requests.RequestException as error:
            raise NoAnswerError(_reason(error, retries + 1, timeout_s)) from None
        except ValueError as error:
            raise NoAnswerError(f"the address cannot be used: {type(error).__name__}") from None

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for session in self._sessions.values():
                session.close()
            self._sessions.clear()

    def _session(self, retries: int, verify: bool, proxy: str) -> requests.Session:
        with self._lock:
            found = self._sessions.get((retries, verify, proxy))
            if found is None:
                found = self._sessions[retries, verify, proxy] = _session(retries, verify, proxy)
            self._sessions.move_to_end((retries, verify, proxy))
            while len(self._sessions) > _SESSIONS:  # proxies are what users declare
                self._sessions.popitem(last=False)[1].close()
            return found


def _session(retries: int, verify: bool, proxy: str) -> requests.Session:
    session = requests.Session()
    session.verify, session.trust_env, session.max_redirects = verify, False, 3
    if proxy:
        session.proxies = {"http": proxy, "https": proxy}
    policy = _Retry(
        total=retries,
        redirect=0,
        status_forcelist=AGAIN,
        allowed_methods=None,
        raise_on_status=False,
        respect_retry_after_header=True,
    )
    session.hooks["response"].append(leave_out_redirect)
    adapter = GuardedAdapter(max_retries=policy, pool_maxsize=16)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


def _text(response: requests.Response, seconds: float) -> str:
    """The beginning of the body, whatever it is."""
    try:
        with within(seconds, response.raw.shutdown):
            data = response.raw.read(LARGEST, decode_content=True)
    except Exception:  # noqa: BLE001 - the status has been said; a body that breaks off takes nothing from it
        return ""
    return data.decode("utf-8", "replace").strip() if isinstance(data, bytes) else ""


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
        case _:
            why = unconnected(error)
    return why if attempts == 1 else f"{why}, after {attempts} attempts"
