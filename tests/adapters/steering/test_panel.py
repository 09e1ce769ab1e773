"""The panel of any cluster: whatever a canary says, it is as wide as the screen, and harmless to a terminal."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from canary_adapters.steering.following import Look, Workload
from canary_adapters.steering.pages import EventView
from canary_adapters.steering.panel import panel
from canary_adapters.steering.screen import panel_view, shown
from canary_adapters.steering.view import CanaryView
from canary_core import Phase

METADATA = {"namespace": "shop", "name": "web", "uid": "u", "resourceVersion": "7"}


def a_look(status: dict[str, Any], text: str = "Advance web.shop canary weight 20") -> Look:
    obj = {"metadata": METADATA, "spec": {"targetRef": {"name": "web"}, "analysis": {"threshold": 3}}, "status": status}
    return Look(
        view=CanaryView.of(obj),
        primary=Workload(name="web-primary", images=("app:v1",), ready=2, wanted=2),
        canary=Workload(name="web", images=(text,), ready=1, wanted=2),
        events=(EventView.of({"message": text, "lastTimestamp": "2026-11-29T10:00:00Z"}),),
    )


def drawn(look: Look, *, width: int = 120, height: int = 40) -> str:
    console = Console(width=width, height=height, record=True, file=io.StringIO())
    console.print(panel(panel_view(look, 0.0, height)))
    return console.export_text()


@pytest.mark.parametrize("width", [60, 100, 237])
@pytest.mark.parametrize("phase", ["", *(phase.value for phase in Phase)])
def test_it_is_as_wide_as_the_screen_and_shows_the_phase(phase: str, width: int) -> None:
    look = a_look({"phase": phase, "canaryWeight": 20, "failedChecks": 1})
    text = drawn(look, width=width)
    assert {len(line) for line in text.splitlines()} == {width}
    assert (phase or "waiting for the controller") in text or width == 60
    bar = re.findall(r"[█▒]+", text)[0]
    assert bar.count("▒") == pytest.approx(len(bar) * 0.2, abs=0.5)


@settings(max_examples=30)
@given(text=st.text(max_size=200), phase=st.text(max_size=20))
def test_no_text_of_the_cluster_reaches_the_terminal_as_more_than_text(text: str, phase: str) -> None:
    condition = {"type": "Promoted", "reason": text, "message": text}
    console = Console(width=120, file=io.StringIO(), color_system=None)
    console.print(panel(panel_view(a_look({"phase": phase, "conditions": [condition]}, text), 0.0, 40)))
    written = console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b" not in written
    assert "\x07" not in written


def test_without_a_screen_there_are_lines() -> None:
    console = Console(file=io.StringIO(), width=20)
    with shown(console, plain=True) as show:
        show(a_look({"phase": "Progressing", "canaryWeight": 20}))
        show(a_look({"phase": "Progressing", "canaryWeight": 20}))
    assert console.file.getvalue() == "canary.flagger.app/web: Progressing, canary 20 %\n"  # type: ignore[attr-defined]


def test_on_a_screen_one_panel_takes_the_place_of_the_other() -> None:
    console = Console(file=io.StringIO(), width=100, height=30, force_terminal=True)
    with shown(console, plain=False) as show:
        show(a_look({"phase": "Progressing", "canaryWeight": 20}))
        show(a_look({"phase": "Progressing", "canaryWeight": 40}))
    assert "40 %" in console.file.getvalue()  # type: ignore[attr-defined]
