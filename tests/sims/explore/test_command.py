"""``canary explore``: what it prints, and its exit codes."""

import json
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from canary_adapters.cli.errors import BadInputError
from canary_adapters.manifests import ManifestError
from canary_core import Policy
from canary_sims.cli.explore import explore
from canary_sims.harness import INVARIANTS, Exploration
from canary_sims.harness import explore as visited

pytestmark = pytest.mark.slow

QUICK = """
apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {name: app, namespace: shop}
spec:
  skipAnalysis: true
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: app}
  service: {port: 80}
  analysis: {interval: 1m, threshold: 1, maxWeight: 50, stepWeight: 50}
"""


@cache
def _visited(policy: Policy, *, people: bool) -> Exploration:
    return visited(policy, people=people)


def _once(policy: Policy, *, people: bool, progress: Callable[[int, int], None]) -> Exploration:
    progress(1, 1)
    return _visited(policy, people=people)


@pytest.fixture(autouse=True)
def once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The policy is explored once for all that print what was found."""
    monkeypatch.setattr(sys.modules[Exploration.__module__], "explore", _once)


@pytest.fixture
def command() -> typer.Typer:
    app = typer.Typer()
    app.command()(explore)
    return app


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "canary.yaml"
    path.write_text(QUICK, encoding="utf-8")
    return path


def test_a_table_is_printed(command: typer.Typer, manifest: Path) -> None:
    """With the counts, and that all is well."""
    result = CliRunner().invoke(command, [str(manifest)])
    assert result.exit_code == 0, result.output
    for word in ("shop/app", "states", "transitions", "edges taken", "all hold"):
        assert word in result.output


def test_json_is_one_object_a_line(command: typer.Typer, manifest: Path) -> None:
    """For programs."""
    result = CliRunner().invoke(command, [str(manifest), "--json"])
    (line,) = result.stdout.splitlines()
    record = json.loads(line)
    assert record["canary"] == "shop/app"
    assert record["holds"] is True
    assert record["states"] > 100
    assert ["Progressing", "Promoting"] in record["edges"]
    assert len(record["invariants"]) == len(INVARIANTS)


def test_mermaid_shows_the_edges_taken(command: typer.Typer, manifest: Path) -> None:
    """And nothing else."""
    result = CliRunner().invoke(command, [str(manifest), "--mermaid"])
    assert result.stdout.startswith("stateDiagram-v2\n")
    assert "Progressing --> Promoting: all steps passed, or analysis skipped" in result.stdout
    assert "WaitingPromotion" not in result.stdout


@pytest.mark.parametrize(
    ("text", "error"),
    [("kind: List\n", ManifestError), (None, ManifestError)],
    ids=["no canary", "no file"],
)
def test_bad_input_is_refused(command: typer.Typer, tmp_path: Path, text: str | None, error: type[Exception]) -> None:
    """What is raised becomes exit code 2."""
    path = tmp_path / "canary.yaml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    result = CliRunner().invoke(command, [str(path)])
    assert isinstance(result.exception, error | BadInputError)


def test_an_unknown_name_is_refused(command: typer.Typer, manifest: Path) -> None:
    """With the names that there are."""
    result = CliRunner().invoke(command, [str(manifest), "--name", "other"])
    assert isinstance(result.exception, BadInputError)
    assert "shop/app" in str(result.exception)
