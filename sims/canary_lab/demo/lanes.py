"""The waves on the screen, a lane for each cluster; as lines; and what is told at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from canary_lab.demo.waves import Lane, Outcome, WavesView

__all__ = ["LaneLines", "lanes", "report"]

WIDTH: Final = 100
_BAR: Final = 8
STAND_IN: Final = "A small stand-in plays Fleet: its partitions, and how it judges what is ready."


def lanes(view: WavesView) -> RenderableType:
    """The whole screen."""
    table = Table(box=box.SIMPLE_HEAD, expand=True, pad_edge=False, padding=(0, 1))
    for name in ("cluster", "wave", "bundle", "version", "phase", "canary"):
        table.add_column(name, no_wrap=True)
    for name in ("requests", "failed"):
        table.add_column(name, justify="right", no_wrap=True)
    for lane in view.lanes:
        table.add_row(*_cells(lane))
    told = sorted((Text(_why(lane), overflow="ellipsis", no_wrap=True, style="dim") for lane in view.lanes), key=_blank)
    clock = f"{int(view.elapsed_s) // 60}:{int(view.elapsed_s) % 60:02}"
    title = Text.assemble((" canary demo: waves ", "bold"), f" {clock} ")
    head = Text(view.chapter, style="bold")
    return Panel(
        Group(head, Text(STAND_IN, style="dim"), table, *told),
        title=title,
        title_align="left",
        border_style="cyan",
        width=WIDTH,
        padding=(1, 2),
    )


def _cells(lane: Lane) -> tuple[Text | str, ...]:
    filled = round(_BAR * lane.weight / 100)
    bar = Text.assemble(("█" * (_BAR - filled), "green"), ("▒" * filled, "yellow"), f" {lane.weight:>3} %")
    failed = Text(f"{lane.failures:,}", style="red" if lane.failures else "green")
    return lane.name, lane.wave, _bundle(lane), lane.version, lane.phase or "-", bar, f"{lane.requests:,}", failed


def _blank(text: Text) -> bool:
    return not text.plain


def _bundle(lane: Lane) -> Text:
    if lane.bundle.is_error:
        return Text("Error", style="bold red")
    if not lane.bundle.is_ready:
        return Text("NotReady", style="yellow")
    return Text("waits", style="dim") if lane.waits else Text("Ready", style="green")


def _why(lane: Lane) -> str:
    return f"{lane.name}: {lane.bundle.message}" if lane.bundle.message else ""


class LaneLines:
    """Views as lines: one for each change of a lane."""

    def __init__(self) -> None:
        self._chapter = ""
        self._said: dict[str, str] = {}

    def of(self, view: WavesView) -> list[str]:
        """What has not been told yet."""
        found = []
        if view.chapter != self._chapter:
            self._chapter = view.chapter
            found.append(f"{int(view.elapsed_s) // 60}:{int(view.elapsed_s) % 60:02}  {view.chapter}")
        for lane in view.lanes:
            said = f"{lane.name}  {_bundle(lane).plain}  {lane.version}  {lane.phase or '-'} {lane.weight}"
            if self._said.get(lane.name) != said:
                self._said[lane.name] = said
                found.append(f"      {said}")
        return found


def report(outcome: Outcome, folder: Path) -> RenderableType:
    """The end: when each cluster had the good version, and how far the bad one came."""
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("cluster", "wave", "v2", "v3"):
        table.add_column(name, no_wrap=True)
    for name in ("user requests", "failed"):
        table.add_column(name, justify="right")
    for lane in outcome.lanes:
        took_s = outcome.good.get(lane.name)
        good = f"ready after {took_s:.0f} s" if took_s is not None else "-"
        bad = Text("failed", style="red") if lane.name in outcome.stopped_in else Text("never arrived")
        table.add_row(lane.name, lane.wave, good, bad, f"{lane.requests:,}", f"{lane.failures:,}")
    verdict = (
        Text("The good version has passed through all clusters, the bad one stopped in the first.", style="bold green")
        if outcome.ok
        else Text("That is not how it was to end.", style="bold red")
    )
    return Group(table, verdict, Text(f"Logs and configuration: {folder}"))
