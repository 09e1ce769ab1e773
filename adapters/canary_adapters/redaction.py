"""Credentials that were sent, struck out of what comes back: the one place for webhooks, alerts, Prometheus and logs.

What counts as a credential of a request:

- the values of its headers, but for those of `_PLAIN_HEADERS`;
- user and password, and both together;
- of the metadata of a webhook, the values whose names say so (`is_secret_name`);
- of each address: its user info; its path; those parts of the path that look like a secret (24 characters or more, or 8
  and more with letters and digits); values of its query of 8 characters and more, and shorter ones with their name.

`spellings` says in which forms each is found. Of what has `spellings.PIECE` characters or more, a part of that length
is struck out as well, as servers like to show the beginning of a token; of whole paths and pairs it is not, as they are
made of ordinary words. What has fewer than `SHORTEST` characters is not struck out by itself: it would take every text
apart, and is no secret to whoever can count. It is struck out in a pair (``user:password``), and in a query with its
name.
"""

import base64
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from attrs import field, frozen

from canary_adapters.plain_text import one_line, without_markup
from canary_adapters.spellings import finished, spans_of

__all__ = [
    "LONGEST",
    "SHORTEST",
    "STRUCK",
    "CredentialsTooLongError",
    "Redaction",
    "is_secret_name",
    "named_secrets",
    "struck_by_current",
]

STRUCK: Final = "***"
SHORTEST: Final = 4
"""Characters of what is struck out wherever it stands."""
LONGEST: Final = 8 * 1024
"""Characters of all credentials of a request: servers take no longer headers, and time and memory grow with them."""
CONSIDERED: Final = 8 * 1024
"""Characters of a text of a server of which something may be shown."""
_DISTINCT: Final = 8
"""Characters of what is no ordinary word or number."""
_LONG_PART: Final = 24
_PLAIN_HEADERS: Final = frozenset(
    {"accept", "accept-encoding", "accept-language", "connection", "content-length", "content-type", "user-agent"}
)
_NAMES: Final = ("token", "password", "passwd", "authorization", "secret", "credential", "apikey", "api-key", "api_key")
_current: ContextVar["Redaction | None"] = ContextVar("redaction", default=None)


class CredentialsTooLongError(ValueError):
    """The credentials of a request are longer than `LONGEST` together."""

    def __init__(self) -> None:
        super().__init__(f"the credentials have more than {LONGEST} characters")


