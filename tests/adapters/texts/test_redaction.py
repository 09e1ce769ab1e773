"""Credentials are struck out of texts however they are spelled, and nothing else is."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from canary_adapters.redaction import LONGEST, CredentialsTooLongError, Redaction, struck_by_current
from canary_adapters.spellings import PIECE

SECRET = 's3cr3t/bird+\\\u00fc&"x'  # noqa: S105
Spelling = Callable[[str], str]


def _in_json(text: str) -> str:
    return json.dumps(text)[1:-1]


def _escaped(text: str) -> str:
    """Each character, as JSON may have it."""
    units = text.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02X}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _b64(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "surrogatepass")).decode()


SPELLINGS: dict[str, Spelling] = {
    "raw": str,
    "base64": _b64,
    "base64, without padding": lambda text: _b64(text).rstrip("="),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).decode(),
    "base64 of something longer": lambda text: _b64(f"the secret is {text}, is it"),
    "base64 in lines": lambda text: base64.encodebytes(f"{text} {'y' * 80}".encode("utf-8", "surrogatepass")).decode(),
    "percent": lambda text: quote(text, safe="", errors="surrogatepass"),
    "percent, each": lambda text: "".join(f"%{byte:02x}" for byte in text.encode("utf-8", "surrogatepass")),
    "form": lambda text: quote_plus(text, errors="surrogatepass"),
    "JSON": _in_json,
    "JSON, each": _escaped,
    "JSON in JSON": lambda text: _in_json(_in_json(text)),
    "percent in JSON": lambda text: _in_json(quote(text, safe="", errors="surrogatepass")),
    "HTML": html.escape,
    "HTML, each": lambda text: "".join(f"&#{ord(character)};" for character in text),
    "Python": lambda text: repr(text.encode("utf-8", "surrogatepass"))[2:-1],
    "hexadecimal": lambda text: text.encode("utf-8", "surrogatepass").hex(),
    "folded": lambda text: f"{text[:2]}\r\n {text[2:]}",
    "folded JSON": lambda text: _in_json(f"{text[:3]}\r\n\t{text[3:]}"),
    "two bytes a character": "\0".join,
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_secret_is_struck_out_in_every_spelling(spelling: str) -> None:
    found = Redaction.of(others=[SECRET]).strike(f"before <{SPELLINGS[spelling](SECRET)}> after")
    assert found.startswith("before <")
    assert found.endswith("> after")
    assert "***" in found
    if spelling not in {"base64 of something longer", "base64 in lines"}:
        assert found == "before <***> after"


texts = st.text(
    st.characters(min_codepoint=33, exclude_categories=["Cs", "Cc"], exclude_characters="~"), min_size=6, max_size=40
)
neutral = st.text("~", max_size=20)


CODES = [spelling for spelling in SPELLINGS if spelling.startswith(("base64", "hexa"))]
ESCAPES = [spelling for spelling in SPELLINGS if spelling not in {*CODES, "form"}]


@given(texts, st.sampled_from(sorted(SPELLINGS)), st.sampled_from(ESCAPES), neutral, neutral)
@example("\U0001f600" * 4, "JSON, each", "percent", "", "")
@example("100%25 & more", "percent", "JSON", "", "")
@example("a\\u0041b\\n", "JSON", "percent", "", "")
def test_no_part_of_a_secret_is_left_in_two_spellings_on_top_of_each_other(
    secret: str, inner: str, outer: str, before: str, after: str
) -> None:
    inside, text = SPELLINGS[inner](secret), SPELLINGS[outer](SPELLINGS[inner](secret))
    found = Redaction.of(others=[secret]).strike(f"{before}{text}{after}")
    assert "***" in found
    assert secret not in found
    assert inside not in found
    assert found.startswith(before)
    assert found.endswith(after)


@given(texts, st.data())
def test_a_secret_that_our_own_bound_cuts_leaves_nothing(secret: str, data: st.DataObject) -> None:
    """Whatever the spelling, wherever the end."""
    text = SPELLINGS[data.draw(st.sampled_from(["raw", "base64", "percent", "JSON", "hexadecimal"]))](secret)
    end = data.draw(st.integers(1, len(text) - 1))
    found = Redaction.of(others=[secret]).strike(f"~{text[:end]}", cut=True)
    assert found in {"~***", "~"}


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=30, max_size=60), st.data())
def test_a_long_part_of_a_secret_is_struck_out_wherever_somebody_else_cuts_it(secret: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(secret) - PIECE))
    part = secret[start : data.draw(st.integers(start + PIECE, len(secret)))]
    assert part not in Redaction.of(others=[secret]).strike(f"no token {part}... is known")


@given(st.lists(texts, max_size=3), st.text("abc xyz,.%\\&;=/\n0", max_size=300))
def test_nothing_else_is_struck_out(secrets: list[str], text: str) -> None:
    if not any(set(secret) <= set("abc xyz,.%\\&;=/0") for secret in secrets):
        kept = [secret for secret in secrets if len(secret) >= 8]
        assert Redaction.of(others=kept).strike(text) in {text, text.replace("\ud800", "")}


@pytest.mark.parametrize(
    ("urls", "headers", "text", "expected"),
    [
        (("https://me:pa55@h.test/",), {}, "me: no user me with pa55; me:pa55", "me: no user me with ***; ***"),
        (("https://%6de%21:p%40ss@h.test/",), {}, "user me! p@ss p%40ss bWUhOnBAc3M=", "user me! *** *** ***"),
        (
            ("https://hooks.test/services/T0A1B2C3D/B9Z8Y7X6W/abcDEFghiJKLmnoPQRstuVWX",),
            {},
            "no service at /services/T0A1B2C3D/B9Z8Y7X6W/abcDEFghiJKLmnoPQRstuVWX: B9Z8Y7X6W, abcDEFghiJKLmnoPQ",
            "no service at ***: ***, ***",
        ),
        (
            ("http://loadtester.test/gate/check",),
            {},
            "gate app.here is closed: check again",
            "gate app.here is closed: check again",
        ),
        (("http://h.test/?key=abcdefgh&n=12",), {}, "key abcdefgh, n=12 of 12", "key ***, *** of 12"),
        (("not an address",), {}, "bad: not an address", "bad: ***"),
        ((), {"Authorization": "Bearer t0ken"}, "Bearer t0ken / t0ken / Bearer", "*** / *** / Bearer"),
        ((), {"Authorization": "Basic bWU6aHVzaA=="}, "bWU6aHVzaA== is me:hush, hush", "*** is ***, ***"),
        ((), {"X-Scope-OrgID": "team-a"}, "no org id team-a", "no org id ***"),
        ((), {"X-Keys": "first, second"}, "first second first, second", "*** *** ***"),
        ((), {"Accept": "text/plain"}, "use text/plain", "use text/plain"),
        ((), {"X-Scope-OrgID": "1"}, "1 of 11 series", "1 of 11 series"),
    ],
)
def test_what_is_a_credential(urls: tuple[str, ...], headers: dict[str, str], text: str, expected: str) -> None:
    assert Redaction.of(*urls, headers=headers).strike(text) == expected


def test_short_ones_are_struck_out_in_their_pair_only() -> None:
    redaction = Redaction.of(user="a", password="bcd")  # noqa: S106
    assert redaction.strike("a bcd a:bcd YTpiY2Q=") == "a bcd *** ***"


def test_an_answer_is_one_line_without_markup_credentials_and_controls() -> None:
    redaction = Redaction.of(headers={"Authorization": "Bearer hush-token"})
    page = "<html><body><h1>401</h1>\n<p>Token hush-<b></b>token? hush\x00-to\r\n ken\x1b[1m</p>"
    assert redaction.said(page, 100) == "401 Token hush- token? ***\ufffd[1m"
    assert redaction.said("x" * 100, 10) == "xxxxxxx..."


def test_a_text_is_struck_before_it_is_cut() -> None:
    redaction = Redaction.of(others=["hush-token"])
    for before in range(100):
        for text in (f"{'.' * before}hush-token", f"{'.' * before}hush-token and more {'.' * 100}"):
            assert "h" not in redaction.said(text, 50).replace("and", "")
    assert "h" not in redaction.said(" " * 8180 + "." * 8186 + "hush-token", 8192)


@pytest.mark.parametrize(("number", "is_secret"), [(12345678.0, True), (1234.0, False), (99.5, False)])
def test_a_number_may_be_a_secret(number: float, is_secret: bool) -> None:
    redaction = Redaction.of(headers={"X-Scope-OrgID": "1234", "Authorization": "Bearer 12345678"})
    assert redaction.is_secret(number) is is_secret


def test_what_is_sent_is_bounded() -> None:
    with pytest.raises(CredentialsTooLongError, match="8192"):
        Redaction.of(others=["x" * (LONGEST + 1)])


def test_texts_of_whoever_runs_during_a_request_are_struck() -> None:
    redaction = Redaction.of(others=["hush-token"])
    with redaction.during():
        assert struck_by_current("a hush-token") == "a ***"
    assert struck_by_current("a hush-token") == "a hush-token"


def test_nothing_of_it_is_shown() -> None:
    assert "hush" not in repr(Redaction.of("http://hush:hush@hush.test/hush-hush", others=["hush-token"]))
