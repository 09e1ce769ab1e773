"""A canary of any cluster on the whole screen, or in lines."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.text import Text

from canary_adapters.plain_text import one_line
from canary_adapters.steering.following import Lines, Look, Workload
from canary_adapters.steering.pages import EventView
from canary_adapters.steering.panel import Event, PanelView, Side, panel
from canary_adapters.steering.view import age, clock

__all__ = ["panel_view", "shown"]

_OTHER_LINES: Final = 17
"""Of a panel, besides events."""
_LINES: Final = (3, 20)
_LONGEST_IMAGE: Final = 200


@contextmanager
def shown(console: Console, *, plain: bool) -> Iterator[Callable[[Look], object]]:
    """What shows looks.

    Args:
        console: Where.
        plain: In lines, one for each change.
    """
    if plain:
        lines = Lines()

        def say(look: Look) -> None:
            for line in lines.of(look):
                console.print(line, markup=False, soft_wrap=True)

        yield say
        return
    with Live(console=console, auto_refresh=False) as live:
        yield lambda look: live.update(panel(panel_view(look, time.time(), console.height)), refresh=True)


def panel_view(look: Look, now_s: float, height: int) -> PanelView:
    """A look as a panel.

    Args:
        look: What is seen.
        now_s: Seconds since the epoch.
        height: Lines of the screen.
    """
    view = look.view
    least, most = _LINES
    reason = view.reason if view.reason != view.phase else ""
    since = f"for {age(now_s - view.since_s)}" if view.since_s is not None else ""
    waits = f"waits for {view.waits_for}" if view.waits_for else ""
    told = (waits, look.unanswered or (view.message if reason else ""), "")
    return PanelView(
        title="canary",
        clock="",
        head=f"{view.namespace}/{view.name}",
        aside=Text.assemble((reason, "bold yellow"), " " if reason else "", since),
        phase=view.phase,
        weight=view.weight,
        failed=view.failed,
        threshold=view.threshold or 0,
        primary=_side(look.primary),
        canary=_side(look.canary),
        measured=False,
        told=told,
        events=tuple(map(_event, look.events)),
        lines=max(least, min(most, height - _OTHER_LINES)),
    )


def _side(side: Workload) -> Side:
    return Side(
        name=one_line(side.name, _LONGEST_IMAGE),
        version=one_line(", ".join(side.images), _LONGEST_IMAGE),
        ready=f"{side.ready}/{side.wanted}",
    )


def _event(event: EventView) -> Event:
    at = clock(event.at_s) if event.at_s is not None else ""
    return Event(at=at, text=event.text, is_warning=event.is_warning)
