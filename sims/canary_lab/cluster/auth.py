"""Who asks: tokens of service accounts, impersonation, and the administrator that everybody else is."""

from __future__ import annotations

import base64
import json
import secrets
import time

from attrs import frozen

from canary_lab.cluster.errors import ApiError
from canary_lab.cluster.store import Store

AUTHENTICATED = "system:authenticated"
MASTERS = "system:masters"
API_AUDIENCE = "https://kubernetes.default.svc"
"""For whom a token is that nobody has asked to be for somebody else: this server."""


@frozen
class User:
    """A user and the groups that give it its rights."""

    name: str
    groups: tuple[str, ...]
    uid: str = ""

    @property
    def is_admin(self) -> bool:
        """Whether it may do everything."""
        return MASTERS in self.groups


ADMIN = User("admin", (MASTERS, AUTHENTICATED))


@frozen
class Holder:
    """An object whose end is the end of the tokens that hang on it."""

    store: str
    """As the store calls its kind."""
    namespace: str
    name: str
    uid: str

    def is_there(self, store: Store) -> bool:
        """Whether it still exists; one that was made anew is another one."""
        found = store.get(self.store, self.namespace, self.name)
        return found is not None and found["metadata"]["uid"] == self.uid


@frozen
class _Issued:
    user: User
    end: float
    holders: tuple[Holder, ...]
    audiences: tuple[str, ...]


class Tokens:
    """The bearer tokens that were given out.

    One is good until its time is over, its account is gone, or the object that it is bound to.
    https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._issued: dict[str, _Issued] = {}

    def issue(
        self, account: Holder, seconds: int, bound: Holder | None = None, audiences: tuple[str, ...] = (API_AUDIENCE,)
    ) -> tuple[str, float]:
        """A token of a service account, in the form of a JWT, and when it ends.

        Args:
            account: The account.
            seconds: For how long it is good at most.
            bound: What it is bound to besides.
            audiences: For whom it is.
        """
        name = f"system:serviceaccount:{account.namespace}:{account.name}"
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{account.namespace}", AUTHENTICATED)
        end = time.time() + seconds
        claims = {"sub": name, "exp": int(end), "iat": int(time.time()), "iss": API_AUDIENCE}
        parts = [json.dumps(p).encode() for p in ({"alg": "none", "typ": "JWT"}, claims)] + [secrets.token_bytes(32)]
        token = ".".join(base64.urlsafe_b64encode(p).decode().rstrip("=") for p in parts)
        holders = (account,) if bound is None else (account, bound)
        self._issued[token] = _Issued(User(name, groups, account.uid), end, holders, audiences)
        return token, end

    def user(self, authorization: str) -> User:
        """The user of an Authorization header; without one the administrator.

        Raises:
            ApiError: 401, nobody has that token (any more).
        """
        if not authorization:
            return ADMIN
        scheme, _, token = authorization.partition(" ")
        found = self.reviewed(token.strip(), (API_AUDIENCE,)) if scheme.lower() == "bearer" else None
        if found is None:
            raise ApiError(401, "Unauthorized", "Unauthorized")
        return found[0]

    def reviewed(self, token: str, audiences: tuple[str, ...]) -> tuple[User, tuple[str, ...]] | None:
        """Whose token it is, and for which of these audiences. None: it is no good, or for none of them."""
        found = self._issued.get(token)
        if found is None or found.end < time.time() or not all(each.is_there(self._store) for each in found.holders):
            return None
        meant = tuple(each for each in audiences if each in found.audiences)
        return (found.user, meant) if meant else None


def impersonated(name: str, groups: list[str]) -> User:
    """The user that an administrator acts as."""
    return User(name, tuple(dict.fromkeys([*groups, AUTHENTICATED])))
