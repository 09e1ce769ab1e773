"""Shapes of hostile texts, of any length: what is repeated, what is opened and never closed, and mixtures of these."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Final

from attrs import frozen
from hypothesis import strategies as st

__all__ = ["NUMBER", "Shape", "shapes"]

NUMBER: Final = "\ue000"
"""In a token: stands for a number that is different each time, as keys have to be."""


@frozen
class Shape:
    """A text of any length: runs of tokens, one after the other, between a beginning and an end."""

    begin: str
    runs: tuple[tuple[str, ...], ...]
    """Of each run the tokens that are repeated; all runs are about as long as each other."""
    end: str

    def text(self, length: int) -> str:
        """A text whose runs have so many characters together, or a few less."""
        room, numbers = length // len(self.runs), count()
        return self.begin + "".join(_run("".join(run), room, numbers) for run in self.runs) + self.end


def _run(unit: str, room: int, numbers: Iterator[int]) -> str:
    if NUMBER not in unit:
        return unit * (room // len(unit))
    found, size = [], 0
    while size < room:
        text = unit.replace(NUMBER, str(next(numbers)))
        found.append(text)
        size += len(text)
    return "".join(found[:-1])


def shapes(tokens: Sequence[str], frames: Sequence[tuple[str, str]] = (("", ""),)) -> st.SearchStrategy[Shape]:
    """Shapes of a reader's tokens.

    Args:
        tokens: What means something to the reader, opening and closing, whole and broken.
        frames: Beginnings and ends within which they mean most.
    """
    token = st.sampled_from(tokens)
    run = st.lists(token, min_size=1, max_size=3).map(tuple)
    ends = st.just("") | token
    return st.builds(
        lambda frame, first, runs, last: Shape(frame[0] + first, tuple(runs), last + frame[1]),
        st.sampled_from(frames),
        ends,
        st.lists(run, min_size=1, max_size=2),
        ends,
    )
