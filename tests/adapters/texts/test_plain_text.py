"""Texts of users and servers become one line of visible characters; harmless ones stay as they are."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canary_adapters.manifests.mistakes import shown
from canary_adapters.plain_text import one_line, without_markup


@pytest.mark.parametrize(
    "text",
    [
        "Halt app.here advancement success rate 95.18% < 99%",
        'deployment "app" exceeded its progress deadline',
        "Gr\u00fc\u00dfe, \u0928\u092e\u0938\u094d\u0924\u0947, \u0645\u0631\u062d\u0628\u0627, \u4f60 \U0001f680",
        "\U0001f469\u200d\U0001f4bb at work",
        "a <b> & `c` *d* _e_ @f [g](h)",
        "",
    ],
)
def test_harmless_texts_stay_as_they_are(text: str) -> None:
    assert one_line(text, 200) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one\ntwo\r\n\tthree", "one two three"),
        ("a\u2028b\u2029c\x85d", "a b c d"),
        ("\x1b[31mred\x1b[0m", "\ufffd[31mred\ufffd[0m"),
        ("\x1b]0;title\x07", "\ufffd]0;title\ufffd"),
        ("user\u202egpj.exe", "user\ufffdgpj.exe"),
        ("pay\u200bload\ufeff", "pay\ufffdload\ufffd"),
        ("nul\x00byte \ud800 half", "nul\ufffdbyte \ufffd half"),
        ("Normal  Synced\x08\x08\x08\x08\x08\x08 Warning", "Normal Synced\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd Warning"),
        ("  blanks  ", "blanks"),
        ("x" * 30, "xxxxxxx..."),
        ("x" * 10, "xxxxxxxxxx"),
        ("x" + " " * 100 + "y", "x..."),
    ],
)
def test_what_is_acted_upon_is_replaced(text: str, expected: str) -> None:
    assert one_line(text, 10 if set(text) <= set("xy ") else 200) == expected


@given(st.text(st.characters(), max_size=60) | st.text("\x00\x1b\n\u202e\ud800\xad\u1680a", max_size=60))
def test_a_value_that_is_shown_needs_no_replacement(value: str) -> None:
    found = shown({"field": value})
    assert len(found) <= 80
    assert one_line(found, 200) == " ".join(found.split())
    assert "\N{REPLACEMENT CHARACTER}" not in found or "\N{REPLACEMENT CHARACTER}" in value


@given(st.text(st.characters(), max_size=300) | st.text("\x00\x1b\n\u202e\ud800 a", max_size=300), st.integers(3, 100))
def test_any_text_is_one_bounded_line_that_can_be_encoded(text: str, longest: int) -> None:
    found = one_line(text, longest)
    assert len(found) <= longest
    assert found.encode().decode() == found
    assert len(found.splitlines()) <= 1
    assert not [c for c in found if unicodedata.category(c) in {"Cc", "Cs"}]
    assert not any("\u202a" <= c <= "\u202e" or "\u2066" <= c <= "\u2069" for c in found)
    assert one_line(found, longest) == found


PAGE = """<!DOCTYPE html><html><head><title>502 Bad Gateway</title><style>b {color: red}</style>
<script>if (1 < 2) alert("</b>")</script></head><body><center><h1>502 Bad&nbsp;Gateway</h1></center>nginx &amp; more"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PAGE, "502 Bad Gateway 502 Bad Gateway nginx & more"),
        ("<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "AccessDenied"),
        ("<p>cut off <a href='", "cut off"),
        ("<script>never closed", ""),
        ("latency < 5 and <name> is missing", "latency < 5 and <name> is missing"),
        ("< 99%", "< 99%"),
        ("", ""),
    ],
)
def test_of_a_page_only_its_text_is_left(text: str, expected: str) -> None:
    assert one_line(without_markup(text), 200) == expected


@given(st.text("<>/! sript&;a", max_size=200))
def test_a_page_has_no_tags_left(text: str) -> None:
    """What looks like one afterwards was written as an entity, that is, as text."""
    found = without_markup(f"<p>{text.replace('&', '')}")
    assert "<" not in found
