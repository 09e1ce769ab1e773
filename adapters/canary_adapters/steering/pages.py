"""The list of canaries and the page of one, as text for a terminal or a pipe."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from attrs import frozen
from rich.cells import cell_len
from rich.text import Text

from canary_adapters.kubernetes.resources import Obj
from canary_adapters.plain_text import one_line
from canary_adapters.steering.view import Asked, CanaryView, age, moment_s
from canary_core import Phase, Reply

__all__ = ["Columns", "EventView", "image_of", "page", "phase_text", "row", "rows"]

_GAP: Final = "   "
_STYLES: Final[Mapping[str, str]] = {
    Phase.SUCCEEDED.value: "green",
    Phase.INITIALIZED.value: "green",
    Phase.FAILED.value: "bold red",
}
_LONGEST_EVENT: Final = 1024
_EVENTS: Final = 10


@frozen(kw_only=True)
class Columns:
    """Which columns a list has."""

    with_namespace: bool = False
    wide: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Their headings."""
        first = ("NAMESPACE",) if self.with_namespace else ()
        wide = ("TARGET", "PROVIDER", "REQUEST", "MESSAGE") if self.wide else ()
        return (*first, "NAME", "PHASE", "WEIGHT", "FAILED", "REASON", "SINCE", "AGE", *wide)


def phase_text(phase: str) -> Text:
    """A phase in its colour."""
    return Text(phase or "-", style=_STYLES.get(phase, "yellow" if phase else "dim"))


def row(view: CanaryView, columns: Columns, now_s: float) -> list[Text]:
    """A canary as a line of a list."""
    reason = view.reason if view.reason != view.phase else ""
    cells: list[str | Text] = [
        *([view.namespace] if columns.with_namespace else []),
        view.name,
        phase_text(view.phase),
        f"{view.weight}%",
        f"{view.failed}/{view.threshold}" if view.threshold is not None else str(view.failed),
        reason or "-",
        age(_passed(view.since_s, now_s)),
        age(_passed(view.created_s, now_s)),
    ]
    if columns.wide:
        asked = view.asked
        open_request = asked.text if asked is not None and not asked.answered else "-"
        cells += [f"{view.target_kind}/{view.target}", view.provider or "-", open_request, view.message or "-"]
    return [cell if isinstance(cell, Text) else Text(cell) for cell in cells]


def rows(lines: Sequence[Sequence[Text]], widths: list[int]) -> list[Text]:
    """Lines of cells, one below the other.

    Args:
        lines: Cells by line.
        widths: Of the columns at least; grown to those of these lines, so that later lines fit below.
    """
    for line in lines:
        for number, cell in enumerate(line):
            if number == len(widths):
                widths.append(0)
            widths[number] = max(widths[number], cell_len(cell.plain))
    return [_joined(line, widths) for line in lines]


def _joined(line: Sequence[Text], widths: Sequence[int]) -> Text:
    found = Text()
    for number, cell in enumerate(line):
        found.append_text(cell)
        if number + 1 < len(line):
            found.append(" " * (widths[number] - cell_len(cell.plain)) + _GAP)
    return found


@frozen(kw_only=True)
class EventView:
    """An event, as it is shown."""

    at_s: float | None
    count: int
    is_warning: bool
    text: str

    @classmethod
    def of(cls, obj: Obj) -> "EventView":
        """What an event shows."""
        count = obj.get("count")
        return cls(
            at_s=moment_s(obj.get("lastTimestamp")) or moment_s(obj.get("eventTime")),
            count=count if isinstance(count, int) else 1,
            is_warning=obj.get("type") == "Warning",
            text=one_line(str(obj.get("message") or ""), _LONGEST_EVENT),
        )


def page(view: CanaryView, images: Mapping[str, str], events: Sequence[EventView] | str, now_s: float) -> list[Text]:
    """All of a canary.

    Args:
        view: The canary.
        images: Of primary and canary, by these words; what is unknown is missing.
        events: The last ones are shown; a text: why there are none.
        now_s: For ages, seconds since the epoch.
    """
    since = age(_passed(view.since_s, now_s))
    phase = Text.assemble(phase_text(view.phase), *([f"   for {since}"] if view.since_s is not None else []))
    facts: list[tuple[str, Text | str]] = [
        ("Name", f"{view.namespace}/{view.name}"),
        ("Target", f"{view.target_kind}/{view.target}"),
        ("Phase", phase),
        ("Weights", f"primary {100 - view.weight} %, canary {view.weight} %"),
        *((f"{side.capitalize()} runs", image) for side, image in images.items()),
        ("Promoted", view.promoted or "-"),
        ("Last acted upon", view.applied or "-"),
        ("Failed checks", _checks(view)),
        ("Reason", view.reason or "-"),
        ("Message", view.message or "-"),
        ("Waits for", view.waits_for or "-"),
        ("Request", _request(view.asked)),
    ]
    width = max(len(name) for name, _ in facts) + 1
    lines = [Text.assemble((f"{name}:".ljust(width), "bold"), "  ", value) for name, value in facts]
    return [*lines, Text("Events:", style="bold"), *_events(events, now_s)]


def _checks(view: CanaryView) -> str:
    return f"{view.failed} of {view.threshold}" if view.threshold is not None else str(view.failed)


def _request(asked: Asked | None) -> str:
    if asked is None:
        return "-"
    if not asked.answered:
        return f"{asked.text}: open, not answered yet"
    if asked.reply is None:
        return f"{asked.text}: answered"
    if asked.reply is Reply.ACCEPTED:
        return f"{asked.text}: accepted"
    # The phase may be another one by now than that in which it was refused.
    return f"{asked.text}: refused ({asked.reply.value})"


def _events(events: Sequence[EventView] | str, now_s: float) -> Iterable[Text]:
    if isinstance(events, str):
        return [Text(f"  {events}", style="dim")]
    if not events:
        return [Text("  none", style="dim")]
    lines = [
        [
            Text(f"  {age(_passed(each.at_s, now_s))}", style="dim"),
            Text(f"x{each.count}" if each.count > 1 else "", style="dim"),
            Text(each.text, style="yellow" if each.is_warning else ""),
        ]
        for each in events[-_EVENTS:]
    ]
    return rows(lines, [])


def image_of(deployment: Obj | None) -> str:
    """The images of a workload's containers, with commas; empty: there is none."""
    spec: Any = (deployment or {}).get("spec")
    for key in ("template", "spec"):
        spec = spec.get(key) if isinstance(spec, dict) else None
    containers = spec.get("containers") if isinstance(spec, dict) else None
    found = [str(each.get("image") or "") for each in containers or () if isinstance(each, dict)]
    return ", ".join(one_line(image, _LONGEST_EVENT) for image in found)


def _passed(then_s: float | None, now_s: float) -> float | None:
    return None if then_s is None else now_s - then_s
