"""Two parts of PromQL that prombed lacks, rewritten into what it has: ``X or Y`` of single values, and ``vector(N)``.

Both are decided on the text. ``vector(N)`` becomes an aggregate with the same value. Of ``X or Y`` one side stays: when
neither has labels, the union of the two is X if X has a value, and else Y. Between vectors with labels that is not so,
and what is not certainly without labels is refused: an error is better than a wrong number.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

from attrs import define, field
from prombed import PrombedError, parse_promql
from prombed.promql.parser import (
    AggregationExpression,
    BinaryExpression,
    CallExpression,
    Expression,
    NumberExpression,
    UnaryExpression,
)

__all__ = ["decided"]

DEEPEST: Final = 40
"""Brackets within brackets: each costs some calls within calls later on."""
MOST_ALTERNATIVES: Final = 32
"""In one query: each is a query of its own."""
_TOKEN: Final = re.compile(
    r"""(?P<string>"(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' | `[^`]*`)
    | (?P<word>[A-Za-z_:][A-Za-z0-9_:]*)
    | (?P<number>(?:[0-9]|\.[0-9])[0-9A-Za-z_.]*)
    | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_NUMBER: Final = re.compile(r"\s*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*")
_CLOSING: Final = {"(": ")", "{": "}", "[": "]"}
_QUOTES: Final = frozenset("\"'`")


def decided(query: str, has_value: Callable[[str], bool]) -> str:
    """A query without alternatives and without ``vector``.

    Args:
        query: PromQL.
        has_value: Whether a query has a value, at the time for which all is asked.

    Raises:
        PrombedError: It is no query, or one that is not supported.
    """
    return _Scan(_tokens(query), has_value).expression("", 0)


def _tokens(query: str) -> Iterator[tuple[str, str]]:
    """Kind and text of each token."""
    position = 0
    while found := _TOKEN.match(query, position):
        if found.lastgroup == "other" and found[0] in _QUOTES:
            raise PrombedError("invalid_query", "unterminated string")
        yield found.lastgroup or "", found[0]
        position = found.end()


def _unsupported(what: str) -> PrombedError:
    return PrombedError("unsupported_promql_feature", what)


@define
class _Scan:
    """Goes through a query once, from left to right."""

    tokens: Iterator[tuple[str, str]]
    has_value: Callable[[str], bool]
    alternatives: int = field(default=0, init=False)

    def expression(self, closing: str, depth: int) -> str:
        """Up to a closing bracket, which is taken and not returned. Empty: up to the end."""
        if depth > DEEPEST:
            raise PrombedError("invalid_query", f"more than {DEEPEST} brackets within brackets")
        done: list[str] = []
        operands: list[list[str]] = [[]]
        before = ""
        for kind, text in self.tokens:
            if kind == "other" and text == closing:
                return "".join((*done, self._one(operands)))
            if kind == "word" and text.lower() == "or":
                operands.append([])
            elif kind == "other" and text == ",":
                done += (self._one(operands), ",")
                operands = [[]]
            elif before.lower() == "vector" and text == "(":
                while operands[-1].pop().isspace():  # back to the word itself
                    pass
                operands[-1].append(self._vector(depth))
            else:
                operands[-1].append(self._bracketed(text, depth) if kind == "other" else text)
            before = text if not text.isspace() else before
        if closing:
            raise PrombedError("invalid_query", f"a bracket is not closed: there is no {closing!r}")
        return "".join((*done, self._one(operands)))

    def _bracketed(self, text: str, depth: int) -> str:
        """A character, with what belongs to it."""
        if text == "(":
            return f"({self.expression(')', depth + 1)})"
        if text in "{[":
            return text + self._verbatim(_CLOSING[text])
        if text in ")}]":
            raise PrombedError("invalid_query", f"{text!r} closes nothing")
        return text

    def _verbatim(self, closing: str) -> str:
        """Matchers or a range, in which words are no operators."""
        found = []
        for kind, text in self.tokens:
            found.append(text)
            if kind == "other" and text == closing:
                return "".join(found)
        raise PrombedError("invalid_query", f"a bracket is not closed: there is no {closing!r}")

    def _vector(self, depth: int) -> str:
        argument = self.expression(")", depth + 1)
        if not _NUMBER.fullmatch(argument):
            raise _unsupported(f"PromQL function 'vector' takes a plain number only here, not {argument[:80]!r}")
        # Each scrape leaves a sample of `up`, also one that failed: their count always has a value, and no labels.
        return f"(0 * count(up) + {argument.strip()})"

    def _one(self, parts: list[list[str]]) -> str:
        """The operand that has a value."""
        operands = ["".join(each) for each in parts]
        if len(operands) == 1:
            return operands[0]
        self.alternatives += len(operands) - 1
        if self.alternatives > MOST_ALTERNATIVES:
            raise _unsupported(f"more than {MOST_ALTERNATIVES} times 'or' in one query")
        for operand in operands:
            _check(operand)
        return next((each for each in operands[:-1] if self.has_value(each)), operands[-1])


def _check(operand: str) -> None:
    found = _TOKEN.match(operand.lstrip())
    if found is not None and found[0].lower() in {"on", "ignoring"}:
        raise _unsupported(f"PromQL modifier {found[0].lower()!r} of 'or' is not supported")
    if not operand.strip():
        raise PrombedError("invalid_query", "'or' stands between two expressions")
    if not _has_no_labels(parse_promql(operand)):
        raise _unsupported(
            "PromQL operator 'or' is supported between aggregates without labels only, as in "
            f"sum(x) or 0 * sum(y), not with {operand.strip()[:80]!r}"
        )


def _has_no_labels(expression: Expression) -> bool:
    """Whether it is a vector of at most one sample, which has no labels."""
    match expression:
        case AggregationExpression(labels=labels, without=without):
            return not labels and not without
        case UnaryExpression(expression=inner):
            return _has_no_labels(inner)
        case BinaryExpression(left=left, right=right):
            sides = [each for each in (left, right) if not _is_scalar(each)]
            return bool(sides) and all(map(_has_no_labels, sides))
        case CallExpression(name="histogram_quantile", args=(_, AggregationExpression(labels=labels, without=without))):
            return set(labels) <= {"le"} and not without
        case _:
            return False


def _is_scalar(expression: Expression) -> bool:
    match expression:
        case NumberExpression():
            return True
        case UnaryExpression(expression=inner):
            return _is_scalar(inner)
        case BinaryExpression(left=left, right=right):
            return _is_scalar(left) and _is_scalar(right)
        case _:
            return False
