"""What is written about the charts is what they are: definitions, tables of values, schemas, versions."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from canary_adapters.denied_addresses import DEFAULT
from laboratories.helm import CHARTS, CONTROLLER, LOADTESTER, ROOT

BOTH = pytest.mark.parametrize("chart", [CONTROLLER, LOADTESTER], ids=lambda chart: chart.name)


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_charts", CHARTS / "generate_charts.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATE = _generator()


def test_the_definitions_are_what_the_command_prints() -> None:
    command = [str(Path(sys.executable).parent / "canary"), "crds"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert (CONTROLLER / "files" / "crds.yaml").read_text("utf-8") == printed == GENERATE.crds()


@BOTH
def test_denied_addresses_are_those_of_the_commands(chart: Path) -> None:
    assert (chart / "files" / "denied.txt").read_text("utf-8") == GENERATE.denied()
    assert GENERATE.denied().split() == str(DEFAULT).split(",")


@BOTH
def test_the_table_of_values_is_made_from_their_comments(chart: Path) -> None:
    page = (chart / "README.md").read_text("utf-8")
    assert page == GENERATE.readme(chart.name)
    assert [row.path for row in GENERATE.values(chart.name) if not row.comment] == []


def test_a_row_says_path_default_and_meaning() -> None:
    rows = {row.path: row for row in GENERATE.values("canary")}
    assert rows["leaderElection", "replicaCount"] == (
        ("leaderElection", "replicaCount"),
        1,
        "Pods of the controller.",
    )
    assert rows["podAnnotations",].default["prometheus.io/port"] == "8080"
    assert rows["rbac", "pspEnabled"].comment.startswith("Accepted")


def _paths(schema: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, inner in schema["properties"].items():
        if "properties" in inner:
            yield from _paths(inner, (*above, name))
        else:
            yield (*above, name)


@BOTH
def test_every_value_has_a_schema_and_the_other_way_round(chart: Path) -> None:
    """But for what only other tools set, and the spelling with a dot."""
    schema = json.loads((chart / "values.schema.json").read_text("utf-8"))
    known = set(_paths(schema)) - {("global",), ("crd.create",)}
    assert known == {row.path for row in GENERATE.values(chart.name)}


@BOTH
def test_no_block_takes_keys_that_nobody_knows(chart: Path) -> None:
    """Maps of labels and parts of Pods, which the API server checks, aside."""
    schema = json.loads((chart / "values.schema.json").read_text("utf-8"))

    def blocks(part: Any) -> Iterator[dict[str, Any]]:
        if isinstance(part, dict):
            if "properties" in part and part.get("type") == "object":
                yield part
            for inner in part.values():
                yield from blocks(inner)

    found = list(blocks({k: v for k, v in schema.items() if k != "definitions"}))
    assert len(found) > 5
    assert all(block["additionalProperties"] is False for block in found)
    used = set(re.findall(r"#/definitions/(\w+)", json.dumps(schema)))
    assert used == set(schema["definitions"])


@BOTH
def test_versions_are_those_of_the_package(chart: Path) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    about = yaml.safe_load((chart / "Chart.yaml").read_text("utf-8"))
    assert (about["name"], about["version"], about["appVersion"]) == (chart.name, version, version)
    assert f":{version} " in (chart / "README.md").read_text("utf-8")
