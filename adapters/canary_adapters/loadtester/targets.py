"""Hosts that the arguments of a command name, as far as their words show it. Nothing is looked up here.

What programs take for an address differs: this looks at addresses with a scheme (``http://HOST/``), at ``HOST:PORT``,
at ``HOST/PATH``, and at words with a dot, wherever they stand in an argument: rather too many than too few. Of what a
program reads elsewhere (a file of options, a redirect) no word is here.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import unquote

from attrs import frozen

__all__ = ["Targets", "targets_of"]

_BETWEEN_WORDS: Final = re.compile(r"[\s'\"`<>|;&(),]+")
_SCHEME_END: Final = re.compile(r":/+")
"""curl takes one slash to three."""
_AFTER_AUTHORITY: Final = re.compile(r"[/?#\\]")
_BRACKETS: Final = re.compile(r"\[([^][]+)\]")
_HOST: Final = re.compile(r"[\w.-]+")
_AUTHORITY: Final = re.compile(r"(?:\[([^][]+)\]|([\w.-]+))(?::[0-9]*)?")
_PORT: Final = re.compile(r"[0-9]{1,5}")
_FULL_STOP: Final = "\N{IDEOGRAPHIC FULL STOP}"
"""Separates labels of a name as a dot does; https://www.rfc-editor.org/rfc/rfc3490#section-3.1"""


@frozen
class Targets:
    """What stands in a command."""

    hosts: tuple[str, ...]
    """Names and addresses, each once."""
    unclear: tuple[str, ...]
    """What stands for a host in arguments that are an address, and is none: patterns, as curl takes them, for one."""


def targets_of(arguments: Iterable[str]) -> Targets:
    """Hosts of all arguments, in order. In a time that grows with their length and no faster."""
    hosts: dict[str, None] = {}
    unclear: dict[str, None] = {}
    for argument in arguments:
        for number, word in enumerate(_BETWEEN_WORDS.split(argument)):
            before, *behind = _SCHEME_END.split(word)
            for authority in map(_authority, behind):
                found = _AUTHORITY.fullmatch(authority)
                if found is not None and (found[2] or ":" in found[1]):
                    hosts[found[2] or found[1]] = None
                elif authority and not number:  # others are in a text that is sent, or in a header
                    unclear[authority] = None
            if not behind:
                hosts |= dict.fromkeys(host for form in _forms(before) for host in _hosts(form))
    return Targets(tuple(hosts), tuple(unclear))


def _forms(word: str) -> Iterator[str]:
    """What may be an address: the word, the value of an option, and what stands close behind the letter of one."""
    yield word
    if word.startswith("-"):
        yield word.partition("=")[2]
        yield word[2:]


def _authority(text: str) -> str:
    """The host with what belongs to it, as it is used when an address is resolved."""
    authority = _AFTER_AUTHORITY.split(text, maxsplit=1)[0].rpartition("@")[2]
    # One by one: to put a run of combining marks into order takes the square of its length.
    return "".join(unicodedata.normalize("NFKC", each) for each in unquote(authority)).replace(_FULL_STOP, ".")


def _hosts(text: str) -> Iterator[str]:
    """Hosts of a word without a scheme, if it looks like an address or like several (``HOST:PORT:HOST:PORT``)."""
    authority = _authority(text)
    yield from (each for each in _BRACKETS.findall(authority) if ":" in each)
    if _is_ipv6(authority):
        yield authority
        return
    parts = [part for part in _BRACKETS.sub("", authority).split(":") if part]
    is_address = len(parts) > 1 or len(text) > len(authority)
    for number, part in enumerate(parts):
        if _HOST.fullmatch(part) and (is_address or "." in part) and not (number and _PORT.fullmatch(part)):
            yield part


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
