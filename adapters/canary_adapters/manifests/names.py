"""What the API server takes for a name: of a Service, of a port, of a label.

Sources: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/,
https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/ and, for ports, RFC 6335.
"""

import re
from typing import Final

__all__ = [
    "LONGEST_LABEL",
    "LONGEST_PORT",
    "LONGEST_SUBDOMAIN",
    "is_label",
    "is_label_value",
    "is_port_name",
    "is_qualified",
    "is_subdomain",
]

LONGEST_LABEL: Final = 63
LONGEST_PORT: Final = 15
LONGEST_SUBDOMAIN: Final = 253
_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", re.ASCII)
_PORT: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)
_NAME: Final = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?", re.ASCII)


def is_label(text: str) -> bool:
    """Whether this is a label of RFC 1123: what a Service, and a port of one, can be called."""
    return len(text) <= LONGEST_LABEL and _LABEL.fullmatch(text) is not None


def is_subdomain(text: str) -> bool:
    """Whether this is a subdomain of RFC 1123: what a Deployment, and most objects, can be called."""
    return len(text) <= LONGEST_SUBDOMAIN and all(_LABEL.fullmatch(part) for part in text.split("."))


def is_port_name(text: str) -> bool:
    """Whether a container port can be called so, and thus be a target port: letters, digits and single hyphens."""
    letters = any(character.isalpha() for character in text)
    return len(text) <= LONGEST_PORT and letters and _PORT.fullmatch(text) is not None


def is_qualified(text: str) -> bool:
    """Whether this can be the key of a label or annotation, or a protocol: a name, with a domain before it or not."""
    domain, slash, name = text.rpartition("/")
    if slash and not is_subdomain(domain):
        return False
    return len(name) <= LONGEST_LABEL and _NAME.fullmatch(name) is not None


def is_label_value(text: str) -> bool:
    """Whether this can be the value of a label."""
    return not text or (len(text) <= LONGEST_LABEL and _NAME.fullmatch(text) is not None)
