"""What is played: a disturbance, the moment of a rollout at which it comes, and what came of it."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Final, TypeAlias

from attrs import field, frozen

from disturbances.application import Setup
from disturbances.place import Place

__all__ = ["Claim", "Disturbance", "Moment", "Record", "Undo", "disturbance"]

Undo: TypeAlias = Callable[[], object]
"""Puts back what was disturbed."""


class Moment(enum.Enum):
    """When a disturbance comes."""

    SETTLED = "settled"
    """Initialized: the primary has all traffic, the target has no Pods."""
    WEIGHT = "at a weight"
    """The canary has its first share of the traffic."""
    PROMOTING = "promoting"
    FAILED = "failed"
    """A bad version was rolled back."""


class Claim(enum.Enum):
    """What must be true of each disturbance at each moment."""

    REACHED = "the moment was reached"
    SERVED = "in the end, every request reaches somebody"
    BAD_IS_OUT = "a bad version is out of traffic within the deadline, while the disturbance lasts"
    ABORT_IS_OBEYED = "`abort` is obeyed while the disturbance lasts"
    NEXT_IS_PROMOTED = "the next good version is promoted once the disturbance is undone"


@frozen(kw_only=True, eq=False)
class Disturbance:
    """Something that happens to what surrounds a rollout."""

    name: str
    do: Callable[[Place], Undo | None]
    """Does it. Returns what undoes it; None: nobody will, and the controller has to get along with it."""
    setup: Setup = field(factory=Setup)
    hold_s: float = 3.0
    """How long it lasts at least, if it is undone."""
    is_judged: bool = True
    """Whether the canary can be a bad one: somebody else is there to serve in its place."""
    is_deaf: bool = False
    """Whether nobody can be heard while it lasts: what is claimed of that time is claimed of the time after it."""
    is_inside: bool = False
    """Whether it happens inside of the embedded API server."""


EVERY: Final[list[Disturbance]] = []
"""Filled by `disturbance` in the order of the catalogue."""


def disturbance(
    name: str, **facts: object
) -> Callable[[Callable[[Place], Undo | None]], Callable[[Place], Undo | None]]:
    """Note a function as a disturbance.

    Args:
        name: As the table has it.
        **facts: Fields of `Disturbance`.
    """

    def note(do: Callable[[Place], Undo | None]) -> Callable[[Place], Undo | None]:
        EVERY.append(Disturbance(name=name, do=do, **facts))  # type: ignore[arg-type]
        return do

    return note


@frozen(kw_only=True)
class Record:
    """What came of one disturbance at one moment."""

    disturbance: str
    moment: Moment
    lost: float
    """Percent-seconds in which requests reached nobody."""
    longest_s: float
    """The longest time without a break."""
    failed: tuple[Claim, ...] = ()
    """What did not hold."""
    story: tuple[str, ...] = ()
    """What was waited for, for how long, and how it ended."""
