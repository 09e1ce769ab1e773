"""What the controller sends is read; whatever else comes is told."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canary_adapters.loadtester.payload import Payload, PayloadError, read_payload


def test_the_controllers_payload_is_read() -> None:
    body = b'{"name":"app","namespace":"here","phase":"Progressing","checksum":"x","metadata":{"cmd":"hey"},"new":1}'
    expected = Payload(name="app", namespace="here", phase="Progressing", metadata={"cmd": "hey"})
    assert read_payload(body) == expected


@pytest.mark.parametrize("body", [b'{"name":"app"}', b'{"name":"app","namespace":null,"metadata":null}'])
def test_what_is_missing_is_empty(body: bytes) -> None:
    assert read_payload(body) == Payload(name="app")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "payload: must be JSON"),
        (b"{", "payload: must be JSON"),
        (b"\xff{}", "payload: must be JSON"),
        (b"[" * 60_000, "payload: must be JSON"),
        (b"1" * 60_000, "payload: must be JSON"),
        (b"null", "payload: must be a JSON object"),
        (b"[]", "payload: must be a JSON object"),
        (b'{"name":1}', "name: must be a string"),
        (b'{"namespace":["x"]}', "namespace: must be a string"),
        (b'{"name":"' + b"x" * 254 + b'"}', "name: at most 253 characters"),
        (b'{"metadata":[]}', "metadata: must be an object of strings"),
        (b'{"metadata":{"a\\u001b[2J":true}}', "metadata: keys are at most 253 characters"),
        (b'{"metadata":{"cmd":true}}', "cmd: must be a string"),
        (b'{"metadata":{"cmd":"a\\u0000b"}}', r"cmd: character U\+0000 must not be in it; it is at 2"),
        (b'{"metadata":{"cmd":"a\\ud800b"}}', r"cmd: character U\+D800 must not be in it"),
        (b'{"metadata":{"cmd":"hey \\u001b[2J"}}', r"cmd: character U\+001B must not be in it; it is at 5"),
        (b'{"metadata":{"cmd":"hey \\u009b2J"}}', r"cmd: character U\+009B must not be in it"),
        (b'{"name":"a\\nb"}', r"name: character U\+000A must not be in it"),
        (b'{"namespace":"a\\u2028b"}', r"namespace: character U\+2028 must not be in it"),
        (b'{"phase":"\\u007f"}', r"phase: character U\+007F must not be in it; it is at 1"),
    ],
)
def test_what_is_no_payload_is_told(body: bytes, words: str) -> None:
    with pytest.raises(PayloadError, match=words):
        read_payload(body)


def test_a_command_may_have_lines_and_tabs() -> None:
    read = read_payload(b'{"metadata":{"cmd":"hey \\\\\\n\\t-z 1m\\r\\n\xc3\xa9"}}')
    assert read.metadata == {"cmd": "hey \\\n\t-z 1m\r\n\u00e9"}


def test_metadata_is_not_shown() -> None:
    assert "hush" not in repr(read_payload(b'{"metadata":{"cmd":"curl -u me:hush"}}'))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(max_size=5), parts, max_size=3),
)


@given(st.binary() | st.dictionaries(st.sampled_from(["name", "namespace", "metadata"]), JSON).map(json.dumps))
def test_every_body_is_a_payload_or_an_error(body: bytes | str) -> None:
    found: Payload | PayloadError
    try:
        found = read_payload(body.encode() if isinstance(body, str) else body)
    except PayloadError as error:
        found = error
    if isinstance(found, PayloadError):
        assert ": " in str(found)
        assert str(found).isprintable()
    else:
        assert all(isinstance(value, str) for value in (found.metadata or {}).values())
