"""The demo as a whole: everything is started, the story played on screen or in lines, the end told."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live

from canary_lab.demo.fault import Fault
from canary_lab.demo.report import Lines, keeping, report
from canary_lab.demo.screen import screen
from canary_lab.demo.story import Show, Story
from canary_lab.demo.view import View
from canary_lab.mesh.laptop import Laptop
from canary_lab.mesh.processes import CommandError
from canary_lab.mesh.prometheus import PrometheusError

__all__ = ["run"]


def run(
    laptop: Laptop, *, fault: Fault, rate: float, interval_s: int, console: Console, keep: bool, plain: bool
) -> int:
    """Play it.

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
    ok = False
    try:
        with _started(laptop, console), _shown(console, plain=plain) as show:
            story = Story(laptop, fault=fault, rate=rate, interval_s=interval_s, show=show)
            outcome = story.play()
        ok = outcome.ok
        console.print(report(outcome, laptop.folder))
        if keep:
            console.print(keeping(laptop), soft_wrap=True)
            signal.pause()
    except (CommandError, PrometheusError) as error:
        console.print(f"error: {error}", style="bold red", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("ended", style="dim")
    finally:
        laptop.stop()
    return 0 if ok else 1


@contextmanager
def _started(laptop: Laptop, console: Console) -> Iterator[None]:
    with console.status("Starting a cluster, Envoy and Prometheus"):
        laptop.start()
        laptop.start_page()
    missing = []
    if laptop.prometheus is not None and not laptop.prometheus.is_real:
        missing.append("prometheus (an evaluator of PromQL stands in)")
    if not laptop.has_hey:
        missing.append("hey (a small load generator stands in)")
    if missing:
        console.print(f"Without {', '.join(missing)}.", style="yellow", soft_wrap=True)
    console.print(f"Live page: {laptop.page}", soft_wrap=True)
    yield


@contextmanager
def _shown(console: Console, *, plain: bool) -> Iterator[Show]:
    if plain:
        lines = Lines()

        def say(view: View) -> None:
            for line in lines.of(view):
                console.print(line, markup=False, soft_wrap=True)

        yield say
        return
    with Live(console=console, auto_refresh=False) as live:
        yield lambda view: live.update(screen(view), refresh=True)