@frozen
class Redaction:
    """Strikes the credentials of a request out of texts. Safe for many threads."""

    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    """Struck out, and long parts of them."""
    phrases: frozenset[str] = field(default=frozenset(), repr=False)
    """Struck out as a whole."""

    @classmethod
    def of(
        cls,
        *urls: str,
        headers: Mapping[str, str] | None = None,
        user: str = "",
        password: str = "",
        others: Iterable[str] = (),
    ) -> "Redaction":
        """What a request sends.

        Args:
            urls: Addresses, of proxies as well. What is none counts as a whole.
            headers: All of them.
            user: Of basic authentication.
            password: Of basic authentication.
            others: Whatever else is a secret.

        Raises:
            CredentialsTooLongError: They are longer than `LONGEST`.
        """
        given = [*urls, *(headers or {}).values(), user, password, *(others := tuple(others))]
        if sum(map(len, given)) > LONGEST:
            raise CredentialsTooLongError
        found = [_of_pair(user, password), (set(others), set[str]())]
        found += [_of_header(name, value) for name, value in (headers or {}).items()]
        found += [_of_url(url) for url in urls if url]
        secrets, phrases = ({each for part in side for each in part} for side in zip(*found, strict=True))
        return cls(_long_enough(secrets), _long_enough(phrases))

    def strike(self, text: str, *, cut: bool = False) -> str:
        """A text without the credentials.

        Args:
            text: Anything.
            cut: Whether it went on, so that a credential may begin at its end.
        """
        if not (self.secrets or self.phrases) or not text:
            return text
        whole = text.encode("utf-8", "surrogatepass")
        raw = finished(whole) if cut else whole
        spans = sorted(spans_of(raw, self.secrets, self.phrases, cut=cut))
        return _without(raw, spans)

    def said(self, text: str, longest: int, *, cut: bool = False) -> str:
        """What somebody answered, for people: without credentials and markup, on one line.

        Args:
            text: The answer.
            longest: Characters of the result.
            cut: Whether the answer went on.
        """
        text = text.lstrip()
        begun = text[:CONSIDERED]
        return one_line(self.strike(without_markup(begun), cut=cut or len(text) > len(begun)), longest)

    def is_secret(self, number: float) -> bool:
        """Whether a number that somebody answered is a credential, of so many digits that this is no chance."""
        return any(len(each) >= _DISTINCT and _number(each) == number for each in self.secrets)

    @contextmanager
    def during(self) -> Iterator[None]:
        """Have the credentials struck out of what is logged meanwhile in this thread, whoever logs it."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)


def struck_by_current(text: str) -> str:
    """A text without the credentials of the request that is under way in this thread, if there is one."""
    found = _current.get()
    return text if found is None else found.strike(text)


def _without(raw: bytes, spans: list[tuple[int, int]]) -> str:
    found, position = bytearray(), 0
    for start, end in spans:
        if start > position or not found:  # what is struck out twice, or side by side, is one
            found += raw[position:start] + STRUCK.encode()
        position = max(position, end)
    return (found + raw[position:]).decode("utf-8", "replace")


def _long_enough(found: set[str]) -> frozenset[str]:
    return frozenset(each for each in found if len(each) >= SHORTEST)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def is_secret_name(name: str) -> bool:
    """Whether what is called so is a secret."""
    lowered = name.lower()
    return any(part in lowered for part in _NAMES)


def named_secrets(values: Mapping[str, str] | None) -> tuple[str, ...]:
    """The values whose names say that they are secrets."""
    return tuple(value for name, value in (values or {}).items() if is_secret_name(name))


# -- What is a credential: secrets, and phrases ---------------------------------------------------------------------

_Found = tuple[set[str], set[str]]


def _of_pair(user: str, password: str) -> _Found:
    return {user, password}, {f"{user}:{password}"} if user or password else set()


def _of_header(name: str, value: str) -> _Found:
    if name.lower() in _PLAIN_HEADERS:
        return set(), set()
    scheme, _, rest = value.partition(" ")
    secrets, phrases = {rest.strip() or value}, {value}
    if scheme.lower() == "basic":
        user, colon, password = _decoded(rest.strip()).partition(":")
        pair = _of_pair(user, password) if colon else (set(), set())
        return secrets | pair[0], phrases | pair[1]
    # Several values are sent in one line.
    return secrets | {part.strip() for part in value.split(",")}, phrases


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode("utf-8", "replace")
    except ValueError:
        return ""


def _of_url(url: str) -> _Found:
    try:
        parts = urlsplit(url)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
    except ValueError:
        return {url}, set()
    if not parts.netloc:
        return {url}, set()
    secrets, phrases = _of_pair(user, password)
    path = unquote(parts.path).rstrip("/")
    # An encoded slash belongs to its part, as whoever made the address has it; a server may take it for another one.
    split = {*path.split("/"), *(unquote(part) for part in parts.path.split("/"))}
    secrets |= {part for part in split if _looks_secret(part)}
    query = parse_qsl(parts.query)
    secrets |= {value for _, value in query if len(value) >= _DISTINCT}
    return secrets, phrases | {path} | {f"{name}={value}" for name, value in query}


def _looks_secret(part: str) -> bool:
    mixed = any(c.isdigit() for c in part) and any(c.isalpha() for c in part)
    return len(part) >= (_DISTINCT if mixed else _LONG_PART)
