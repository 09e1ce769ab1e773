"""Secrets that say whose they are, and every form in which one may come out."""

from __future__ import annotations

import base64
from urllib.parse import quote, quote_plus

__all__ = ["forms", "secret_of"]


def secret_of(kind: str) -> str:
    """A secret of an attacker, with characters that each encoding changes."""
    return f"s3cr3t/{kind}+?>~"


def forms(secret: str) -> frozenset[str]:
    """The secret as it is, percent-encoded, and in Base64, wherever in a longer text it stood when that was encoded."""
    quoted = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    plain = {secret, secret.replace("/", "\\/"), *quoted, *(each.lower() for each in quoted)}
    return frozenset(plain | {each for shift in range(3) for each in _encoded(secret.encode(), shift)})


def _encoded(secret: bytes, shift: int) -> tuple[str, str]:
    """Both alphabets' characters that depend on the secret alone if so many bytes (modulo 3) stand before it."""
    first, whole = -(-shift * 8 // 6), (shift + len(secret)) * 8 // 6
    data = bytes(shift) + secret
    return (
        base64.b64encode(data).decode()[first:whole],
        base64.urlsafe_b64encode(data).decode()[first:whole],
    )
