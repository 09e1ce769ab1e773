"""Plays many disturbances in one cluster: first those that one controller serves, then those that have their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from attrs import frozen

from disturbances.disturbance import Record
from disturbances.play import Cell, played
from disturbances.world import World

__all__ = ["Campaign", "campaign"]


@frozen(kw_only=True)
class Campaign:
    """What came of it."""

    records: Mapping[Cell, Record]
    log: str
    """What the controller of the many has logged."""
    code: int
    """Its exit code."""


def campaign(folder: Path, cells: Iterable[Cell], *, told: Callable[[], None] = lambda: None) -> Campaign:
    """Play cells.

    Args:
        folder: For logs and the kubeconfig.
        cells: What.
        told: Called at the end of each of their runs, by any thread.
    """
    every = tuple(cells)
    own = [cell for cell in every if cell[0].setup.has_own_controller]
    shared = [cell for cell in every if not cell[0].setup.has_own_controller]
    with World(folder) as world:
        controller = world.controller()
        records = played(world, shared, told=told)
        code = controller.terminate()
        # A controller of all namespaces would serve theirs as well.
        records = {**records, **played(world, own, told=told)}
        return Campaign(records=records, log=controller.text(), code=code)
