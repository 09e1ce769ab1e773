"""Who may open and close gates: whoever has a token, of which the load tester knows the fingerprint and no more.

Commands run as the user of the load tester, and read every file that it can read (``curl file:///...``). So its file
holds nothing that opens a gate: a SHA-256 of each token, which is of use to nobody if the token is random and long.
Commands can also write what the load tester can write (``curl --cookie-jar FILE``), which must not be this file.

One token to a line: the namespace whose gates it opens and closes, or ``*`` for all, and its fingerprint::

    # for the pipeline of team-a
    team-a  sha256:3c469e9d6c5875d37a43f353d4f88e61fcf812c66eee3457465a40b0da4153e0
"""

import base64
import binascii
import hashlib
import hmac
import os
from pathlib import Path
from typing import Final, Self

from attrs import field, frozen

__all__ = ["ALL", "GateTokens", "GateTokensError", "token_of"]

ALL: Final = "*"
"""In the place of a namespace: all of them."""
_SCHEME: Final = "sha256:"
_LARGEST: Final = 1024 * 1024
"""Bytes of the file; a Secret holds no more."""
_OF_NOTHING: Final = hashlib.sha256(b"").digest()


class GateTokensError(ValueError):
    """The file cannot be used. The message shows nothing of it: a token may have got there by mistake."""


@frozen
class GateTokens:
    """Fingerprints, each with what it stands for."""

    fingerprints: tuple[tuple[str, bytes], ...] = field(repr=False)
    """A namespace or `ALL`, and the SHA-256 of a token."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """From a file.

        Raises:
            GateTokensError: It cannot be read, a line is no fingerprint, or commands could change it.
        """
        try:
            with path.open("rb") as file:
                data = file.read(_LARGEST + 1)
        except OSError as error:
            raise GateTokensError(error.strerror or type(error).__name__) from None
        if _can_be_changed(path):
            raise GateTokensError("commands could change it: make the file and its folder read-only for this user")
        if len(data) > _LARGEST:
            raise GateTokensError(f"more than {_LARGEST} bytes")
        return cls.parse(data.decode("utf-8", "replace"))

    @classmethod
    def parse(cls, text: str) -> Self:
        """From the text of a file.

        Raises:
            GateTokensError: A line is no fingerprint.
        """
        lines = enumerate(text.splitlines(), start=1)
        return cls(tuple(_entry(number, words) for number, line in lines if (words := line.partition("#")[0].split())))

    def opens(self, token: str, namespace: str) -> bool:
        """Whether a token opens and closes the gates of a namespace. How long it takes says nothing of the file."""
        found = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        known = [(name, hmac.compare_digest(found, fingerprint)) for name, fingerprint in self.fingerprints]
        return any(equal and name in {ALL, namespace} for name, equal in known)


def _can_be_changed(path: Path) -> bool:
    """By whoever runs as this user: in place, or by another file or link of its name."""
    return any(os.access(each, os.W_OK) for each in (path, path.parent, path.resolve().parent))


def _entry(number: int, words: list[str]) -> tuple[str, bytes]:
    digest = _digest(words[1]) if len(words) == len(("namespace", "fingerprint")) else b""
    if len(digest) != len(_OF_NOTHING):
        why = f"must be a namespace, or {ALL} for all, and {_SCHEME} with the SHA-256 of a token in hexadecimal digits"
        raise GateTokensError(f"line {number}: {why}")
    if digest == _OF_NOTHING:
        raise GateTokensError(f"line {number}: is the fingerprint of an empty token")
    return words[0], digest


def _digest(fingerprint: str) -> bytes:
    scheme, digits = fingerprint[: len(_SCHEME)], fingerprint[len(_SCHEME) :]
    try:
        return bytes.fromhex(digits) if scheme == _SCHEME else b""
    except ValueError:
        return b""


def token_of(authorization: str) -> str | None:
    """The token in a header ``Authorization``: of type Bearer, or the password of type Basic; None: there is none.

    Basic is what an address with a user sends (``http://user:TOKEN@host/``), which is all that a webhook can declare.
    """
    scheme, _, rest = authorization.partition(" ")
    match scheme.lower():
        case "bearer":
            return rest.strip() or None
        case "basic":
            try:
                pair = base64.b64decode(rest.strip(), validate=True).decode("utf-8", "surrogateescape")
            except (binascii.Error, ValueError):
                return None
            return pair.partition(":")[2] or None
        case _:
            return None
