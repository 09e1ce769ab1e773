"""A run as one HTML file that needs nothing else: the picture, the table, how it ended."""

from collections.abc import Iterator
from html import escape
from typing import Final

from canary_core.phases import Phase
from canary_sims.report.picture import EVENT, PHASE_COLOURS, VERDICT_COLOURS, picture
from canary_sims.report.rows import Cell, RepeatRow, Row, TickRow, has_iterations, headings, rows
from canary_sims.report.words import clock, ending_text, facts, happening_text, served_text, totals_text
from canary_sims.simulation import Run

__all__ = ["to_html"]

_STYLE: Final = """
body { font: 15px/1.45 system-ui, sans-serif; color: #1f2328; background: #fff; max-width: 1100px;
       margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin-bottom: .5rem; }
h2 { font-size: 1.1rem; margin-top: 2rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: .5rem 0; }
dt { font-weight: 600; }
dd { margin: 0; }
.ending { padding: .7rem 1rem; border-radius: 6px; font-weight: 600; }
.good { background: #dafbe1; }
.bad { background: #ffebe9; }
svg { width: 100%; height: auto; }
.key { color: #57606a; font-size: .85rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .88rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .55rem; text-align: left; vertical-align: top; border-bottom: 1px solid #e5e8eb; }
th { position: sticky; top: 0; background: #f6f8fa; }
.n { text-align: right; white-space: nowrap; }
.aside td { border: 0; }
.status { border-radius: 4px; padding: 0 .4rem; white-space: nowrap; }
.bar { display: inline-block; width: 90px; height: .8em; background: #d0d7de; vertical-align: middle; }
.bar i { display: block; height: 100%; background: #e59b1c; }
.bar.copied { background: repeating-linear-gradient(45deg, #d0d7de 0 4px, #f5c26b 4px 8px); }
"""


def to_html(run: Run) -> str:
    """The whole file."""
    title = f"Simulation of {escape(run.names.full_canary)}"
    mood = "good" if run.exit_code == 0 else "bad"
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{title}</h1>",
            f'<p class="ending {mood}">{escape(ending_text(run))}</p>',
            *(f'<p class="ending bad">Broken: {escape(each)}</p>' for each in run.broken),
            _pairs(facts(run)),
            "<h2>What happened</h2>",
            picture(run),
            _key(run),
            "<h2>Step by step</h2>",
            '<div class="wide"><table>',
            *_table(run),
            "</table></div>",
            "<h2>Users</h2>",
            _pairs({"Requests": totals_text(run.ending), **served_text(run.ending)}),
            "</body></html>",
            "",
        )
    )


def _pairs(pairs: dict[str, str]) -> str:
    return "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{escape(said)}</dd>" for name, said in pairs.items()) + "</dl>"


def _key(run: Run) -> str:
    """What the marks in the picture mean, and the events by their numbers."""
    happened = [each for tick in run.ticks for each in tick.happened]
    events = "".join(
        f'<li style="color:{EVENT}">{clock(each.time_s)}: {escape(happening_text(each.what))}</li>' for each in happened
    )
    said = (
        "Dots below the phases: people were told something (red: a warning). Dots in a panel: a measurement that "
        "passed (green), did not (red), had no data (brown) or got no answer (violet); shaded: not allowed. "
        "Dashed lines: what the scenario did:"
    )
    return f'<div class="key">{said}<ol>{events}</ol></div>'


# -- The table ------------------------------------------------------------------------------------------------------


def _table(run: Run) -> Iterator[str]:
    iterations = has_iterations(run.policy)
    names = ["Time", "Status", "Weight", "Canary's traffic", "Failed", *(["Iteration"] if iterations else [])]
    names += ["Primary", "Canary", *(name.capitalize() for name in headings(run.policy.checks)), "Why"]
    yield "<thead><tr>" + "".join(f"<th>{escape(name)}</th>" for name in names) + "</tr></thead><tbody>"
    for row in rows(run):
        yield _row(row, len(names), iterations=iterations)
    yield "</tbody>"


def _row(row: Row, columns: int, *, iterations: bool) -> str:
    if isinstance(row, TickRow):
        return _tick(row, iterations=iterations)
    if isinstance(row, RepeatRow):
        return _aside("", f"{row.number} more like this, until {row.until}", columns, "#57606a")
    return _aside(row.time, row.text, columns, EVENT)


def _aside(time: str, said: str, columns: int, colour: str) -> str:
    return (
        f'<tr class="aside" style="color:{colour}"><td class="n">{time}</td>'
        f'<td colspan="{columns - 1}">{escape(said)}</td></tr>'
    )


def _tick(row: TickRow, *, iterations: bool) -> str:
    status = f'<span class="status" style="background:{PHASE_COLOURS[Phase(row.status)]}">{row.status}</span>'
    bar = f'<span class="bar{" copied" if row.mirrored else ""}"><i style="width:{row.share}%"></i></span>'
    numbers = [row.failed, *([str(row.iterations)] if iterations else []), row.primary, row.canary]
    cells = (
        f'<td class="n">{row.time}</td><td>{status}</td><td class="n">{row.weight}</td><td>{bar}</td>',
        *(f'<td class="n">{number}</td>' for number in numbers),
        *map(_metric, row.metrics),
        "<td>" + "<br>".join(map(escape, row.why)) + "</td>",
    )
    return "<tr>" + "".join(cells) + "</tr>"


def _metric(cell: Cell) -> str:
    if cell.verdict is None:
        return "<td></td>"
    return f'<td class="n" style="color:{VERDICT_COLOURS[cell.verdict]}">{escape(cell.text)}</td>'
