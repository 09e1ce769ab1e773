"""The documentation says what the code says, and its commands and snippets work."""

import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATE = _generator()


def test_the_page_on_phases_is_generated_from_the_table() -> None:
    assert (ROOT / "docs" / "phases.md").read_text(encoding="utf-8") == GENERATE.phases_page()


@pytest.mark.parametrize("name", GENERATE.PICTURES)
def test_the_pictures_are_generated_from_the_examples(name: str) -> None:
    picture = (ROOT / "docs" / "pictures" / f"{name}.svg").read_text(encoding="utf-8")
    assert picture == GENERATE.picture_of(*GENERATE.PICTURES[name])


def test_the_snippet_in_the_readme_does_what_it_says() -> None:
    (snippet,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    done = subprocess.run([sys.executable, "-c", snippet], capture_output=True, text=True, check=True)
    (promised,) = re.findall(r"print\(.*\)  # (.*)", snippet)
    assert done.stdout.strip() == promised


@pytest.mark.parametrize(
    "line", re.findall(r"^    \.venv/bin/(canary (?:validate|simulate) .*)$", README, flags=re.MULTILINE)
)
def test_the_commands_in_the_readme_work(line: str) -> None:
    """But `explore`, which takes its time; the tests of exploration run it."""
    command = [str(Path(sys.executable).with_name("canary")), *shlex.split(line)[1:]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode in {0, 1}, done.stderr) == (True, "")
    assert done.stdout != ""


PAGES = [page for folder in ("docs", "examples", "charts") for page in sorted((ROOT / folder).rglob("*.md"))]


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md", ROOT / "CHANGELOG.md"])
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_decision_record_is_complete() -> None:
    for record in sorted((ROOT / "ADR").glob("*.md")):
        text = record.read_text(encoding="utf-8")
        headings = re.findall(r"^## (.*)$", text, flags=re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequences", "Alternatives"], record.name
