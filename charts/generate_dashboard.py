"""Write the dashboard for Grafana from the panels of ``dashboard_panels.py``: ``charts/canary/dashboards/canary.json``.

A test checks that the file is what this says and that every metric and label in it is really exported.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias

from dashboard_panels import COLUMNS, ROWS, Panel, Query

__all__ = ["TARGET", "dashboard", "text"]

TARGET: Final = Path(__file__).resolve().parent / "canary" / "dashboards" / "canary.json"
SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
Json: TypeAlias = dict[str, Any]


def dashboard() -> Json:
    """The dashboard in Grafana's JSON model."""
    return {
        "title": "Canary rollouts",
        "uid": "canary-core",
        "description": "Rollouts of Canary objects, what they are judged by, and the controller that carries them on.",
        "tags": ["canary", "progressive-delivery"],
        "schemaVersion": 39,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "annotations": {"list": []},
        "templating": {"list": list(_variables())},
        "panels": list(_panels()),
    }


def text() -> str:
    """What the file holds."""
    return json.dumps(dashboard(), indent=2) + "\n"


def _variables() -> Iterator[Json]:
    yield {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "current": {}}
    yield _labels("namespace", "Namespace", "label_values(flagger_canary_status, namespace)")
    yield _labels("canary", "Canary", 'label_values(flagger_canary_status{namespace=~"$namespace"}, name)')


def _labels(name: str, label: str, query: str) -> Json:
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": SOURCE,
        "definition": query,
        "query": {"query": query, "refId": name},
        "refresh": 2,  # when the time range changes
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
    }


def _panels() -> Iterator[Json]:
    top, number = 0, 0
    for title, panels in ROWS:
        number += 1
        place = {"h": 1, "w": COLUMNS, "x": 0, "y": top}
        yield {"id": number, "type": "row", "title": title, "collapsed": False, "gridPos": place, "panels": []}
        top += 1
        for panel, x, y in _placed(panels, top):
            number += 1
            place = {"h": panel.height, "w": panel.width, "x": x, "y": y}
            yield {"id": number, "gridPos": place, **_panel(panel)}
            top = max(top, y + panel.height)


def _placed(panels: Iterable[Panel], top: int) -> Iterator[tuple[Panel, int, int]]:
    """Side by side from the left; what does not fit begins a new line below the highest of the last one."""
    x, y, below = 0, top, top
    for panel in panels:
        if x + panel.width > COLUMNS:
            x, y = 0, below
        yield panel, x, y
        x, below = x + panel.width, max(below, y + panel.height)


def _panel(panel: Panel) -> Json:
    defaults: Json = {"unit": panel.unit, "mappings": _mappings(panel), **_look(panel)}
    if panel.maximum is not None:
        defaults |= {"min": 0, "max": panel.maximum}
    found: Json = {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": SOURCE,
        "targets": [_target(panel, number, query) for number, query in enumerate(panel.queries)],
        "fieldConfig": {"defaults": defaults, "overrides": _overrides(panel)},
        "options": _options(panel),
    }
    if panel.columns:
        found["transformations"] = _transformations(panel)
    return found


def _target(panel: Panel, number: int, query: Query) -> Json:
    now = panel.kind in {"stat", "table"}
    return {
        "refId": chr(ord("A") + number),
        "datasource": SOURCE,
        "expr": query.expr,
        "legendFormat": query.legend or "__auto",
        "instant": now,
        "range": not now,
        "format": "table" if panel.kind == "table" else "time_series",
    }


def _look(panel: Panel) -> Json:
    if panel.kind == "timeseries":
        line = "stepAfter" if panel.stepped else "linear"
        return {"custom": {"lineInterpolation": line, "lineWidth": 2, "fillOpacity": 10, "spanNulls": False}}
    if panel.colour is not None:
        steps = [{"color": "green", "value": None}, {"color": panel.colour, "value": 1}]
        return {"thresholds": {"mode": "absolute", "steps": steps}}
    return {}


def _mappings(panel: Panel) -> list[Json]:
    if not panel.mappings:
        return []
    options = {value: {"text": shown, "color": colour} for value, (shown, colour) in panel.mappings.items()}
    return [{"type": "value", "options": options}]


def _overrides(panel: Panel) -> list[Json]:
    """Bounds are dashed lines; columns of a table have units of their own."""
    columns = [
        {"matcher": {"id": "byName", "options": heading}, "properties": [{"id": "unit", "value": unit}]}
        for heading, unit in panel.columns.values()
    ]
    dashed = {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [8, 8]}}
    bounds = {"matcher": {"id": "byRegexp", "options": ".* (at least|at most|rolls back|min|max)$"}}
    return columns + ([{**bounds, "properties": [dashed]}] if panel.kind == "timeseries" else [])


def _options(panel: Panel) -> Json:
    match panel.kind:
        case "stat":
            named = any(query.legend for query in panel.queries)
            text_mode = "value_and_name" if named else "value"
            calculation = {"calcs": ["lastNotNull"], "fields": "", "values": False}
            return {"reduceOptions": calculation, "textMode": text_mode, "colorMode": "value", "graphMode": "none"}
        case "table":
            return {"showHeader": True, "sortBy": [{"displayName": "Since", "desc": True}]}
        case "state-timeline":
            return {"mergeValues": True, "showValue": "auto", "legend": {"showLegend": False}}
        case "timeseries":
            legend = {"displayMode": "list", "placement": "bottom", "showLegend": True}
            return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}


def _transformations(panel: Panel) -> list[Json]:
    """One line for each canary, from the answers of all queries."""
    order = {name: place for place, name in enumerate(panel.columns)}
    headings = {name: heading for name, (heading, _) in panel.columns.items()}
    organize = {"excludeByName": {"Time": True}, "indexByName": order, "renameByName": headings}
    return [{"id": "merge", "options": {}}, {"id": "organize", "options": organize}]


def main() -> None:
    """Write the file."""
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
