"""The table of a run, before any layout: rows of plain values that the terminal and the HTML file both show.

Ticks that say the same thing again are drawn together here, so that ten minutes of waiting are one line.
"""

from typing import TypeAlias

from attrs import frozen

from canary_core import ABTest, BlueGreen, Check, Notice, Policy, Verdict
from canary_core.messages import Names, message
from canary_core.notices import Settled
from canary_sims.report.words import clock, happening_text, reading
from canary_sims.simulation import Happened, Run, TickRecord

__all__ = ["Cell", "EventRow", "RepeatRow", "Row", "TickRow", "has_iterations", "headings", "rows"]

FEWEST_REPEATS = 3
"""A tick that is repeated less often than this is shown each time."""


@frozen(kw_only=True)
class Cell:
    """A measured value as text, and the verdict on it. None: it was not asked for."""

    text: str = ""
    verdict: Verdict | None = None


@frozen(kw_only=True)
class TickRow:
    """What a tick came to."""

    time: str
    status: str
    weight: int
    share: int
    """Percent of the requests that the canary answers."""
    mirrored: bool
    failed: str
    iterations: int
    primary: str
    """Ready and wanted pods."""
    canary: str
    metrics: tuple[Cell, ...]
    """One for each check of the policy."""
    why: tuple[str, ...]
    is_bad: bool
    """Whether something did not pass."""


@frozen(kw_only=True)
class EventRow:
    """Something that the scenario did."""

    time: str
    text: str


@frozen(kw_only=True)
class RepeatRow:
    """More ticks that came to the same as the one before."""

    number: int
    until: str


Row: TypeAlias = TickRow | EventRow | RepeatRow


def has_iterations(policy: Policy) -> bool:
    """Whether the column of iterations means anything for this policy."""
    return isinstance(policy.strategy, ABTest | BlueGreen)


def headings(checks: tuple[Check, ...]) -> tuple[str, ...]:
    """Short names of the checks: those built in are known well enough."""
    known = {"request-success-rate": "success", "request-duration": "latency"}
    return tuple(known.get(check.id, check.id) for check in checks)


def rows(run: Run) -> tuple[Row, ...]:
    """All rows, in order of time."""
    found: list[Row] = []
    repeated: list[TickRecord] = []
    shown: TickRecord | None = None
    for tick in run.ticks:
        if shown is not None and not tick.happened and _says_the_same(shown, tick):
            repeated.append(tick)
            continue
        found += _repeats(repeated, run)
        found += [_event(happened) for happened in tick.happened]
        found.append(_tick(tick, run))
        shown, repeated = tick, []
    return (*found, *_repeats(repeated, run))


def _says_the_same(one: TickRecord, other: TickRecord) -> bool:
    """Whether nothing but the time, the noise and what people were told once is another."""
    return not other.notices and _said(one) == _said(other)


def _said(tick: TickRecord) -> tuple[object, ...]:
    verdicts = [measured.verdict for measured in tick.measured]
    rollout = tick.rollout
    return (tick.phase, tick.traffic, rollout.counts, rollout.iterations, tick.primary, tick.canary, verdicts)


def _repeats(ticks: list[TickRecord], run: Run) -> list[Row]:
    if len(ticks) < FEWEST_REPEATS:
        return [_tick(tick, run) for tick in ticks]
    return [RepeatRow(number=len(ticks), until=clock(ticks[-1].time_s))]


def _event(happened: Happened) -> EventRow:
    return EventRow(time=clock(happened.time_s), text=happening_text(happened.what))


def _tick(tick: TickRecord, run: Run) -> TickRow:
    traffic = tick.traffic
    by_check = {
        each.check.id: Cell(text=reading(each.measurement, each.check.kind), verdict=each.verdict)
        for each in tick.measured
    }
    return TickRow(
        time=clock(tick.time_s),
        status=tick.phase.value,
        weight=tick.weight,
        share=traffic.canary_weight if traffic is not None else 0,
        mirrored=traffic is not None and traffic.mirrored,
        failed=f"{tick.counts.failed}/{run.policy.threshold}",
        iterations=tick.rollout.iterations,
        primary=f"{tick.primary.ready}/{tick.primary.wanted}",
        canary=f"{tick.canary.ready}/{tick.canary.wanted}",
        metrics=tuple(by_check.get(check.id, Cell()) for check in run.policy.checks),
        why=_why(tick.reason, tick.notices, run.names),
        is_bad=any(each.verdict is not Verdict.PASS for each in tick.measured),
    )


def _why(reason: Notice, notices: tuple[Notice, ...], names: Names) -> tuple[str, ...]:
    """All that people were told, and the reason, if it is not among it; without the namespace, always the same."""
    said = notices if reason in notices or isinstance(reason, Settled) else (*notices, reason)
    return tuple(dict.fromkeys(message(each, names).replace(f".{names.namespace}", "") for each in said))
