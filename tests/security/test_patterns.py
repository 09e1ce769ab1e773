"""What `make lint` finds in regular expressions, and that it is all of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools.patterns import MADE_ELSEWHERE, Found, ambiguous, faults, in_code, in_schemas

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("pattern", "flags", "how"),
    [
        (r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL, "finditer"),  # stood in the reader of query templates once
        (r"([+-]?(?:\d+\.?\d*|\.\d+))(Ki|Mi|[eE][+-]?\d+)?", 0, "fullmatch"),  # and this in that of quantities
        (r"\s*(==|=|[^\s=]+)", 0, "findall"),  # and this in that of selectors
        (r"(a+)+$", 0, "match"),
        (r"a+b", 0, "search"),
        (r"x*x*y", 0, "match"),
        (r"^\s*(.*?)\s*$", 0, "match"),
    ],
)
def test_what_grows_faster_than_its_text_is_found(pattern: str, flags: int, how: str) -> None:
    assert ambiguous(Found("here", pattern, flags, how)) != ""


@pytest.mark.parametrize(
    ("pattern", "how"),
    [
        (r"^[^\x00-\x1f\x7f-\x9f]*$", "search"),
        (r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+", "fullmatch"),
        (r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$", "search"),
        (r'"(?:[^"\\]|\\.)*"', "match"),
        (r"==|=|[^\s=]+", "findall"),
    ],
)
def test_what_does_not_is_not(pattern: str, how: str) -> None:
    assert ambiguous(Found("here", pattern, 0, how)) == ""


def test_patterns_are_found_however_they_are_written(tmp_path: Path) -> None:
    file = tmp_path / "code.py"
    file.write_text(
        "import re\nfrom re import escape\nA = 'a'\nB: Final = re.compile(rf'{A}+', re.DOTALL)\n"
        "def f(text):\n    B.search(text)\n    re.sub('b' + A, '', text, flags=re.M)\n    re.match(text, '')\n"
        "    return map(re.compile, [f'{B.pattern}c'])\n"
    )
    assert list(in_code(file, tmp_path)) == [
        Found("code.py:2", None),
        Found("code.py:4", "a+", re.DOTALL, "search"),
        Found("code.py:7", "ba", re.MULTILINE, "sub", "f"),
        Found("code.py:8", None, 0, "match", "f"),
        Found("code.py:9", None, 0, "compile", "f"),
    ]


def test_a_pattern_that_comes_from_elsewhere_is_told(tmp_path: Path) -> None:
    file = tmp_path / "code.py"
    file.write_text("import re\n\ndef f(text):\n    return re.search(text, 'x')\n")
    (told,) = faults(in_code(file, tmp_path))
    assert told.startswith("code.py:4: a pattern is put together here")


def test_what_is_made_elsewhere_is_still_made_there() -> None:
    places = {
        (each.where.partition(":")[0], each.function)
        for name in {name for name, _ in MADE_ELSEWHERE}
        for each in in_code(ROOT / name, ROOT)
        if each.pattern is None
    }
    assert places == set(MADE_ELSEWHERE)


def test_the_patterns_of_schemas_and_declarations_are_looked_at() -> None:
    found = {each.pattern for each in in_schemas()}
    assert {"^[0-9]+(m|s)", r"^[^\x00-\x1f\x7f-\x9f]*$"} < found
    assert list(faults(in_schemas())) == []
