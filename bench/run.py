"""Measure, show, and write docs/performance.md, part by part.

Run by ``make bench``. ``python bench/run.py steps idle`` runs these parts only.
"""

import sys
from collections.abc import Callable

import months
import scale
from document import Part, show, write

import core

PARTS: dict[str, Callable[[], Part]] = {
    "steps": core.steps,
    "imports": core.imports,
    "simulated": core.simulated,
    "ticks": months.ticks,
    "churn": months.churn,
    "idle": scale.idle,
    "rollouts": scale.rollouts,
}


def main(wanted: list[str]) -> None:
    """Run these parts, or all."""
    unknown = [name for name in wanted if name not in PARTS]
    if unknown:
        sys.exit(f"error: {', '.join(unknown)}: must be among {', '.join(PARTS)}")
    for name in wanted or PARTS:
        part = PARTS[name]()
        show(part)
        write(part, list(PARTS))


if __name__ == "__main__":
    main(sys.argv[1:])
