"""Regular expressions of users: what RE2 takes passes, and what can be none is told, without compiling anything."""

import pytest
import re2
from hypothesis import example, given
from hypothesis import strategies as st

from canary_adapters.manifests.patterns import pattern_fault

QUIET = re2.Options()
QUIET.log_errors = False
pieces = st.sampled_from([
    *("a", "-", "]", "[", "[^", "[]", "[[:alpha:]]", "[:", ":]", "(", ")", "(?i)", "(?P<n>", "(?:", "|", "^", "$", "."),
    *("*", "+", "?", "*?", "{2}", "{2,}", "{2,3}", "{,2}", "{3,2}", "{1000}", "{1001}", "{", "}", "{a}", "\u00e9"),
    *("(?=", "(?!", "(?<", "(?P=n)", "(?P>", "(?#", "(?|"),
    *("\\1", "\\8", "\\12", "\\0", "\\Z", "\\G", "\\K", "\\k", "\\g", "\\R"),
    *("\\", "\\\\", "\\d", "\\pL", "\\p{Greek}", "\\x{41}", "\\x41", "\\Q", "\\E", "\\b", "\\z", "\\C", "&&", "--"),
])  # fmt: skip


@given(st.lists(pieces, max_size=8).map("".join) | st.text(max_size=20))
@example("\\x{41}{2}")
@example("[[a]--b]")
@example("^(.*?;)?(canary=always)(;.*)?$")
def test_what_re2_takes_passes(text: str) -> None:
    try:
        re2.compile(text, QUIET)
    except (re2.error, UnicodeEncodeError):
        return
    assert pattern_fault(text) == ""


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("(a", "a ( is not closed"),
        ("a)", "the ) at character 2 closes nothing"),
        ("x[a", "the [ at character 2 is not closed"),
        ("[]", "the [ at character 1 is not closed"),
        ("[^]", "the [ at character 1 is not closed"),
        ("[a\\]", "the [ at character 1 is not closed"),
        ("*a", "the * at character 1 repeats nothing"),
        ("(|+)", "the + at character 3 repeats nothing"),
        ("a**", "the * at character 3 repeats nothing"),
        ("a{2}{3}", "the {3} at character 5 repeats nothing"),
        ("a{3,2}", "{3,2} is no number of repetitions"),
        ("a{1001}", "{1001} is no number of repetitions"),
        ("a\\", "it ends with a backslash"),
    ],
)
def test_what_can_be_no_expression_is_told_with_its_place(text: str, fault: str) -> None:
    assert pattern_fault(text) == fault
    with pytest.raises(re2.error):
        re2.compile(text, QUIET)


@pytest.mark.parametrize(
    "text", ["(?=a)b", "(?!a)", "a(?<=a)b", "(?<!a)", "(?>a)", "(?#a)", "(a)\\1", "(?P<n>a)(?P=n)", "\\Z", "(a)\\8"]
)
def test_what_only_other_dialects_have_is_told(text: str) -> None:
    assert pattern_fault(text).startswith("RE2 has no ")
    with pytest.raises(re2.error):
        re2.compile(text, QUIET)


def test_what_looks_like_it_and_is_quoted_passes() -> None:
    for text in ("\\Q(?=\\E", "[(?=]", "\\(?=", "\\12", "(?P<n>a)", "(?i:a)", "\\\\1"):
        assert pattern_fault(text) == ""
        re2.compile(text, QUIET)
