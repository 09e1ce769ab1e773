"""The table and the HTML file: everything is there, and fits."""

import io
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from attrs import evolve
from rich.console import Console

from canary_core import ABTest, BlueGreen, Check, Mirror, Policy, Progressive
from canary_core.messages import Names
from canary_core.policy import Strategy
from canary_sims.report import print_run, to_html
from canary_sims.report.picture import picture
from canary_sims.scenario import parse_scenario, read_scenario
from canary_sims.simulation import Run, simulate

STORIES = ["healthy", "errors", "prometheus-down", "primary-fails", "hand-edited-routes", "never-ready"]


def printed(run: Run, width: int, *, terminal: bool = False) -> str:
    """What a console of this width shows."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="")
    console = Console(file=out, width=width, force_terminal=terminal, color_system="standard" if terminal else None)
    print_run(run, console)
    out.seek(0)
    return out.read()


@pytest.mark.parametrize("name", STORIES)
@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_it_fits_and_is_plain(name: str, width: int, scenarios: Path, article: Policy, names: Names) -> None:
    """Redirected to a file: ASCII without colour, no line too long, no blanks at the ends."""
    text = printed(simulate(article, read_scenario(scenarios / f"{name}.yaml"), names=names), width)
    assert text.isascii()
    assert "\x1b" not in text
    for line in text.splitlines():
        assert len(line) <= width
        assert line == line.rstrip()


def test_a_table_of_eighty_columns(article: Policy, names: Names) -> None:
    """The reason stands below its row; metrics, weights and failures in it."""
    scenario = parse_scenario("events: [{at: 0s, declare: {revision: v2, errorRate: 100%}}]")
    text = printed(simulate(evolve(article, threshold=1), scenario, names=names), 80)
    table = text.split("\n\n")[1].splitlines()
    assert table == [
        "TIME  STATUS       WEIGHT  TRAFFIC     FAILED  PRI  CAN  SUCCESS  LATENCY",
        "0:00  Initialized       0  ..........     0/1  2/2  0/0",
        "0:00  > v2 is declared: 100% of its answers are errors",
        "1:00  Progressing       0  ..........     0/1  2/2  0/2",
        "      New revision detected! Scaling up fleet-simple-app",
        "2:00  Progressing      10  #.........     0/1  2/2  2/2",
        "      Starting canary analysis for fleet-simple-app",
        "      Advance fleet-simple-app canary weight 10",
        "3:00  Progressing      10  #.........     1/1  2/2  2/2   0.00%!     20ms",
        "      Halt fleet-simple-app advancement success rate 0.00% < 99%",
        "4:00  Failed            0  ..........     0/1  2/2  0/0",
        "      Rolling back fleet-simple-app failed checks threshold reached 1",
        "      Canary failed! Scaling down fleet-simple-app",
    ]


def test_reasons_stand_beside_where_there_is_room(article: Policy, names: Names) -> None:
    text = printed(simulate(article, names=names), 140)
    assert re.search(r"^3:00 .* \d+ms  Advance fleet-simple-app canary weight 20$", text, flags=re.MULTILINE)


def test_a_terminal_gets_colours_and_blocks(article: Policy, names: Names) -> None:
    text = printed(simulate(article, names=names), 80, terminal=True)
    assert "\x1b[" in text
    assert "█" in text


def test_waiting_is_drawn_together(scenarios: Path, article: Policy, names: Names) -> None:
    run = simulate(article, read_scenario(scenarios / "never-ready.yaml"), names=names)
    assert "...  9 more like this, until 11:00" in printed(run, 80)


def test_many_checks_go_below(article: Policy, names: Names) -> None:
    """Columns that do not fit are not cut off: the values stand with the reason."""
    checks = tuple(Check(id=f"a-rather-long-name-{number}") for number in range(6))
    text = printed(simulate(evolve(article, checks=checks), names=names), 80)
    assert "a-rather-long-name-5 0" in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(
    "policy",
    [
        Policy(strategy=ABTest(iterations=3)),
        Policy(strategy=BlueGreen(iterations=2, mirror=Mirror())),
        Policy(strategy=Progressive(weights=(50,), mirror=Mirror())),
    ],
)
def test_other_strategies(policy: Policy, names: Names) -> None:
    run = simulate(policy, names=names)
    text = printed(run, 80)
    assert ("ITER" in text) is not isinstance(policy.strategy, Progressive)
    assert "Promoted: v2 serves all users" in text
    assert "<svg" in to_html(run)


@pytest.mark.parametrize("name", STORIES)
def test_html_needs_nothing_else(name: str, scenarios: Path, article: Policy, names: Names) -> None:
    """No address but that of the SVG namespace, no script, no reference: it can be mailed and archived."""
    page = to_html(simulate(article, read_scenario(scenarios / f"{name}.yaml"), names=names))
    assert set(re.findall(r"https?://[^\"'\s<]+", page)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<(script|link|img|iframe|object|embed)\b|@import|url\(|\b(src|href)=", page)


def test_html_contains_the_picture(scenarios: Path, article: Policy, names: Names) -> None:
    """Well-formed SVG with the phases, the steps of the weight, each measurement, and what happened."""
    run = simulate(article, read_scenario(scenarios / "prometheus-down.yaml"), names=names)
    page = to_html(run)
    drawn = ET.fromstring(page[page.index("<svg") : page.index("</svg>") + 6])  # noqa: S314 -- our own text
    said = "".join(drawn.itertext())
    for phase in ("Initialized", "Progressing", "Promoting", "Finalising", "Succeeded"):
        assert phase in said
    assert "3:30: the metric source is down" in said
    assert "4:00: error" in said
    assert len(list(drawn.iter("{http://www.w3.org/2000/svg}polyline"))) == 4
    assert "Advance fleet-simple-app canary weight 50" in page


@pytest.mark.parametrize(
    ("strategy", "copied", "share"),
    [
        (Progressive(weights=(50,)), 0, "share of the canary"),
        (Progressive(weights=(50,), mirror=Mirror(percent=40)), 1, "share of the canary"),
        (BlueGreen(iterations=3, mirror=Mirror(percent=40)), 3, "share of the canary"),
        (Progressive(weights=(50,), matched=True), 0, "share of matching"),
        (ABTest(iterations=3), 0, "share of matching"),
    ],
)
def test_the_picture_says_of_what_the_weight_is_a_share_and_when_requests_are_copied(
    strategy: Strategy, copied: int, share: str, names: Names
) -> None:
    drawn = picture(simulate(Policy(strategy=strategy), names=names))
    assert drawn.count("40 % of the requests are copied") == copied
    assert drawn.count(">copies<") == min(copied, 1)
    assert share in drawn


def test_html_escapes_what_users_wrote(article: Policy, names: Names) -> None:
    scenario = parse_scenario('{description: "<script>1</script>", events: [{at: 0s, declare: {revision: "<b>&"}}]}')
    page = to_html(simulate(article, scenario, names=names))
    assert "<script>" not in page
    assert "<b>" not in page
    assert "&lt;b&gt;&amp; is declared" in page
