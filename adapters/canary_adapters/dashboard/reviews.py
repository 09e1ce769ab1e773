"""Callers as the cluster knows them: TokenReview says whose a token is, SubjectAccessReview what they may.

https://kubernetes.io/docs/reference/access-authn-authz/authentication/#webhook-token-authentication
https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access

What was answered is believed for some seconds. Tokens are kept nowhere but in open requests; what is kept of them is
their digest.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final, Generic, TypeVar

import structlog
from kubernetes.client import Configuration

from canary_adapters.dashboard.callers import Caller, TurnedAwayError, digest
from canary_adapters.kubernetes.api import Api
from canary_adapters.kubernetes.resources import CANARIES, Obj
from canary_adapters.steering.desk import Desk
from canary_ports import PortError, RefusedError

__all__ = ["Reviewed", "with_token"]

BELIEVED_S: Final = 10.0
"""For how long an answer is believed: as long as a token that was withdrawn, or a right, still works here."""
MOST: Final = 2_000
"""Answers of each kind that are kept."""
PER_SECOND: Final = 20.0
BURST: Final = 50
"""Reviews, in the long run and at once. Strangers cause them, so they must take nothing from rollouts."""
_LONGEST_TOKEN: Final = 16 * 1024
_TOKENS: Final = "/apis/authentication.k8s.io/v1/tokenreviews"
_RIGHTS: Final = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
_Asked = TypeVar("_Asked", bound=Hashable)
_Answered = TypeVar("_Answered")
_log = structlog.get_logger("canary.dashboard")


class Reviewed:
    """A `canary_adapters.dashboard.callers.Door` that asks the API server, and lets callers act as themselves."""

    def __init__(self, api: Api, configuration: Callable[[], Configuration], *, now_s: Callable[[], float]) -> None:
        """Makes one.

        Args:
            api: Asks for reviews, with the rights of this process. Its own throttle bounds how many strangers cause.
            configuration: How the API server is reached; its credentials are not used for callers.
            now_s: Seconds that never step back.
        """
        self._api, self._configuration = api, configuration
        self._callers: _Kept[str, Caller | None] = _Kept(now_s)
        self._rights: _Kept[tuple[str, str, str | None], bool] = _Kept(now_s)

    def caller(self, token: str) -> Caller:
        """Whose token it is."""
        found = self._callers.get_or_ask(digest(token), lambda: self._whose(token))
        if found is None:
            raise TurnedAwayError(HTTPStatus.UNAUTHORIZED, "the cluster does not accept this token")
        return found

    def may(self, caller: Caller, verb: str, namespace: str | None) -> bool:
        """What the authorizers of the cluster say."""
        return self._rights.get_or_ask((caller.id, verb, namespace), lambda: self._allowed(caller, verb, namespace))

    @contextmanager
    def desk(self, caller: Caller) -> Iterator[Desk]:
        """With the token of the caller: what they ask for is theirs in the audit log as well."""
        configuration = with_token(self._configuration(), caller.token)
        api = Api(configuration, user_agent="canary-dashboard", field_manager="canary", connections=1)
        try:
            yield Desk(api)
        finally:
            api.close()

    def _whose(self, token: str) -> Caller | None:
        if len(token) > _LONGEST_TOKEN:
            return None
        status = self._asked(_TOKENS, "TokenReview", {"token": token}, token)
        user = status.get("user")
        if status.get("authenticated") is not True or not isinstance(user, dict):
            return None
        return Caller(
            name=str(user.get("username") or ""),
            id=digest(token),
            token=token,
            groups=_texts(user.get("groups")),
            uid=str(user.get("uid") or ""),
            extra=tuple((str(name), _texts(found)) for name, found in _mapping(user.get("extra")).items()),
        )

    def _allowed(self, caller: Caller, verb: str, namespace: str | None) -> bool:
        what = {"group": CANARIES.group, "resource": CANARIES.plural, "verb": verb, "namespace": namespace or ""}
        spec = {
            "user": caller.name,
            "uid": caller.uid,
            "groups": list(caller.groups),
            "extra": {name: list(found) for name, found in caller.extra},
            "resourceAttributes": what,
        }
        status = self._asked(_RIGHTS, "SubjectAccessReview", spec, caller.token)
        return status.get("allowed") is True and status.get("denied") is not True

    def _asked(self, path: str, kind: str, spec: Obj, token: str) -> dict[str, Any]:
        """The status of a review.

        Raises:
            TurnedAwayError: Nobody says.
        """
        body = {"apiVersion": path.removeprefix("/apis/").rpartition("/")[0], "kind": kind, "spec": spec}
        try:
            return _mapping(self._api.review(path, body).get("status"))
        except PortError as error:
            # Whatever stands between may repeat what it was sent.
            _log.warning("nobody says who a caller is, or what they may", review=kind, error=_without(error, token))
            forbidden = isinstance(error, RefusedError) and error.reason == "Forbidden"
            why = "the controller may not ask that (see docs/dashboard.md)" if forbidden else "the API server is silent"
            raise TurnedAwayError(
                HTTPStatus.SERVICE_UNAVAILABLE, f"cannot find out who you are or what you may do: {why}"
            ) from None


def with_token(base: Configuration, token: str) -> Configuration:
    """How the API server is reached by whoever has a token: as before, without any other credentials.

    Args:
        base: As the official client loads it. It is not changed.
        token: A bearer token.
    """
    found = Configuration()
    found.host = base.host
    found.verify_ssl, found.ssl_ca_cert, found.ca_cert_data = base.verify_ssl, base.ssl_ca_cert, base.ca_cert_data
    found.tls_server_name, found.assert_hostname = base.tls_server_name, base.assert_hostname
    found.proxy, found.no_proxy = base.proxy, base.no_proxy
    found.api_key = {"BearerToken": f"Bearer {token}"}
    return found


class _Kept(Generic[_Asked, _Answered]):
    """Answers that are believed for a while, the newest ones. Safe for many threads."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._lock = threading.Lock()
        self._answers: OrderedDict[_Asked, tuple[float, _Answered]] = OrderedDict()

    def get_or_ask(self, asked: _Asked, ask: Callable[[], _Answered]) -> _Answered:
        """The answer that is kept, or a new one."""
        now_s = self._now_s()
        with self._lock:
            kept = self._answers.get(asked)
        if kept is not None and now_s < kept[0]:
            return kept[1]
        answer = ask()
        with self._lock:
            self._answers[asked] = (now_s + BELIEVED_S, answer)
            self._answers.move_to_end(asked)
            while len(self._answers) > MOST:
                self._answers.popitem(last=False)
        return answer


def _without(error: Exception, token: str) -> str:
    return str(error).replace(token, "(the token)")[:500]


def _mapping(given: object) -> dict[str, Any]:
    return given if isinstance(given, dict) else {}


def _texts(given: object) -> tuple[str, ...]:
    return tuple(map(str, given)) if isinstance(given, list) else ()
