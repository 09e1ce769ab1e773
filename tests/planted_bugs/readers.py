"""Readers that work, and whose steps grow faster than what they read: mistakes of several kinds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

__all__ = ["GROWING"]


def _looks_ahead_from_each_opening(text: str) -> list[int]:
    """Each opening bracket searches the rest of the text for its end."""
    found = []
    for begin, character in enumerate(text):
        if character == "{":
            end = begin
            while end < len(text) and text[end] != "}":
                end += 1
            found.append(end)
    return found


def _compares_with_all_before(text: str) -> list[str]:
    """Each word is compared with all words that came before."""
    kept: list[str] = []
    for word in text.split():
        for other in kept:
            if other == word:
                break
        else:
            kept.append(word)
    return kept


def _begins_again_after_each_line(text: str) -> int:
    """The place of each line is counted from the beginning of the text."""
    lines = 0
    for position, character in enumerate(text):
        if character == "\n":
            lines = sum(1 for before in text[:position] if before == "\n")
    return lines


GROWING: Final[dict[str, Callable[[str], object]]] = {
    each.__name__.lstrip("_"): each
    for each in (
        _looks_ahead_from_each_opening,
        _compares_with_all_before,
        _begins_again_after_each_line,
    )
}
