"""The demo as a whole: everything is started, the story played on screen or in lines, the end told."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from rich.console import Console, RenderableType
from rich.live import Live

from canary_lab.demo.fault import Fault
from canary_lab.demo.lanes import LaneLines, lanes
from canary_lab.demo.lanes import report as report_of_waves
from canary_lab.demo.report import Lines, keeping, report
from canary_lab.demo.screen import screen
from canary_lab.demo.story import Story
from canary_lab.demo.waves import Waves
from canary_lab.mesh.laptop import Laptop
from canary_lab.mesh.processes import CommandError
from canary_lab.mesh.prometheus import PrometheusError

__all__ = ["run", "run_waves"]

_View = TypeVar("_View")


def run(
    laptop: Laptop, *, fault: Fault, rate: float, interval_s: int, console: Console, keep: bool, plain: bool
) -> int:
    """Play it in one cluster.

    Args:
        laptop: Does not run yet.
        fault: Of the bad version.
        rate: Requests of users a second.
        interval_s: Between two looks of the controller.
        console: Where all is shown.
        keep: Whether everything goes on running at the end, until somebody interrupts.
        plain: Whether lines are printed, and no screen drawn.

    Returns:
        The exit code.
    """

    def play(_: Executor) -> bool:
        with _shown(console, screen, Lines().of, plain=plain) as show:
            outcome = Story(laptop, fault=fault, rate=rate, interval_s=interval_s, show=show).play()
        console.print(report(outcome, laptop.folder))
        return outcome.ok

    return _run([laptop], play, console, keep=keep)


def run_waves(
    laptops: Mapping[str, Laptop],
    folder: Path,
    *,
    fault: Fault,
    rate: float,
    interval_s: int,
    console: Console,
    keep: bool,
    plain: bool,
) -> int:
    """Play it in several clusters, one after the other.

    Args:
        laptops: Of the clusters, by name. They do not run yet.
        folder: Where theirs are.
        fault: See `run`, as for all that follows.
        rate: In each cluster.
        interval_s: Of each controller.
        console: Where all is shown.
        keep: Whether everything goes on running at the end.
        plain: Whether lines are printed.

    Returns:
        The exit code.
    """

    def play(pool: Executor) -> bool:
        with _shown(console, lanes, LaneLines().of, plain=plain) as show:
            outcome = Waves(laptops, fault=fault, rate=rate, interval_s=interval_s, show=show).play(pool)
        console.print(report_of_waves(outcome, folder))
        return outcome.ok

    return _run([*laptops.values()], play, console, keep=keep)


def _run(laptops: Sequence[Laptop], play: Callable[[Executor], bool], console: Console, *, keep: bool) -> int:
    # Its threads live as long as what they start, which ends with them.
    with ThreadPoolExecutor(len(laptops)) as pool:
        return _run_by(pool, laptops, play, console, keep=keep)


def _run_by(
    pool: Executor, laptops: Sequence[Laptop], play: Callable[[Executor], bool], console: Console, *, keep: bool
) -> int:
    ok = False
    try:
        _start(pool, laptops, console)
        ok = play(pool)
        if keep:
            for laptop in laptops:
                console.print(keeping(laptop), soft_wrap=True)
            signal.pause()
    except (CommandError, PrometheusError) as error:
        console.print(f"error: {error}", style="bold red", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("ended", style="dim")
    finally:
        list(pool.map(Laptop.stop, laptops))
    return 0 if ok else 1


def _start(pool: Executor, laptops: Sequence[Laptop], console: Console) -> None:
    what = "a cluster" if len(laptops) == 1 else f"{len(laptops)} clusters, for each"
    with console.status(f"Starting {what}, Envoy and Prometheus"):
        list(pool.map(Laptop.start, laptops))
        list(pool.map(Laptop.start_page, laptops))
    first, missing = laptops[0], []
    if first.prometheus is not None and not first.prometheus.is_real:
        missing.append("prometheus (an evaluator of PromQL stands in)")
    if not first.has_hey:
        missing.append("hey (a small load generator stands in)")
    if missing:
        console.print(f"Without {', '.join(missing)}.", style="yellow", soft_wrap=True)
    for laptop in laptops:
        whose = "" if len(laptops) == 1 else f" of {laptop.folder.name}"
        console.print(f"Live page{whose}: {laptop.page}", soft_wrap=True)


@contextmanager
def _shown(
    console: Console,
    drawn: Callable[[_View], RenderableType],
    lines: Callable[[_View], Sequence[str]],
    *,
    plain: bool,
) -> Iterator[Callable[[_View], object]]:
    """What shows views: drawn anew, or by the lines that are new."""
    if plain:

        def say(view: _View) -> None:
            for line in lines(view):
                console.print(line, markup=False, soft_wrap=True)

        yield say
        return
    with Live(console=console, auto_refresh=False) as live:
        yield lambda view: live.update(drawn(view), refresh=True)
