"""The Dockerfile, as far as it can be known without building it: what its stages are, run and copy."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from attrs import field, frozen

from laboratories.helm import CONTROLLER, LOADTESTER, ROOT

TEXT = (ROOT / "Dockerfile").read_text("utf-8")
KNOWN = {"ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "RUN", "USER"}


@frozen
class Stage:
    """A stage and its instructions."""

    name: str
    base: str
    instructions: list[tuple[str, str]] = field(factory=list)

    def all(self, word: str) -> list[str]:
        """Arguments of each such instruction."""
        return [rest for found, rest in self.instructions if found == word]


def _stages() -> dict[str, Stage]:
    joined = re.sub(r"\\\n\s*", "", re.sub(r"^\s*#.*\n", "", TEXT, flags=re.MULTILINE))
    found: dict[str, Stage] = {}
    stage: Stage | None = None
    for line in filter(None, map(str.strip, joined.splitlines())):
        word, _, rest = line.partition(" ")
        assert word in KNOWN, line
        if word == "FROM":
            match = re.fullmatch(r"(\S+) AS (\w+)", rest)
            assert match is not None, line
            stage = found[match[2]] = Stage(match[2], match[1])
        elif stage is not None:
            stage.instructions.append((word, rest))
    return found


STAGES = _stages()
FINAL = pytest.mark.parametrize(("target", "chart"), [("controller", CONTROLLER), ("loadtester", LOADTESTER)])


def _line(target: str) -> list[Stage]:
    """A stage and those that it is based on."""
    stage = STAGES[target]
    return [stage, *(_line(stage.base) if stage.base in STAGES else [])]


def test_every_stage_is_based_on_the_same_slim_python() -> None:
    bases = {stage.base for stage in STAGES.values()} - set(STAGES)
    assert len(bases) == 1
    (base,) = bases
    assert re.fullmatch(r"python:\$\{PYTHON_VERSION\}-slim-\w+", base)
    (version,) = re.findall(r"^ARG PYTHON_VERSION=(\S+)$", TEXT, flags=re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert f"Programming Language :: Python :: {version}" in project["classifiers"]


def test_the_controller_is_what_is_built_where_nothing_is_said() -> None:
    assert list(STAGES)[-1] == "controller"


@FINAL
def test_it_runs_as_the_user_of_the_chart(target: str, chart: Path) -> None:
    assert STAGES[target].all("USER")[-1] == "10001:10001"
    values = (chart / "values.yaml").read_text("utf-8")
    assert "runAsUser: 10001\n" in values
    assert "runAsGroup: 10001\n" in values


@FINAL
def test_what_it_starts_is_a_command_of_ours(target: str, chart: Path) -> None:
    entries = [text for stage in _line(target) for text in stage.all("ENTRYPOINT")]
    (entry,) = map(json.loads, entries)
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    assert entry == ["canary"]
    assert "canary" in scripts
    command = json.loads(STAGES[target].all("CMD")[-1])
    assert command[0] == target
    if target == "loadtester" and not entry_points(group="canary.commands", name=target):
        pytest.skip("there is no `canary loadtester` in this installation")
    assert entry_points(group="canary.commands", name=target)


def test_python_packages_come_from_the_lock_file_and_by_their_hashes_alone() -> None:
    fetching = [
        text for stage in STAGES.values() for text in stage.all("RUN") if re.search(r"pip (download|install)", text)
    ]
    assert len(fetching) == 2
    download, install = (shlex.split(text) for text in fetching)
    assert {"--require-hashes", "--no-deps", "--requirement=/build/requirements.lock"} < set(download)
    assert {"--no-index", "--find-links=/wheels"} < set(install)
    extras = re.search(r"/build\[([\w,]+)\]", fetching[1])
    assert extras is not None
    known = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    assert set(extras[1].split(",")) == {"controller", "loadtester"} <= set(known)


def test_what_is_left_in_the_images_is_an_environment_and_no_tool_to_build() -> None:
    for target in ("controller", "loadtester"):
        copied = [text for stage in _line(target) for text in stage.all("COPY")]
        assert copied == ["--from=build /opt/canary /opt/canary"]
    assert any("pip uninstall" in text for text in STAGES["build"].all("RUN"))


def test_the_load_tester_has_the_programs_of_the_article() -> None:
    installed = [text for text in STAGES["loadtester"].all("RUN") if "apt-get install" in text]
    (text,) = installed
    assert {"hey", "--no-install-recommends"} <= set(shlex.split(text))
    assert "rm -rf /var/lib/apt/lists" in text
    assert not any("apt-get" in text for text in STAGES["controller"].all("RUN"))


def test_no_address_is_written_down() -> None:
    assert "://" not in TEXT
    assert not re.search(r"--(extra-)?index-url|--trusted-host", TEXT)
    assert all("/" not in stage.base for stage in STAGES.values())


def test_what_is_copied_exists_and_is_not_ignored() -> None:
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    assert patterns[0] == "*"
    let_in = {pattern[1:] for pattern in patterns if pattern.startswith("!")}
    sources: set[str] = set()
    for stage in STAGES.values():
        for text in stage.all("COPY"):
            if not text.startswith("--from"):
                sources |= set(text.split()[:-1])
    assert sources == let_in
    assert all((ROOT / source).exists() for source in sources)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {package.partition("/")[0] for package in packages} <= sources
    assert {project["project"]["readme"], *project["project"]["license-files"]} <= sources
    assert patterns[-2:] == ["**/__pycache__", "**/*.pyc"], "the last pattern that fits wins"
