"""Who asks: tokens of service accounts, impersonation, and the administrator that everybody else is."""

from __future__ import annotations

import base64
import json
import secrets
import time

from attrs import frozen

from canary_sims.cluster.errors import ApiError

AUTHENTICATED = "system:authenticated"
MASTERS = "system:masters"


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


class Tokens:
    """The bearer tokens that were given out."""

    def __init__(self) -> None:
        self._users: dict[str, tuple[User, float]] = {}

    def issue(self, namespace: str, account: str, uid: str, seconds: int) -> tuple[str, float]:
        """A token of a service account, in the form of a JWT, and when it ends."""
        name = f"system:serviceaccount:{namespace}:{account}"
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", AUTHENTICATED)
        end = time.time() + seconds
        claims = {"sub": name, "exp": int(end), "iat": int(time.time()), "iss": "https://kubernetes.default.svc"}
        parts = [json.dumps(p).encode() for p in ({"alg": "none", "typ": "JWT"}, claims)] + [secrets.token_bytes(32)]
        token = ".".join(base64.urlsafe_b64encode(p).decode().rstrip("=") for p in parts)
        self._users[token] = (User(name, groups, uid), end)
        return token, end

    def user(self, authorization: str) -> User:
        """The user of an Authorization header; without one the administrator.

        Raises:
            ApiError: 401, nobody has that token.
        """
        if not authorization:
            return ADMIN
        scheme, _, token = authorization.partition(" ")
        user, end = self._users.get(token.strip(), (ADMIN, 0.0))
        if scheme.lower() != "bearer" or end < time.time():
            raise ApiError(401, "Unauthorized", "Unauthorized")
        return user


def impersonated(name: str, groups: list[str]) -> User:
    """The user that an administrator acts as."""
    return User(name, tuple(dict.fromkeys([*groups, AUTHENTICATED])))
