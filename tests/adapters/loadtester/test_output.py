"""What a program writes is shown, and does nothing to whoever reads it."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from canary_adapters.loadtester.output import readable


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (b"a\tb\nc\n", "a\tb\nc\n"),
        (b"a\r\nb\rc", "a\nb\nc"),
        (b"\x1b]0;owned\x07\x1b[2J", "\ufffd]0;owned\ufffd\ufffd[2J"),
        ("\u009b2J".encode(), "\ufffd2J"),
        (b"a\0b\xffc", "a\ufffdb\ufffdc"),
        ("safe\u202eexe.txt".encode(), "safe\ufffdexe.txt"),
        ("a\u2028b\u200bc".encode(), "a\ufffdb\ufffdc"),
        (
            "caf\u00e9 \u65e5\u672c \U0001f468\u200d\U0001f469".encode(),
            "caf\u00e9 \u65e5\u672c \U0001f468\u200d\U0001f469",
        ),
        ("no\u00a0break", "no\u00a0break"),
    ],
)
def test_what_terminals_act_on_is_replaced(written: bytes | str, shown: str) -> None:
    assert readable(written) == shown


@given(st.binary() | st.text(st.characters()))
@example("\ud800")
def test_any_output_is_text_of_lines(written: bytes | str) -> None:
    shown = readable(written)
    assert readable(shown) == shown
    shown.encode()
    invisible = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert {each for each in shown if unicodedata.category(each) in invisible} <= set("\n\t\u200c\u200d")
    assert len(shown) <= len(written)
