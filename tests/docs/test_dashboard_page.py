"""The page on the live page names options, values, rights and bounds that there are."""

from __future__ import annotations

import re

import pytest
import typer
import yaml

from canary_adapters.cli.controller import controller
from canary_adapters.cli.dashboard import dashboard
from canary_adapters.dashboard import reviews, seen, service, serving, streams
from documents.pages import ROOT

PAGE = (ROOT / "docs" / "dashboard.md").read_text(encoding="utf-8")


def _options(function: typer.Typer) -> set[str]:
    command = typer.main.get_command(function)
    return {option for each in command.params for option in (*each.opts, *each.secondary_opts)}


def _own() -> set[str]:
    alone = typer.Typer(add_completion=False)
    alone.command()(dashboard)
    return _options(alone)


def test_options_of_the_command_are_those_that_it_has() -> None:
    (table,) = re.findall(r"\| option \|.*?\n\n", PAGE, re.DOTALL)
    named = {each for row in table.strip().splitlines()[2:] for each in re.findall(r"`(-[^` ]+)`", row.split("|")[1])}
    assert named == _own() - {"--namespace", "--all-namespaces", "--read-only"}


def test_flags_of_the_controller_are_those_that_it_has() -> None:
    named = {f"-{each}" for each in re.findall(r"`(-dashboard-[a-z]+)", PAGE)}
    assert named
    assert named <= _options(controller)


def test_values_of_the_chart_are_those_that_it_has() -> None:
    values = yaml.safe_load((ROOT / "charts" / "canary" / "values.yaml").read_text(encoding="utf-8"))
    named = set(re.findall(r"livePage\.([a-z]+)", PAGE))
    assert named == set(values["livePage"])
    assert not any(values["livePage"].values()), "off by default"


@pytest.mark.parametrize(
    "told",
    [
        f"| open pages | {streams.PAGES}, of one token {streams.OF_ONE} |",
        f"| connections | {serving.CONNECTIONS};",
        f"dropped after {service.TAKE_S:g} seconds",
        f"{seen.POINTS} changes of each of {seen.CANARIES} canaries",
        f"| reviews that the controller asks for | {reviews.PER_SECOND:g} a second",
        f"every {service.HEARTBEAT_S:g} seconds",
        "believes the answer for ten seconds",
    ],
)
def test_bounds_are_those_that_there_are(told: str) -> None:
    assert told in PAGE
    assert reviews.BELIEVED_S == 10
