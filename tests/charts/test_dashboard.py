"""The dashboard: it is what the generator says, Grafana can draw it, and Prometheus takes every query of it."""

from __future__ import annotations

import itertools
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import generate_dashboard
from dashboard_panels import COLUMNS
from tools.prometheus import program

DASHBOARD: dict[str, Any] = json.loads(generate_dashboard.TARGET.read_text(encoding="utf-8"))
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
DRAWN = [panel for panel in PANELS if panel["type"] != "row"]
VARIABLES = {"datasource", "namespace", "canary"}
CHOSEN = {"$__rate_interval": "5m", "$__range": "1h", "$namespace": "shop", "$canary": "app"}


def test_the_file_is_what_the_generator_says() -> None:
    assert generate_dashboard.TARGET.read_text(encoding="utf-8") == generate_dashboard.text()


def test_numbers_and_titles_are_unique() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    assert len({panel["title"] for panel in PANELS}) == len(PANELS)


def test_panels_stay_on_the_grid_and_do_not_overlap() -> None:
    places = [(p["gridPos"]["x"], p["gridPos"]["y"], p["gridPos"]["w"], p["gridPos"]["h"]) for p in PANELS]
    assert all(x >= 0 and x + width <= COLUMNS and height > 0 for x, _, width, height in places)
    cells = list(
        itertools.chain.from_iterable(
            itertools.product(range(x, x + width), range(y, y + height)) for x, y, width, height in places
        )
    )
    assert len(cells) == len(set(cells))


@pytest.mark.parametrize("panel", DRAWN, ids=lambda panel: panel["title"])
def test_a_panel_says_what_it_shows_and_in_which_unit(panel: dict[str, Any]) -> None:
    assert len(panel["description"].split()) > 5
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["targets"]
    assert {each["datasource"]["uid"] for each in (panel, *panel["targets"])} == {"${datasource}"}
    assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


def test_the_source_the_namespace_and_the_canary_can_be_chosen() -> None:
    assert {variable["name"] for variable in DASHBOARD["templating"]["list"]} == VARIABLES
    queries = [t["expr"] for panel in DRAWN for t in panel["targets"]]
    assert any("$namespace" in query for query in queries)
    assert any("$canary" in query for query in queries)


def test_prometheus_takes_every_query(tmp_path: Path) -> None:
    queries = [filled(target["expr"]) for panel in DRAWN for target in panel["targets"]]
    assert not any("$__" in query or "$namespace" in query or "$canary" in query for query in queries)
    rules = [{"record": f"panel:query:{number}", "expr": query} for number, query in enumerate(queries)]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = subprocess.run(
        [program("promtool"), "check", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(queries)} rules found" in done.stdout


def filled(query: str) -> str:
    """A query with all of Grafana's variables put in."""
    for variable, value in CHOSEN.items():
        query = query.replace(variable, value)
    return query
