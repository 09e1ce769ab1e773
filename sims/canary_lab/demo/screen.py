"""The demo's screen: the panel of any rollout, with its chapters, its users and what Prometheus has measured."""

from __future__ import annotations

from typing import Final

from rich.console import RenderableType
from rich.text import Text

from canary_adapters.steering.panel import PanelView, panel
from canary_lab.demo.view import View

__all__ = ["screen"]

WIDTH: Final = 100
_LINES: Final = 7


def screen(view: View) -> RenderableType:
    """The whole screen."""
    style = "bold red" if view.failures else "bold green"
    users = Text.assemble(
        "users: ", (f"{view.requests:,}", "bold"), " requests, ", (f"{view.failures:,} failed", style)
    )
    shown = PanelView(
        title="canary demo",
        clock=f"{int(view.elapsed_s) // 60}:{int(view.elapsed_s) % 60:02}",
        head=view.chapter,
        aside=users,
        phase=view.phase,
        weight=view.weight,
        failed=view.failed,
        threshold=view.threshold,
        primary=view.primary,
        canary=view.canary,
        measured=True,
        events=view.events,
        lines=_LINES,
    )
    return panel(shown, WIDTH)
