"""The few shapes of SVG that pictures here are made of, as text. Whatever is shown is escaped."""

from collections.abc import Iterable
from html import escape

__all__ = ["circle", "line", "polyline", "rectangle", "text"]


def _attributes(style: dict[str, str]) -> str:
    return "".join(f' {name.replace("_", "-")}="{escape(value)}"' for name, value in style.items())


def _titled(tag: str, attributes: str, title: str) -> str:
    return f"<{tag} {attributes}><title>{escape(title)}</title></{tag}>" if title else f"<{tag} {attributes}/>"


def text(x: float, y: float, said: str, **style: str) -> str:
    """A line of text; y is its base."""
    return f'<text x="{x:.1f}" y="{y:.1f}"{_attributes(style)}>{escape(said)}</text>'


def line(start: tuple[float, float], end: tuple[float, float], colour: str, *, title: str = "", **style: str) -> str:
    """A straight line."""
    ends = f'x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}"'
    return _titled("line", f'{ends} stroke="{colour}"{_attributes(style)}', title)


def rectangle(corner: tuple[float, float], size: tuple[float, float], colour: str, *, title: str = "") -> str:
    """A filled rectangle; the corner is the upper left one."""
    shape = f'x="{corner[0]:.1f}" y="{corner[1]:.1f}" width="{size[0]:.1f}" height="{size[1]:.1f}"'
    return _titled("rect", f'{shape} fill="{colour}"', title)


def circle(x: float, y: float, radius: float, colour: str, *, title: str = "") -> str:
    """A filled circle."""
    return _titled("circle", f'cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{colour}"', title)


def polyline(points: Iterable[tuple[float, float]], **style: str) -> str:
    """A line through points."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}"{_attributes(style)}/>'
