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
        (b'{"metadata":{"cmd":true}}', "metadata.cmd: must be a string"),
        (b'{"metadata":{"cmd":"a\\u0000b"}}', r"metadata.cmd: must be text .*: U\+0000 at character 2"),
        (b'{"metadata":{"cmd":"a\\ud800b"}}', r"metadata.cmd: must be text .*: U\+D800 at character 2"),
        (b'{"metadata":{"cmd":"a\\u001bb"}}', r"metadata.cmd: must hold no control .*: U\+001B at character 2"),
        (b'{"metadata":{"x":"a\\u0000b"}}', r"metadata.x: must be text .*: U\+0000 at character 2"),
        (b'{"name":"a\\nb"}', r"name: must hold no control characters: U\+000A at character 2"),
        (b'{"namespace":"\\u009b"}', r"namespace: must hold no control characters: U\+009B at character 1"),
    ],
)
def test_what_is_no_payload_is_told(body: bytes, words: str) -> None:
    with pytest.raises(PayloadError, match=words):
        read_payload(body)


def test_commands_may_have_lines_and_messages_anything_that_can_be_written_down() -> None:
    """What others wrote comes along with events."""
    body = json.dumps({"metadata": {"cmd": "a\n\tb", "eventMessage": "\x1b[31mred"}}).encode()
    assert read_payload(body).metadata == {"cmd": "a\n\tb", "eventMessage": "\x1b[31mred"}


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
    else:
        assert all(isinstance(value, str) for value in (found.metadata or {}).values())
