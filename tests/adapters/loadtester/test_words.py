"""A command line is split as a shell would, or refused: a real shell is the judge."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from canary_adapters.loadtester.words import NotPlainError, split

ARTICLE = "hey -z 1m -q 10 -c 2 http://fleet-simple-app-canary.canary-demo:8080"
PIECES = [*"'\"\\ \t\n$`|&;<>()#~=*?aé"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ARTICLE, tuple(ARTICLE.split())),
        ("  hey\t-z  1m \n", ("hey", "-z", "1m")),
        ("hey \\\n  -z 1m", ("hey", "-z", "1m")),
        ("a 'b c' \"d e\" f\\ g", ("a", "b c", "d e", "f g")),
        ('hey -H "X: y|z;" -d \'{"a": "$b"}\'', ("hey", "-H", "X: y|z;", "-d", '{"a": "$b"}')),
        (r'a "\"\$\`\\\n" \$x', ("a", '"$`\\\\n', "$x")),
        ("a ''", ("a", "")),
        ("a b=c#d e~f http://x/?q=1*2", ("a", "b=c#d", "e~f", "http://x/?q=1*2")),
        ("", ()),
        (" \n", ()),
    ],
)
def test_words_are_those_of_a_shell(text: str, expected: tuple[str, ...]) -> None:
    assert split(text) == expected


@pytest.mark.parametrize(
    ("text", "what", "position"),
    [
        ("a | b", "`|`", 3),
        ("a || b", "`||`", 3),
        ("a && b", "`&&`", 3),
        ("a &", "`&`", 3),
        ("a;b", "`;`", 2),
        ("a $(b)", "`$(`", 3),
        ("a $HOME", "`$`", 3),
        ('a "$HOME"', "`$` in double quotes", 3),
        ('a "`b`"', "``` in double quotes", 3),
        ("a `b`", "```", 3),
        ("a > b", "`>`", 3),
        ("a 2>&1", "`>`", 4),
        ("a < b", "`<`", 3),
        ("a\nb", "a second line", 2),
        ("a # b", "`#` at the beginning of a word", 3),
        ("a ~/b", "`~` at the beginning of a word", 3),
        ("A=b c", "a variable that is set for the command", 1),
        ("a 'b", "a quote that is not closed", 3),
        ('a "b', "a quote that is not closed", 3),
        ("a \\", "a backslash with nothing after it", 3),
    ],
)
def test_what_needs_a_shell_is_named(text: str, what: str, position: int) -> None:
    with pytest.raises(NotPlainError) as caught:
        split(text)
    assert (caught.value.what, caught.value.position) == (what, position)


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
@example("''a\"\\\n\"")
@example("a\\\n#b")
def test_what_is_taken_means_the_same_to_a_shell(text: str) -> None:
    """As arguments, so that the shell looks for no program, and with patterns off."""
    try:
        words = split(text)
    except NotPlainError:
        return
    # A shell overlooks lines that are empty before the command; here, they would end it.
    script = f'set -f; set -- {text.lstrip()}\nprintf \'%s\\0\' "$#" "$@"'
    done = subprocess.run(["sh", "-c", script], capture_output=True, check=True, timeout=60)
    count, *found = done.stdout.decode().split("\0")[:-1]
    assert (int(count), tuple(found)) == (len(words), words)


@given(st.text(st.characters(exclude_characters="\0", codec="utf-8")))
def test_quoted_text_is_one_word_whatever_it_is(text: str) -> None:
    assert split(f"a {shlex.quote(text)}") == ("a", text)


def test_a_pattern_stays_as_it_is(tmp_path: Path) -> None:
    """A shell would replace it if files match; ours never does."""
    assert split(f"hey {tmp_path.parent}/*") == ("hey", f"{tmp_path.parent}/*")
