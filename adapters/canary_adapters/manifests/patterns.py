"""Regular expressions that users write: looked at by a scanner in one pass, and never compiled.

The mesh compiles them, and judges finally: https://github.com/google/re2/wiki/Syntax. Here only what can be no
expression at all is told early: brackets without a partner, repetitions of nothing, and what other dialects have and
RE2 has not: looking ahead and behind, references to groups. Whatever RE2 takes passes.
"""

from collections.abc import Callable, Mapping
from typing import Final

from attrs import define

__all__ = ["pattern_fault"]

_MOST_REPEATED: Final = 1000
"""The largest number in ``{...}`` that RE2 takes."""
_LONGEST_BOUNDS: Final = len("{1000,1000}")
_LONGEST_NAME: Final = 64
"""Characters of the name of a class, as in ``[[:alpha:]]`` and ``\\p{Greek}``, and then some."""


def pattern_fault(text: str) -> str:
    """Why a text cannot be a regular expression, in words; empty: it may be one."""
    return _Scan(text).fault()


_NO_GROUPS: Final = ("(?=", "(?!", "(?<=", "(?<!", "(?>", "(?#", "(?(", "(?|", "(?P=", "(?P>")
"""Beginnings of groups in other dialects: they look around, do not go back, comment, choose or refer."""
_NO_ESCAPES: Final = frozenset("89GKRXZgk")
_OCTAL: Final = frozenset("01234567")


@define
class _Scan:
    """Goes through a text once. Each method takes what begins at the position, and says what is wrong with it."""

    text: str
    position: int = 0
    depth: int = 0
    repeatable: bool = False
    """Whether something stands before that can be repeated."""

    def fault(self) -> str:
        text = self.text
        while self.position < len(text):
            take = _SPECIAL.get(text[self.position])
            if take is None:
                self.position, self.repeatable = self.position + 1, True
            elif fault := take(self):
                return fault
        return "a ( is not closed" if self.depth else ""

    def escape(self) -> str:
        if self.position + 1 == len(self.text):
            return "it ends with a backslash"
        end, kind = self.position + 2, self.text[self.position + 1]
        if kind in _NO_ESCAPES or (kind in "1234567" and self.text[end : end + 1] not in _OCTAL):
            return f"RE2 has no \\{kind} (character {self.position + 1})"
        if kind == "Q":
            quoted = self.text.find("\\E", end)
            end = len(self.text) if quoted < 0 else quoted + 2
        elif kind in "pPx" and self.text.startswith("{", end):  # a script, or a number
            end = max(end, self.text.find("}", end, end + _LONGEST_NAME) + 1)
        self.position, self.repeatable = end, True
        return ""

    def opening(self) -> str:
        if self.text.startswith("?", self.position + 1):
            foreign = next((each for each in _NO_GROUPS if self.text.startswith(each, self.position)), None)
            if foreign is not None:
                return f"RE2 has no {foreign}...) (character {self.position + 1})"
        self.depth += 1
        # What follows a (? is a name or flags.
        self.position += 1 + self.text.startswith("?", self.position + 1)
        self.repeatable = False
        return ""

    def closing(self) -> str:
        if not self.depth:
            return f"the ) at character {self.position + 1} closes nothing"
        self.depth -= 1
        self.position, self.repeatable = self.position + 1, True
        return ""

    def alternative(self) -> str:
        self.position, self.repeatable = self.position + 1, False
        return ""

    def repetition(self) -> str:
        return self._repeated(self.position + 1)

    def bounds(self) -> str:
        end = _bounds_end(self.text, self.position)
        if not end:  # a bracket that stands for itself
            self.position, self.repeatable = self.position + 1, True
            return ""
        shown = self.text[self.position : end]
        numbers = [int(each) for each in shown[1:-1].split(",") if each]
        if max(numbers) > _MOST_REPEATED or numbers != sorted(numbers):
            return f"{shown} is no number of repetitions"
        return self._repeated(end)

    def _repeated(self, end: int) -> str:
        if not self.repeatable:
            return f"the {self.text[self.position : end]} at character {self.position + 1} repeats nothing"
        self.position, self.repeatable = end + self.text.startswith("?", end), False
        return ""

    def members(self) -> str:
        begin, text = self.position, self.text
        position = begin + 1 + text.startswith("^", begin + 1)
        position += text.startswith("]", position)  # the first one is a member
        while position < len(text):
            if text[position] == "]":
                self.position, self.repeatable = position + 1, True
                return ""
            position = _member_end(text, position)
        return f"the [ at character {begin + 1} is not closed"


_SPECIAL: Final[Mapping[str, Callable[[_Scan], str]]] = {
    "\\": _Scan.escape,
    "[": _Scan.members,
    "(": _Scan.opening,
    ")": _Scan.closing,
    "|": _Scan.alternative,
    "{": _Scan.bounds,
    **dict.fromkeys("*+?", _Scan.repetition),
}


def _member_end(text: str, position: int) -> int:
    """Where a member of a class of characters ends."""
    if text[position] == "\\":
        return position + 2
    if text.startswith("[:", position):
        end = text.find(":]", position + 2, position + _LONGEST_NAME)
        return end + 2 if end >= 0 else position + 1
    return position + 1


def _bounds_end(text: str, begin: int) -> int:
    """Where ``{2}``, ``{2,}`` or ``{2,3}`` ends. 0: it is none of these."""
    end = text.find("}", begin, begin + _LONGEST_BOUNDS) + 1
    if not end:
        return 0
    low, comma, high = text[begin + 1 : end - 1].partition(",")
    if not _is_number(low) or (high and not _is_number(high)) or (high and not comma):
        return 0
    return end


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
