"""The panel of a rollout: what is to be shown in, something that rich can draw out."""

from collections.abc import Iterable
from typing import Final

from attrs import frozen
from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from canary_core import Phase

__all__ = ["Event", "PanelView", "Side", "panel"]

_PRIMARY, _CANARY = "green", "yellow"
_PATH: Final = ("Initialized", "Progressing", "Promoting", "Finalising", "Succeeded")
_FAILED_PATH: Final = ("Initialized", "Progressing", "Failed")
_BEFORE: Final = {Phase.WAITING.value: "Progressing", Phase.WAITING_PROMOTION.value: "Promoting"}
"""Phases that a rollout with gates has besides, and before which one."""


@frozen(kw_only=True)
class Side:
    """One of the two workloads."""

    name: str
    version: str
    ready: str
    """Pods, as ``1/1``."""
    rate: float | None = None
    """Requests a second that Prometheus has seen."""
    success: float | None = None
    """Percent of them that were no error of the server."""
    p99_ms: float | None = None


@frozen(kw_only=True)
class Event:
    """Something that the controller has told."""

    at: str
    """Time of day."""
    text: str
    is_warning: bool


@frozen(kw_only=True)
class PanelView:
    """All that a panel shows."""

    title: str
    clock: str
    head: str
    aside: Text
    """To the right of the head."""
    phase: str
    """Empty: nobody has written a status yet."""
    weight: int
    failed: int
    threshold: int
    primary: Side
    canary: Side
    measured: bool
    """Whether there are measurements of the sides."""
    told: tuple[str, ...] = ()
    """Lines below the weights."""
    events: tuple[Event, ...] = ()
    """The last ones, oldest first."""
    lines: int
    """For events; it is as high with fewer of them, so that it does not jump."""


def panel(view: PanelView, width: int | None = None) -> RenderableType:
    """The whole panel.

    Args:
        view: What it shows.
        width: Characters. None: all that there are.
    """
    told = [Text(line, overflow="ellipsis", no_wrap=True) for line in view.told]
    parts = [_head(view), Text(), _phases(view), Text(), _traffic(view), _sides(view), *told, *_events(view)]
    title = Text.assemble((f" {view.title} ", "bold"), f" {view.clock} " if view.clock else "")
    return Panel(Group(*parts), title=title, title_align="left", border_style="cyan", width=width, padding=(1, 2))


def _head(view: PanelView) -> RenderableType:
    return _opposite(Text(view.head, style="bold"), view.aside)


def _opposite(left: RenderableType, right: RenderableType) -> RenderableType:
    grid = Table.grid(expand=True)
    grid.add_column()
    grid.add_column(justify="right")
    grid.add_row(left, right)
    return grid


def _path(phase: str) -> Iterable[str]:
    for each in _FAILED_PATH if phase == Phase.FAILED.value else _PATH:
        if _BEFORE.get(phase) == each:
            yield phase
        yield each


def _phases(view: PanelView) -> RenderableType:
    path = [*_path(view.phase)]
    here = path.index(view.phase) if view.phase in path else -1
    found = Text()
    for number, phase in enumerate(path):
        style = "dim" if number > here else "bold reverse" if number == here else "green"
        if phase == Phase.FAILED.value:
            style = "bold reverse red"
        found.append(f" {phase} ", style=style)
        found.append(" > " if number + 1 < len(path) else "", style="dim")
    if here < 0:
        found = Text.assemble((f" {view.phase or 'waiting for the controller'} ", "bold reverse"))
    checks = Text(f"failed checks {view.failed}/{view.threshold}", style="bold red" if view.failed else "dim")
    return _opposite(found, checks)


class _Bar:
    """The split, as wide as there is room."""

    def __init__(self, weight: int) -> None:
        self._weight = weight

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        canary = round(options.max_width * self._weight / 100)
        yield Text.assemble(("█" * (options.max_width - canary), _PRIMARY), ("▒" * canary, _CANARY))

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(1, options.max_width)


def _traffic(view: PanelView) -> RenderableType:
    grid = Table.grid(expand=True, padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1)
    grid.add_column(no_wrap=True)
    grid.add_row(
        Text.assemble((f"{100 - view.weight:>3} %", f"bold {_PRIMARY}"), " primary"),
        _Bar(view.weight),
        Text.assemble((f"{view.weight:>3} %", f"bold {_CANARY}"), " canary"),
    )
    return grid


def _sides(view: PanelView) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, expand=True, pad_edge=False, padding=(0, 1))
    table.add_column("workload")
    table.add_column("version")
    for name in ("pods", *(("requests/s", "success", "p99") if view.measured else ())):
        table.add_column(name, justify="right")
    for side, style in ((view.primary, _PRIMARY), (view.canary, _CANARY)):
        measured = _measured(side) if view.measured else ()
        table.add_row(Text(side.name, style=style), Text(side.version), side.ready, *measured)
    return table


def _measured(side: Side) -> tuple[Text, Text, Text]:
    rate = Text("-" if not side.rate else f"{side.rate:,.0f}")
    success = Text("-" if side.success is None else f"{side.success:.2f} %")
    if side.success is not None and side.success < 99:
        success.stylize("bold red")
    p99 = Text("-" if side.p99_ms is None else f"{side.p99_ms:,.0f} ms")
    if side.p99_ms is not None and side.p99_ms > 500:
        p99.stylize("bold red")
    return rate, success, p99


def _events(view: PanelView) -> list[RenderableType]:
    shown = view.events[-view.lines :]
    found: list[RenderableType] = [
        Text.assemble(
            (f"{each.at}  ", "dim"),
            (each.text, "yellow" if each.is_warning else ""),
            overflow="ellipsis",
            no_wrap=True,
        )
        for each in shown
    ]
    return found + [Text()] * (view.lines - len(found))
