"""How something grows, as a picture: one line for each thing, in SVG."""

from collections.abc import Mapping
from pathlib import Path

from canary_sims.report import svg

__all__ = ["draw"]

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "pictures"
WIDTH, HEIGHT, LEFT, BELOW, TOP = 720, 300, 70, 40, 30
COLOURS = ("#0969da", "#c77700", "#1a7f37", "#8e24aa")
GREY = "#57606a"


def draw(name: str, title: str, x: str, y: str, lines: Mapping[str, list[tuple[float, float]]]) -> str:
    """Draw lines from zero on, and write them to docs/pictures.

    Args:
        name: Of the file, without its ending.
        title: Above the picture.
        x: What goes to the right.
        y: What goes up.
        lines: Points by what they are of.

    Returns:
        The name of the file.
    """
    points = [point for line in lines.values() for point in line]
    right, high = max(point[0] for point in points) or 1.0, (max(point[1] for point in points) or 1.0) * 1.1
    ground = HEIGHT - BELOW

    def at(point: tuple[float, float]) -> tuple[float, float]:
        return LEFT + point[0] / right * (WIDTH - LEFT - 20), ground - point[1] / high * (ground - TOP)

    pieces = [svg.text(LEFT, 18, title, font_weight="bold")]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        level = at((0, high * share))[1]
        pieces.append(svg.line((LEFT, level), (WIDTH - 20, level), "#dfe3e8"))
        pieces.append(svg.text(LEFT - 6, level + 4, f"{high * share:,.4g}", text_anchor="end", fill=GREY))
    pieces += [
        svg.text(at((value, 0))[0], ground + 16, f"{value:,.0f}", text_anchor="middle", fill=GREY)
        for value in sorted({point[0] for point in points})
    ]
    for number, (what, line) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        pieces.append(svg.polyline([at(point) for point in line], fill="none", stroke=colour, stroke_width="2"))
        pieces += [svg.circle(*at(point), 3, colour, title=f"{what}: {point[1]:,.4g}") for point in line]
        pieces.append(svg.text(LEFT + 10, TOP + 14 * (number + 1), what, fill=colour))
    pieces.append(svg.text(WIDTH - 20, HEIGHT - 6, x, text_anchor="end", fill=GREY))
    pieces.append(svg.text(4, TOP - 6, y, fill=GREY))
    body = "\n".join(pieces)
    (FOLDER / f"{name}.svg").write_text(
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}" xmlns="http://www.w3.org/2000/svg" '
        f'font-family="sans-serif" font-size="12">\n{body}\n</svg>\n',
        encoding="utf-8",
    )
    return f"{name}.svg"
