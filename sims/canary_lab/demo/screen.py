"""The demo's screen: a view in, something that rich can draw out."""

from __future__ import annotations

from typing import Final

from rich import box
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from canary_lab.demo.view import Side, View

__all__ = ["screen"]

WIDTH: Final = 100
_BAR: Final = 60
_PRIMARY, _CANARY = "green", "yellow"
_PATH: Final = ("Initialized", "Progressing", "Promoting", "Finalising", "Succeeded")
_FAILED_PATH: Final = ("Initialized", "Progressing", "Failed")
_LINES: Final = 7


def screen(view: View) -> RenderableType:
    """The whole screen."""
    parts = [_head(view), Text(), _phases(view), Text(), _traffic(view), _sides(view), *_events(view)]
    title = Text.assemble((" canary demo ", "bold"), f" {int(view.elapsed_s) // 60}:{int(view.elapsed_s) % 60:02} ")
    return Panel(Group(*parts), title=title, title_align="left", border_style="cyan", width=WIDTH, padding=(1, 2))


def _head(view: View) -> RenderableType:
    style = "bold red" if view.failures else "bold green"
    users = Text.assemble(
        "users: ", (f"{view.requests:,}", "bold"), " requests, ", (f"{view.failures:,} failed", style)
    )
    grid = Table.grid(expand=True)
    grid.add_column()
    grid.add_column(justify="right")
    grid.add_row(Text(view.chapter, style="bold"), users)
    return grid


def _phases(view: View) -> RenderableType:
    path = _FAILED_PATH if view.phase == "Failed" else _PATH
    here = path.index(view.phase) if view.phase in path else -1
    found = Text()
    for number, phase in enumerate(path):
        style = "dim" if number > here else "bold reverse" if number == here else "green"
        if phase == "Failed":
            style = "bold reverse red"
        found.append(f" {phase} ", style=style)
        found.append(" > " if number + 1 < len(path) else "", style="dim")
    if here < 0:
        found = Text.assemble((f" {view.phase or 'waiting for the controller'} ", "bold reverse"))
    checks = Text(f"failed checks {view.failed}/{view.threshold}", style="bold red" if view.failed else "dim")
    grid = Table.grid(expand=True)
    grid.add_column()
    grid.add_column(justify="right")
    grid.add_row(found, checks)
    return grid


def _traffic(view: View) -> RenderableType:
    canary = round(_BAR * view.weight / 100)
    bar = Text.assemble(("█" * (_BAR - canary), _PRIMARY), ("▒" * canary, _CANARY))
    return Columns(
        [
            Text.assemble((f"{100 - view.weight:>3} %", f"bold {_PRIMARY}"), " primary"),
            bar,
            Text.assemble((f"{view.weight:>3} %", f"bold {_CANARY}"), " canary"),
        ],
        padding=(0, 1),
    )


def _sides(view: View) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, expand=True, pad_edge=False, padding=(0, 1))
    table.add_column("workload")
    table.add_column("version")
    for name in ("pods", "requests/s", "success", "p99"):
        table.add_column(name, justify="right")
    for side, style in ((view.primary, _PRIMARY), (view.canary, _CANARY)):
        table.add_row(Text(side.name, style=style), side.version, side.ready, *_measured(side))
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


def _events(view: View) -> list[RenderableType]:
    shown = view.events[-_LINES:]
    found: list[RenderableType] = [
        Text.assemble(
            (f"{each.at}  ", "dim"),
            (each.text, "yellow" if each.is_warning else ""),
            overflow="ellipsis",
            no_wrap=True,
        )
        for each in shown
    ]
    return found + [Text()] * (_LINES - len(found))
