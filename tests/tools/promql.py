"""What a PromQL expression names: metrics, the labels it selects, gathers or matches by. No evaluation."""

import re
from collections.abc import Iterator
from typing import Final

from attrs import frozen

__all__ = ["Use", "labels_made", "labels_of_gathering", "uses"]

_STRING: Final = re.compile(r'"(?:\\.|[^"\\])*"')
_SELECTOR: Final = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(\{[^}]*\})")
_MATCHER: Final = re.compile(r'([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*"((?:\\.|[^"\\])*)"')
_GATHERING: Final = re.compile(r"\b(by|on|without|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_MADE: Final = re.compile(r'\blabel_replace\([^"]*(?:"[^"]*"[^"]*)*?,\s*"(\w+)",\s*"[^"]*",\s*"\w+",')
_WINDOW: Final = re.compile(r"\[[^\]]*\]")
_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*(?!\s*\(|[a-zA-Z0-9_:])")
_WORDS: Final = frozenset({"and", "or", "unless", "bool", "offset", "on", "by", "group_left", "group_right"})


@frozen
class Use:
    """A metric and the labels that select its series, with operator and value."""

    metric: str
    matchers: tuple[tuple[str, str, str], ...] = ()


def uses(expr: str) -> Iterator[Use]:
    """Every metric of an expression, once for each place where it stands."""
    rest = expr
    for found in _SELECTOR.finditer(expr):
        yield Use(found[1], tuple((m[1], m[2], m[3]) for m in _MATCHER.finditer(found[2])))
        rest = rest.replace(found[0], " ", 1)
    for pattern in (_STRING, _GATHERING, _WINDOW):
        rest = pattern.sub(" ", rest)
    for found in _NAME.finditer(rest):
        if found[0] not in _WORDS:
            yield Use(found[0])


def labels_of_gathering(expr: str) -> frozenset[str]:
    """Labels that series are gathered or matched by."""
    return frozenset(
        label.strip() for found in _GATHERING.finditer(expr) for label in found[2].split(",") if label.strip()
    )


def labels_made(expr: str) -> frozenset[str]:
    """Labels that ``label_replace`` gives to series."""
    return frozenset(found[1] for found in _MADE.finditer(expr))
