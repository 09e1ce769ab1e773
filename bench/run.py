"""Measure the core and write docs/performance.md. Ratios within one run count, not absolute numbers.

Run by ``make bench``. Each rate is the best of many short rounds, so that other work on the machine disturbs it least.
"""

import platform
import subprocess
import sys
import time
import timeit
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeAlias

from rich.console import Console
from rich.progress import track
from rich.table import Table
from steps import ARTICLE, Call, calls_of_a_rollout, policy_of, rollout
from triggers import BATCH, TRIGGERS

from canary_core import ABTest, BlueGreen, Mirror, Policy, Progressive, Strategy, step, weights_by_step

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 200
"""Many short rounds: on a shared machine only the best of them are undisturbed."""
TRIES = 7
_Table: TypeAlias = tuple[str, tuple[str, ...], list[tuple[str, ...]]]
STRATEGIES: dict[str, Strategy] = {
    "progressive (the article)": ARTICLE,
    "progressive with mirror": Progressive(weights=weights_by_step(10, 50), mirror=Mirror()),
    "A/B": ABTest(iterations=5),
    "blue/green": BlueGreen(iterations=5),
    "blue/green with mirror": BlueGreen(iterations=5, mirror=Mirror()),
}


def best_s(work: Callable[[], object], number: int) -> float:
    """Seconds that doing this once takes when nothing disturbs it: the best of `ROUNDS` short rounds.

    Args:
        work: What to do.
        number: How often, in a round.
    """
    return min(timeit.repeat(work, number=number, repeat=ROUNDS)) / number


def steps_per_second(calls: list[Call]) -> float:
    """Calls of `step` per second, over all calls of a whole rollout."""
    return len(calls) / sum(best_s(partial(step, *call), number=50) for call in calls)


def rollouts_per_second(policy: Policy) -> float:
    """Whole rollouts per second through the driver and the in-memory world."""
    return 1 / best_s(partial(rollout, policy), number=1)


def import_cost(module: str) -> tuple[float, float]:
    """Milliseconds and MiB that importing a module adds to a bare interpreter: the best of some tries."""
    code = (
        "import time; pages = lambda: int(open('/proc/self/statm').read().split()[1]);"
        f"m = pages(); t = time.process_time(); import {module};"
        "print(time.process_time() - t, (pages() - m) * 4)"
    )
    tries = []
    for _ in range(TRIES):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        seconds, kib = done.stdout.split()
        tries.append((float(seconds) * 1000, float(kib) / 1024))
    return min(tries)


def markdown(title: str, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A table."""
    lines = [f"## {title}", "", "| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows), ""])


def main() -> None:
    """Measure, show, write."""
    console = Console()
    steps = [
        (name, steps_per_second(calls_of_a_rollout(policy_of(strategy))))
        for name, strategy in track(STRATEGIES.items(), "steps", console=console)
    ]
    base = steps[0][1]
    others = [
        (name, BATCH / best_s(trigger(), number=1))
        for name, trigger in track(TRIGGERS.items(), "triggers", console=console)
    ]
    rollouts = rollouts_per_second(policy_of(ARTICLE))
    imports = [
        (module, *import_cost(module)) for module in ("attrs", "canary_core", "canary_ports", "canary_sims.world")
    ]
    tables: list[_Table] = [
        (
            "Calls of `step`",
            ("strategy", "calls per second", "relative"),
            [(name, f"{value:,.0f}", f"{value / base:.2f}") for name, value in steps],
        ),
        (
            "A bare trigger of a state machine library, beside a whole step of ours",
            ("library", "triggers per second", "our steps per trigger"),
            [(name, f"{value:,.0f}", f"{base / value:.2f}") for name, value in others],
        ),
        (
            "The article's rollout, through driver and world",
            ("what", "per second"),
            [("rollouts", f"{rollouts:,.0f}")],
        ),
        (
            "Importing",
            ("module", "ms", "MiB"),
            [(name, f"{ms:.0f}", f"{mib:.1f}") for name, ms, mib in imports],
        ),
    ]
    for title, head, rows in tables:
        table = Table(*head, title=title, title_justify="left")
        for row in rows:
            table.add_row(*row)
        console.print(table)
    write(tables)


def write(tables: list[_Table]) -> None:
    """Put the tables into the documentation."""
    day = time.strftime("%Y-%m-%d", time.gmtime())
    head = (
        "# Performance\n\nWritten by `make bench`. One core, best of many short rounds. The "
        f"numbers of one run compare with each other.\n\n{day}, Python "
        f"{platform.python_version()}, {platform.machine()}.\n"
    )
    text = "\n".join([head, *(markdown(*table) for table in tables)])
    (ROOT / "docs" / "performance.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
