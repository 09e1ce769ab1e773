"""The table of a run on a terminal: what ``kubectl get canary -w`` would have shown, and why.

Plain ASCII without colour where the output is no terminal. On a narrow one the reasons stand below their rows.
"""

import textwrap
from typing import Final

from attrs import frozen
from rich.console import Console
from rich.text import Text

from canary_core import Phase, Verdict
from canary_sims.report.rows import Cell, EventRow, RepeatRow, TickRow, has_iterations, headings, rows
from canary_sims.report.words import ending_text, facts, served_text, totals_text
from canary_sims.simulation import Run

__all__ = ["print_run"]

BAR: Final = 10
"""Characters for 100 percent."""
NARROWEST_WHY: Final = 40
"""With less room than this beside the columns, reasons go below them."""

_STATUS_STYLE: Final = {
    Phase.SUCCEEDED.value: "bold green",
    Phase.FAILED.value: "bold red",
    Phase.PROGRESSING.value: "cyan",
    Phase.PROMOTING.value: "blue",
    Phase.FINALISING.value: "blue",
    Phase.WAITING.value: "yellow",
    Phase.WAITING_PROMOTION.value: "yellow",
}
_VERDICT_STYLE: Final = {
    Verdict.PASS: "green",
    Verdict.FAIL: "bold red",
    Verdict.NO_DATA: "yellow",
    Verdict.ERROR: "magenta",
}


@frozen(kw_only=True)
class _Marks:
    """Characters to draw with."""

    canary: str
    primary: str
    copied: str
    event: str


_ASCII: Final = _Marks(canary="#", primary=".", copied="~", event=">")
_BLOCKS: Final = _Marks(canary="█", primary="░", copied="▒", event="▸")


@frozen(kw_only=True)
class _Column:
    """One column: its heading, and its cells by row."""

    heading: str
    cells: dict[int, Text]
    left: bool = False

    @property
    def width(self) -> int:
        return max([len(self.heading), *(len(cell) for cell in self.cells.values())])

    def put(self, text: Text) -> Text:
        """The text, filled up to the width of the column."""
        gap = " " * (self.width - len(text))
        return Text.assemble(text, gap) if self.left else Text.assemble(gap, text)


def print_run(run: Run, console: Console) -> None:
    """Print a run: what was simulated, the table, how it ended."""
    marks, width = _marks(console), console.width
    lines = [
        *_pairs({**facts(run), "Columns": _legend(run, marks)}, width, "bold"),
        Text(),
        *_table(run, width, marks),
        Text(),
        *_foot(run, width),
    ]
    for line in lines:
        line.rstrip()
        console.print(line, no_wrap=True, overflow="ignore", crop=False, highlight=False)


def _marks(console: Console) -> _Marks:
    pretty = console.is_terminal and not console.no_color and console.encoding.lower().startswith("utf")
    return _BLOCKS if pretty else _ASCII


# -- Head and foot --------------------------------------------------------------------------------------------------


def _legend(run: Run, marks: _Marks) -> str:
    mirrored = any(tick.traffic is not None and tick.traffic.mirrored for tick in run.ticks)
    copied = f" {marks.copied} primary and a copy to the canary" if mirrored else ""
    return f"TRAFFIC {marks.canary} canary {marks.primary} primary{copied}; PRI, CAN pods ready/wanted; ! not allowed"


def _foot(run: Run, width: int) -> list[Text]:
    ending = run.ending
    style = "bold green" if run.exit_code == 0 else "bold red"
    lines = [Text(line, style=style) for line in _wrapped(ending_text(run), width)]
    by_revision = {f"  {name}": said for name, said in served_text(ending).items()}
    broken = [Text(line, style="bold red") for each in run.broken for line in _wrapped(f"Broken: {each}", width)]
    return [*lines, *broken, *_pairs({"Requests": totals_text(ending), **by_revision}, width, "")]


def _pairs(pairs: dict[str, str], width: int, style: str) -> list[Text]:
    indent = max(map(len, pairs)) + 2
    lines = []
    for name, value in pairs.items():
        first, *rest = _wrapped(value, width - indent)
        lines.append(Text.assemble((name.ljust(indent), style), first))
        lines += [Text(" " * indent + line) for line in rest]
    return lines


# -- The table ------------------------------------------------------------------------------------------------------


