"""Measure the core and write docs/performance.md. Ratios within one run count, not absolute numbers.

Run by ``make bench``. Each rate is the best of several rounds of processor time, so that other work on the machine
disturbs it least.
"""

import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from rich.console import Console
from rich.progress import track
from rich.table import Table
from steps import ARTICLE, Call, calls_of_a_rollout, policy_of, rollout
from triggers import TRIGGERS

from canary_core import ABTest, BlueGreen, Mirror, Policy, Progressive, Strategy, step, weights_by_step

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 7
_Table: TypeAlias = tuple[str, tuple[str, ...], list[tuple[str, ...]]]
STRATEGIES: dict[str, Strategy] = {
    "progressive (the article)": ARTICLE,
    "progressive with mirror": Progressive(weights=weights_by_step(10, 50), mirror=Mirror()),
    "A/B": ABTest(iterations=5),
    "blue/green": BlueGreen(iterations=5),
    "blue/green with mirror": BlueGreen(iterations=5, mirror=Mirror()),
}


def rate(work: Callable[[], int], seconds: float = 0.4) -> float:
    """Things done per second of processor time: the best of `ROUNDS` rounds.

    Args:
        work: Does some things and returns how many.
        seconds: How long a round lasts.
    """
    best = 0.0
    for _ in range(ROUNDS):
        done, begin = 0, time.process_time()
        while time.process_time() - begin < seconds:
            done += work()
        best = max(best, done / (time.process_time() - begin))
    return best


def steps_per_second(calls: list[Call]) -> float:
    """Calls of `step` per second, over all calls of a whole rollout."""

    def work() -> int:
        for policy, stored, seen in calls:
            step(policy, stored, seen)
        return len(calls)

    return rate(work)


def rollouts_per_second(policy: Policy) -> float:
    """Whole rollouts per second through the driver and the in-memory world."""

    def work() -> int:
        rollout(policy)
        return 1

    return rate(work)


def import_cost(module: str) -> tuple[float, float]:
    """Milliseconds and MiB that importing a module adds to a bare interpreter: the best of some tries."""
    code = (
        "import time; pages = lambda: int(open('/proc/self/statm').read().split()[1]);"
        f"m = pages(); t = time.process_time(); import {module};"
        "print(time.process_time() - t, (pages() - m) * 4)"
    )
    tries = []
    for _ in range(ROUNDS):
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
    others = [(name, rate(trigger())) for name, trigger in track(TRIGGERS.items(), "triggers", console=console)]
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
        "# Performance\n\nWritten by `make bench`. One core, processor time, best of several rounds. The "
        f"numbers of one run compare with each other.\n\n{day}, Python "
        f"{platform.python_version()}, {platform.machine()}.\n"
    )
    text = "\n".join([head, *(markdown(*table) for table in tables)])
    (ROOT / "docs" / "performance.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
