"""Record ``canary demo`` as pictures that move: ``record_demo.py [demo|waves]``; a few frames of the screen in one SVG.

The frames are those in which something has changed that a person would look at: the phase, the weight, the chapter.
"""

from __future__ import annotations

import io
import re
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from attrs import define, field
from rich.console import Console, RenderableType
from rich.terminal_theme import SVG_EXPORT_THEME

from canary_lab.demo.fault import Fault
from canary_lab.demo.lanes import lanes
from canary_lab.demo.screen import WIDTH, screen
from canary_lab.demo.story import Story
from canary_lab.demo.view import View
from canary_lab.demo.waves import Waves, WavesView
from canary_lab.mesh.laptop import Laptop

PICTURES: Final = Path(__file__).parent / "pictures"
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


@define
class WavesRecorder:
    """Keeps the views in which a cluster has another phase or version, or the traffic has moved by some steps."""

    views: list[WavesView] = field(factory=list)
    _last: object = None

    def take(self, view: WavesView) -> None:
        """Look at a view; the last one of a state is kept."""
        lanes = [(lane.phase, lane.version, lane.waits, lane.bundle.is_error, lane.weight // 20) for lane in view.lanes]
        state = (view.chapter, lanes)
        if state == self._last and self.views:
            self.views[-1] = view
        else:
            self.views.append(view)
        self._last = state


def drawn(screen: RenderableType, number: int) -> str:
    """A screen as SVG, its names made unique by a number."""
    console = Console(width=WIDTH, record=True, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(screen)
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


def record_demo(target: Path) -> None:
    """Play the demo and write the picture."""
    recorder = Recorder()
    with Laptop(Path(tempfile.mkdtemp(prefix="canary-demo-"))) as laptop:
        fault = Fault.read("error-rate=5%")
        outcome = Story(laptop, fault=fault, rate=50, interval_s=5, show=recorder.take).play()
    if not outcome.ok:
        sys.exit("the demo did not end as it should: nothing was written")
    frames = [drawn(screen(view), number) for number, view in enumerate(recorder.views)]
    telling = next(view for view in recorder.views if view.weight == STILL_WEIGHT)
    target.write_text(film(frames, drawn(screen(telling), len(frames))), encoding="utf-8")


def record_waves(target: Path) -> None:
    """Play the waves and write the picture."""
    recorder, folder = WavesRecorder(), Path(tempfile.mkdtemp(prefix="canary-demo-"))
    laptops = {f"cluster-{number}": Laptop(folder / f"cluster-{number}") for number in (1, 2, 3)}
    with ThreadPoolExecutor(len(laptops)) as pool:
        try:
            list(pool.map(Laptop.start, laptops.values()))
            fault = Fault.read("error-rate=5%")
            outcome = Waves(laptops, fault=fault, rate=10, interval_s=2, show=recorder.take).play(pool)
        finally:
            list(pool.map(Laptop.stop, laptops.values()))
    if not outcome.ok:
        sys.exit("the waves did not end as they should: nothing was written")
    frames = [drawn(lanes(view), number) for number, view in enumerate(recorder.views)]
    telling = next(view for view in reversed(recorder.views) if any(lane.bundle.is_error for lane in view.lanes))
    target.write_text(film(frames, drawn(lanes(telling), len(frames))), encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] in ([], ["demo"]):
        record_demo(PICTURES / "demo.svg")
    if sys.argv[1:] in ([], ["waves"]):
        record_waves(PICTURES / "waves.svg")