def _table(run: Run, width: int, marks: _Marks) -> list[Text]:
    shown = rows(run)
    ticks = {index: row for index, row in enumerate(shown) if isinstance(row, TickRow)}
    checks = headings(run.policy.checks)
    columns = _columns(ticks, marks, iterations=has_iterations(run.policy))
    metrics = _metric_columns(ticks, checks)
    inline = _width(columns + metrics) <= width
    if inline:
        columns += metrics
    used = _width(columns) + 2
    beside = width - used >= NARROWEST_WHY
    indent = used if beside else columns[0].width + 2
    lines = [_heading(columns, beside=beside)]
    for index, row in enumerate(shown):
        if not isinstance(row, TickRow):
            lines.append(_aside(row, columns[0].width, marks))
            continue
        why = _why(row, () if inline else checks, width - indent)
        left = _joined([column.put(column.cells[index]) for column in columns])
        if beside and why:
            left.append("  ").append(why.pop(0))
        lines += [left, *(Text.assemble(" " * indent, line) for line in why)]
    return lines


def _width(columns: list[_Column]) -> int:
    return sum(column.width for column in columns) + 2 * (len(columns) - 1)


def _metric_columns(ticks: dict[int, TickRow], checks: tuple[str, ...]) -> list[_Column]:
    return [
        _Column(heading=heading.upper(), cells={index: _cell(row.metrics[number]) for index, row in ticks.items()})
        for number, heading in enumerate(checks)
    ]


def _columns(ticks: dict[int, TickRow], marks: _Marks, *, iterations: bool) -> list[_Column]:
    def column(heading: str, cells: dict[int, Text], *, left: bool = False) -> _Column:
        return _Column(heading=heading, cells=cells, left=left)

    found = [
        column("TIME", {i: Text(row.time) for i, row in ticks.items()}),
        column(
            "STATUS",
            {i: Text(row.status, style=_STATUS_STYLE.get(row.status, "")) for i, row in ticks.items()},
            left=True,
        ),
        column("WEIGHT", {i: Text(str(row.weight)) for i, row in ticks.items()}),
        column("TRAFFIC", {i: _bar(row, marks) for i, row in ticks.items()}, left=True),
        column("FAILED", {i: Text(row.failed) for i, row in ticks.items()}),
    ]
    if iterations:
        found.append(column("ITER", {i: Text(str(row.iterations)) for i, row in ticks.items()}))
    found.append(column("PRI", {i: Text(row.primary) for i, row in ticks.items()}))
    found.append(column("CAN", {i: Text(row.canary) for i, row in ticks.items()}))
    return found


def _bar(row: TickRow, marks: _Marks) -> Text:
    """The canary's share of the requests; it shows as soon as there is any, and is full only if it is all."""
    length = min(max(round(row.share * BAR / 100), row.share > 0), BAR - (row.share < 100))
    rest = marks.copied if row.mirrored else marks.primary
    return Text.assemble((marks.canary * length, "yellow"), (rest * (BAR - length), "bright_black"))


def _cell(cell: Cell) -> Text:
    if cell.verdict is None:
        return Text()
    mark = "!" if cell.verdict is Verdict.FAIL else ""
    return Text(cell.text + mark, style=_VERDICT_STYLE[cell.verdict])


def _heading(columns: list[_Column], *, beside: bool) -> Text:
    line = _joined([column.put(Text(column.heading)) for column in columns])
    if beside:
        line.append("  WHY")
    line.stylize("bold")
    return line


def _joined(cells: list[Text]) -> Text:
    return Text("  ").join(cells)


def _aside(row: EventRow | RepeatRow, indent: int, marks: _Marks) -> Text:
    if isinstance(row, RepeatRow):
        return Text(f"{'...':>{indent}}  {row.number} more like this, until {row.until}", style="bright_black")
    return Text(f"{row.time:>{indent}}  {marks.event} {row.text}", style="magenta")


def _why(row: TickRow, checks: tuple[str, ...], room: int) -> list[Text]:
    """The reasons, wrapped; and the metrics, where they have no columns of their own."""
    measured = [
        f"{name} {cell.text}" for name, cell in zip(checks, row.metrics, strict=False) if cell.verdict is not None
    ]
    sentences = [*row.why, *([", ".join(measured)] if measured else [])]
    style = "red" if row.is_bad else ""
    return [Text(line, style=style) for each in sentences for line in _wrapped(each, room)]


def _wrapped(said: str, room: int) -> list[str]:
    """Lines that fit. Names of objects are not torn at their hyphens."""
    return textwrap.wrap(said, max(20, room), break_on_hyphens=False) or [""]
