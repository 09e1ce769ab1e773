"""The tables of differences from Flagger, and of what was tried of its flows, name tests that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TABLE = (ROOT / "docs" / "compatibility.md").read_text(encoding="utf-8")
NAMED = re.findall(r"\| `(test_\w+)(?:\[([^\]]+)\])?` \|", TABLE)
FROM_FLAGGER = (ROOT / "docs" / "from-flagger.md").read_text(encoding="utf-8")
TRIED = re.findall(r"\| `(test_\w+)` \|", FROM_FLAGGER)
SOURCES = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "tests").rglob("test_*.py")))
KEY = r"^\| (?:\d+|[\w/-]+#\d+) \|"
ROW = re.compile(KEY + r".*\| \*\*[KD]\*\* \|.*`test_\w+(?:\[[^\]]+\])?` \|$")


def test_every_row_has_a_mark_and_a_test() -> None:
    rows = [line for line in TABLE.splitlines() if re.match(KEY, line)]
    assert len(rows) == len(NAMED) >= 50
    assert [row for row in rows if not ROW.match(row)] == []


@pytest.mark.parametrize(("name", "case"), NAMED)
def test_a_named_test_exists(name: str, case: str) -> None:
    assert f"def {name}(" in SOURCES
    assert not case or f'"{case}"' in SOURCES


def test_what_was_tried_is_what_the_flows_are() -> None:
    flows = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "tests" / "flows").glob("test_*.py")))
    assert re.findall(r"^def (test_\w+)\(", flows, re.MULTILINE) == TRIED
