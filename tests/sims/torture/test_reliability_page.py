"""The page on reliability says what the code says, as far as it does not depend on the machine; its example works."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

from canary_sims.harness.faults import CallKind, WakeKind
from stories.policies import ARTICLE, stories_of

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")


def _generator(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATE = _generator("generate_reliability")


def test_the_page_is_generated_from_the_campaigns() -> None:
    """But for what was measured: `make docs` writes that."""
    assert GENERATE.stable(PAGE) == GENERATE.stable(GENERATE.sketch())


def test_what_was_measured_says_that_all_is_well() -> None:
    """Nothing broken, and every planted bug found."""
    broken = re.findall(
        r"^\| [a-z-]+/[a-z-]+ \| [^|]+ \| \d+ \| [\d,]+ \| [\d,]+ \| (\d+) \|", PAGE, flags=re.MULTILINE
    )
    assert len(broken) == 11
    assert set(broken) == {"0"}
    assert "not found" not in PAGE


def test_every_pair_was_tried_in_every_story() -> None:
    """And nothing was broken: the page says when that was, and what it took."""
    row = r"^\| ([a-z][^|]+) \| [A-Z][A-Za-z]+(?: \([a-z]+\))? \| [\d,]+ \| [\d,]+ \| (\d+) \|"
    rows = re.findall(row, PAGE, flags=re.MULTILINE)
    assert [name for name, _ in rows] == [each.name for each in stories_of(ARTICLE)]
    assert {broken for _, broken in rows} == {"0"}


def test_what_is_written_of_pairs() -> None:
    """Of two stories, one of which ended without an outcome and broke something."""
    numbers = {"played": 1000, "stand_for": 2000, "slowest": 5, "seconds": 7.6}
    rows = [
        {"story": "a good revision", "phase": "Succeeded", "outcome": "completed", "broken": 0, **numbers},
        {"story": "a deletion", "phase": "Terminated", "outcome": None, "broken": 3, **numbers},
    ]
    day = "2026-11-25"
    assert _generator("generate_pairs").text(rows, day).splitlines() == [
        f"Played on {day}: 2,000 plans, which stand for 4,000, in 15 s of one processor. 3 of them broke something.",
        "",
        "| story | ends in | played | stand for | broken | most wake-ups to the end | seconds |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| a good revision | Succeeded (completed) | 1,000 | 2,000 | 0 | 5 | 8 |",
        "| a deletion | Terminated | 1,000 | 2,000 | 3 | 5 | 8 |",
    ]


def test_every_fault_has_its_row_and_its_test() -> None:
    assert set(GENERATE.FAULTS) == {*CallKind, *WakeKind}
    files = sorted((ROOT / "tests" / "sims" / "torture").glob("test_*.py"))
    tests = "".join(file.read_text(encoding="utf-8") for file in files)
    for _, _, test in GENERATE.FAULTS.values():
        assert f"def {test}(" in tests


def test_the_example_with_own_ports_works() -> None:
    (snippet,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    done = subprocess.run([sys.executable, "-W", "error", "-c", snippet], capture_output=True, text=True, check=True)
    (promised,) = re.findall(r"print\(.*\)  # (.*)", snippet)
    assert done.stdout.strip() == promised
