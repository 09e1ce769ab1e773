"""Record ``canary demo`` as a picture that moves: ``record_demo.py [FILE]``; a few frames of the screen in one SVG.

The frames are those in which something has changed that a person would look at: the phase, the weight, the chapter.
"""

from __future__ import annotations

import io
import re
import sys
import tempfile
from pathlib import Path
from typing import Final

from attrs import define, field
from rich.console import Console
from rich.terminal_theme import SVG_EXPORT_THEME

from canary_lab.demo.fault import Fault
from canary_lab.demo.screen import WIDTH, screen
from canary_lab.demo.story import Story
from canary_lab.demo.view import View
from canary_lab.mesh.laptop import Laptop

TARGET: Final = Path(__file__).parent / "pictures" / "demo.svg"
SHOWN_S: Final = 1.6
"""For how long each frame is shown."""
STILL_WEIGHT: Final = 30
_BODY: Final = re.compile(r"(<svg[^>]*>)(.*)(</svg>)", re.DOTALL)


@define
class Recorder:
    """Keeps the views that differ from the last one in what people look at."""

    views: list[View] = field(factory=list)
    _last: tuple[str, str, int] | None = None
    _since_s: float = 0.0

    def take(self, view: View) -> None:
        """Look at a view. The second one of a state is kept: by then there are measurements."""
        state = (view.chapter, view.phase, view.weight)
        if state != self._last:
            self._last, self._since_s = state, view.elapsed_s
            self.views.append(view)
        elif view.elapsed_s - self._since_s < 4:
            self.views[-1] = view


def drawn(view: View, number: int) -> str:
    """A view as SVG, its names made unique by a number."""
    console = Console(width=WIDTH, record=True, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(screen(view))
    return console.export_svg(title="canary demo", theme=SVG_EXPORT_THEME, unique_id=f"f{number}")


def film(frames: list[str], still: str) -> str:
    """Frames as one picture that shows one after the other, and begins again.

    Args:
        frames: SVGs of one size.
        still: What is seen where pictures do not move: it lies below all others.
    """
    total_s, share = SHOWN_S * len(frames), 100 / len(frames)
    style = (
        f"<style>.frame{{opacity:0;animation:frame {total_s:.1f}s step-end infinite}}"
        f"@keyframes frame{{0%{{opacity:1}}{share:.3f}%{{opacity:0}}}}</style>"
    )
    moving = [
        f'<g class="frame" style="animation-delay:{number * SHOWN_S:.1f}s">{_body(frame)[2]}</g>'
        for number, frame in enumerate(frames)
    ]
    found = _body(still)
    return f"{found[1]}{style}<g>{found[2]}</g>{''.join(moving)}</svg>\n"


def _body(frame: str) -> re.Match[str]:
    found = _BODY.search(frame)
    if found is None:
        raise ValueError("rich has made no SVG")
    return found


def main(target: Path) -> None:
    """Play the demo and write the picture."""
    recorder = Recorder()
    with Laptop(Path(tempfile.mkdtemp(prefix="canary-demo-"))) as laptop:
        fault = Fault.read("error-rate=5%")
        outcome = Story(laptop, fault=fault, rate=50, interval_s=5, show=recorder.take).play()
    if not outcome.ok:
        sys.exit("the demo did not end as it should: nothing was written")
    frames = [drawn(view, number) for number, view in enumerate(recorder.views)]
    telling = next(view for view in recorder.views if view.weight == STILL_WEIGHT)
    target.write_text(film(frames, drawn(telling, len(frames))), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET)
