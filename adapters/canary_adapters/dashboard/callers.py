"""Who asks for the page's data, and what they may see and do.

Everybody shows a bearer token. There are no cookies, which a browser would send for any site that asks it to.
"""

import hashlib
import hmac
import secrets
from contextlib import AbstractContextManager, nullcontext
from http import HTTPStatus
from typing import Final, Protocol

from attrs import field, frozen

from canary_adapters.steering.desk import Desk

__all__ = ["Caller", "Door", "OwnKey", "TurnedAwayError", "digest"]


class TurnedAwayError(Exception):
    """Somebody may not have what they ask for, or nobody can say at present whether they may.

    Attributes:
        status: 401, 403 or 503.
        message: For people.
    """

    def __init__(self, status: HTTPStatus, message: str) -> None:
        self.status, self.message = status, message
        super().__init__(message)


@frozen(kw_only=True)
class Caller:
    """Somebody who has shown a token."""

    name: str
    id: str
    """The same for the same token; the token cannot be told from it."""
    token: str = field(repr=False)
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()


class Door(Protocol):
    """Says who a caller is and what they may do. Methods take their time; called in threads."""

    def caller(self, token: str) -> Caller:
        """Whose token it is.

        Raises:
            TurnedAwayError: Nobody's, or it is not known at present.
        """

    def may(self, caller: Caller, verb: str, namespace: str | None) -> bool:
        """Whether they may do something with the canaries of a namespace, or with those of all.

        Args:
            caller: Who.
            verb: Of Kubernetes: ``list`` or ``patch``.
            namespace: None: all.

        Raises:
            TurnedAwayError: It is not known at present.
        """

    def desk(self, caller: Caller) -> AbstractContextManager[Desk]:
        """Where they read and ask, with their own rights."""


def digest(token: str) -> str:
    """What stands for a token where it is kept."""
    return hashlib.sha256(_bytes(token)).hexdigest()


def _bytes(token: str) -> bytes:
    """Whatever bytes came in a header: no two tokens are taken for one."""
    return token.encode("utf-8", "surrogatepass")


class OwnKey:
    """For one person on their own machine: whoever has the key of this process acts with its rights.

    The key keeps out other users of the machine, and web sites that its browsers show. What the person may do, the
    API server says.
    """

    def __init__(self, desk: Desk, user: str) -> None:
        """Makes one with a new key.

        Args:
            desk: With the rights of the kubeconfig.
            user: Whose it is, as it is shown.
        """
        self.key: Final = secrets.token_urlsafe(24)
        self._desk, self._user = desk, user

    def caller(self, token: str) -> Caller:
        """The person, if it is the key."""
        if not hmac.compare_digest(_bytes(token), _bytes(self.key)):
            raise TurnedAwayError(HTTPStatus.UNAUTHORIZED, "this key is not that of this process: see what it printed")
        return Caller(name=self._user, id=digest(token), token=token)

    def may(self, caller: Caller, verb: str, namespace: str | None) -> bool:  # noqa: ARG002 - the API server decides
        """Whatever the kubeconfig may."""
        return True

    def desk(self, caller: Caller) -> AbstractContextManager[Desk]:  # noqa: ARG002 - there is one
        """That of the kubeconfig."""
        return nullcontext(self._desk)
