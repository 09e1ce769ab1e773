"""All disturbances, in the order of the table."""

from __future__ import annotations

from typing import Final

from disturbances import of_canaries, of_outside, of_references, of_routes, of_workloads
from disturbances.disturbance import EVERY, Disturbance, Moment

__all__ = ["CELLS", "DISTURBANCES"]

_SUBJECTS: Final = (of_workloads, of_canaries, of_references, of_routes, of_outside)
DISTURBANCES: Final[tuple[Disturbance, ...]] = tuple(
    each for subject in _SUBJECTS for each in EVERY if each.do.__module__ == subject.__name__
)
CELLS: Final = tuple((disturbance, moment) for disturbance in DISTURBANCES for moment in Moment)
