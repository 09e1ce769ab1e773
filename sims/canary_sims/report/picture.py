"""A run as a picture, in SVG: phases, the canary's share of the traffic, and each check against its bounds."""

import math
from collections.abc import Iterator
from typing import Final

from attrs import frozen

from canary_core import ABTest, BlueGreen, Check, Phase, Policy, Progressive, Sample, Verdict
from canary_core.messages import is_warning, message
from canary_sims.report import svg
from canary_sims.report.rows import headings
from canary_sims.report.words import bound_text, clock, happening_text, reading, value_text
from canary_sims.scenario import EditRoutes
from canary_sims.simulation import Measured, Run

__all__ = ["PHASE_COLOURS", "VERDICT_COLOURS", "picture"]

WIDTH: Final = 1000
LEFT: Final = 130
RIGHT: Final = WIDTH - 20
TOP: Final = 22
"""Room for the marks of events."""
BAND: Final = 24
GAP: Final = 22
HIGH: Final = 150
"""Height of the panel of weights."""
LOW: Final = 84
"""Height of the panel of a check."""

GREY: Final = "#57606a"
EVENT: Final = "#a21caf"
COPIES: Final = "#b6d4f2"
PHASE_COLOURS: Final = {
    Phase.INITIALIZING: "#d7dde5",
    Phase.INITIALIZED: "#d7dde5",
    Phase.WAITING: "#f3dc8c",
    Phase.PROGRESSING: "#a9d3ef",
    Phase.WAITING_PROMOTION: "#f3dc8c",
    Phase.PROMOTING: "#b9b8ee",
    Phase.FINALISING: "#cfcff5",
    Phase.SUCCEEDED: "#a5dcae",
    Phase.FAILED: "#f2aaa5",
    Phase.TERMINATING: "#d7dde5",
    Phase.TERMINATED: "#d7dde5",
}
VERDICT_COLOURS: Final = {
    Verdict.PASS: "#1a7f37",
    Verdict.FAIL: "#c62828",
    Verdict.NO_DATA: "#9a6700",
    Verdict.ERROR: "#8e24aa",
}
_STEPS_S: Final = (1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400)


@frozen(kw_only=True)
class _Scale:
    """From time to horizontal position."""

    end_s: float

    def x(self, seconds: float) -> float:
        """Pixels from the left."""
        return LEFT + (RIGHT - LEFT) * min(1.0, seconds / self.end_s)


@frozen(kw_only=True)
class _Range:
    """From values to vertical position, within a panel."""

    top: float
    height: float
    low: float
    high: float

    def y(self, value: float) -> float:
        """Pixels from the top; what is out of the range is shown at its end."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.top + self.height * (1 - share)


def picture(run: Run) -> str:
    """The picture as one ``<svg>`` element."""
    scale = _Scale(end_s=run.ticks[-1].time_s + run.policy.interval_s)
    checks = run.policy.checks
    bottom = TOP + BAND + GAP + HIGH
    panels: list[str] = [*_phases(run, scale), *_weights(run, scale, TOP + BAND + GAP)]
    for check, name in zip(checks, headings(checks), strict=True):
        panels += _check(run, check, name, scale, bottom + GAP)
        bottom += GAP + LOW
    body = "\n".join((*panels, *_axis(scale, bottom), *_events(run, scale, bottom), *_notices(run, scale)))
    return (
        f'<svg viewBox="0 0 {WIDTH} {bottom + 26}" role="img" aria-label="Phases, weights and checks over time" '
        f'xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" font-size="12">\n{body}\n</svg>'
    )


# -- Phases and weights ---------------------------------------------------------------------------------------------


def _phases(run: Run, scale: _Scale) -> Iterator[str]:
    """The coloured band; a name where there is room for it."""
    yield svg.text(4, TOP + 16, "Phase", font_weight="bold")
    for phase, start_s, end_s in _spans(run, scale.end_s):
        x, width = scale.x(start_s), scale.x(end_s) - scale.x(start_s)
        title = f"{phase.value} from {clock(start_s)} to {clock(end_s)}"
        yield svg.rectangle((x, TOP), (width, BAND), PHASE_COLOURS[phase], title=title)
        if width > 7 * len(phase.value):
            yield svg.text(x + 5, TOP + 16, phase.value, pointer_events="none")


def _spans(run: Run, end_s: float) -> Iterator[tuple[Phase, float, float]]:
    phase, start_s = run.ticks[0].phase, run.ticks[0].time_s
    for tick in run.ticks:
        if tick.phase is not phase:
            yield phase, start_s, tick.time_s
            phase, start_s = tick.phase, tick.time_s
    yield phase, start_s, end_s


def _weights(run: Run, scale: _Scale, top: float) -> Iterator[str]:
    """How much of the traffic the canary has, as steps, and how much of it is copied."""
    yield from _panel(top, HIGH, "Traffic", _share_of(run.policy))
    to = _Range(top=top, height=HIGH, low=0, high=100)
    yield from _copies(run, scale, to)
    for percent in (0, 25, 50, 75, 100):
        yield svg.line((LEFT, to.y(percent)), (RIGHT, to.y(percent)), "#dfe3e8")
        yield svg.text(LEFT - 6, to.y(percent) + 4, f"{percent}%", text_anchor="end", fill=GREY)
    changes = list(_changes(run))
    points = [(scale.x(changes[0][0]), to.y(changes[0][1]))]
    for seconds, weight in (*changes[1:], (scale.end_s, changes[-1][1])):
        points += [(scale.x(seconds), points[-1][1]), (scale.x(seconds), to.y(weight))]
    area = [(points[0][0], to.y(0)), *points, (points[-1][0], to.y(0))]
    yield svg.polyline(area, fill="#f5c26b", fill_opacity="0.5")
    yield svg.polyline(points, fill="none", stroke="#c77700", stroke_width="2")


def _share_of(policy: Policy) -> str:
    """Of what the weights are shares; there is room for twenty letters."""
    match policy.strategy:
        case ABTest() | Progressive(matched=True):
            return "share of matching"
        case _:
            return "share of the canary"


def _copies(run: Run, scale: _Scale, to: _Range) -> Iterator[str]:
    """While requests are copied: how many, in another colour, for no user gets an answer of the canary."""
    match run.policy.strategy:
        case Progressive(mirror=mirror) | BlueGreen(mirror=mirror) if mirror is not None:
            percent = mirror.percent
        case _:
            return
    mirrored = [(tick.time_s, tick.traffic is not None and tick.traffic.mirrored) for tick in run.ticks]
    ends = [*(time_s for time_s, _ in mirrored[1:]), scale.end_s]
    copied = [(start_s, end_s) for (start_s, is_so), end_s in zip(mirrored, ends, strict=True) if is_so]
    for number, (start_s, end_s) in enumerate(copied):
        x, y = scale.x(start_s), to.y(percent)
        title = f"{percent} % of the requests are copied"
        yield svg.rectangle((x, y), (scale.x(end_s) - x, to.y(0) - y), COPIES, title=title)
        if number == 0:
            yield svg.text(x + 5, y + 14, "copies", fill=GREY, pointer_events="none")


def _changes(run: Run) -> Iterator[tuple[float, int]]:
    """When which weight came into force, by the controller or by hand."""
    for tick in run.ticks:
        for happened in tick.happened:
            if isinstance(happened.what, EditRoutes):
                yield happened.time_s, happened.what.canary_weight
        yield tick.time_s, tick.traffic.canary_weight if tick.traffic is not None else 0


def _panel(top: float, height: float, name: str, below: str) -> Iterator[str]:
    yield svg.rectangle((LEFT, top), (RIGHT - LEFT, height), "#f6f8fa")
    yield svg.text(4, top + height / 2 - 2, name[:16], font_weight="bold")
    yield svg.text(4, top + height / 2 + 14, below, fill=GREY, font_size="10")


# -- Checks ---------------------------------------------------------------------------------------------------------


def _check(run: Run, check: Check, name: str, scale: _Scale, top: float) -> Iterator[str]:
    """Each measurement as a dot in the colour of its verdict; what is not allowed is shaded."""
    measured = [(tick.time_s, each) for tick in run.ticks for each in tick.measured if each.check == check]
    values = [each.measurement.value for _, each in measured if isinstance(each.measurement, Sample)]
    to = _range(check, [value for value in values if math.isfinite(value)], top)
    yield from _panel(top, LOW, name, bound_text(check.bound, check.kind))
    yield from _bounds(check, to)
    for value in (to.low, to.high):
        yield svg.text(LEFT - 6, to.y(value) + 4, value_text(value, check.kind), text_anchor="end", fill=GREY)
    known = [(scale.x(s), to.y(m.measurement.value)) for s, m in measured if isinstance(m.measurement, Sample)]
    yield svg.polyline(known, fill="none", stroke="#8c959f")
    for seconds, each in measured:
        yield _dot(scale.x(seconds), to, each, clock(seconds))


def _range(check: Check, values: list[float], top: float) -> _Range:
    """What is worth being shown: all values and bounds, and some room around them."""
    limits = [limit for limit in (check.bound.minimum, check.bound.maximum) if limit is not None]
    shown = [*values, *limits] or [0.0, 1.0]
    low, high = min(shown), max(shown)
    room = 0.15 * (high - low) or abs(high) * 0.1 or 1.0
    low = max(0.0, low - room) if low >= 0 else low - room
    high = min(100.0, high + room) if check.kind.value == "success-rate" else high + room
    return _Range(top=top, height=LOW, low=low, high=max(high, low + 1e-9))


def _bounds(check: Check, to: _Range) -> Iterator[str]:
    bottom = to.top + to.height
    for limit, (start, end) in (
        (check.bound.minimum, (to.y(check.bound.minimum or 0), bottom)),
        (check.bound.maximum, (to.top, to.y(check.bound.maximum or 0))),
    ):
        if limit is not None:
            yield svg.rectangle((LEFT, start), (RIGHT - LEFT, end - start), "#fbe4e2", title="not allowed")
            yield svg.line((LEFT, to.y(limit)), (RIGHT, to.y(limit)), "#c62828", stroke_dasharray="5 4")


def _dot(x: float, to: _Range, measured: Measured, time: str) -> str:
    """A measurement. One without a value lies on the ground of its panel."""
    answer = measured.measurement
    y = to.y(answer.value) if isinstance(answer, Sample) and math.isfinite(answer.value) else to.top + to.height - 5
    title = f"{time}: {reading(answer, measured.check.kind)}"
    return svg.circle(x, y, 4, VERDICT_COLOURS[measured.verdict], title=title)


# -- Time -----------------------------------------------------------------------------------------------------------


def _axis(scale: _Scale, bottom: float) -> Iterator[str]:
    step = next((step for step in _STEPS_S if scale.end_s / step <= 16), scale.end_s / 10)
    seconds = 0.0
    while seconds < scale.end_s:
        x = scale.x(seconds)
        yield svg.line((x, bottom), (x, bottom + 5), GREY)
        yield svg.text(x, bottom + 18, clock(seconds), text_anchor="middle", fill=GREY)
        seconds += step


def _events(run: Run, scale: _Scale, bottom: float) -> Iterator[str]:
    """What the scenario did: numbered lines through all panels."""
    happened = [each for tick in run.ticks for each in tick.happened]
    last = -math.inf
    for number, each in enumerate(happened, start=1):
        x = scale.x(each.time_s)
        title = f"{clock(each.time_s)}: {happening_text(each.what)}"
        yield svg.line((x, 16), (x, bottom), EVENT, title=title, stroke_dasharray="3 3")
        last = max(x, last + 14)
        yield svg.text(last, 12, str(number), text_anchor="middle", fill=EVENT, font_weight="bold")


def _notices(run: Run, scale: _Scale) -> Iterator[str]:
    """A mark under the phases for each tick at which people were told something; red for a warning."""
    for tick in run.ticks:
        if tick.notices:
            bad = any(is_warning(notice) for notice in tick.notices)
            title = "\n".join(message(notice, run.names) for notice in tick.notices)
            colour = VERDICT_COLOURS[Verdict.FAIL] if bad else "#0969da"
            yield svg.circle(scale.x(tick.time_s), TOP + BAND + 9, 4, colour, title=f"{clock(tick.time_s)}: {title}")
