"""Whatever comes in the place of an answer of the API server is a typed error, and never news of an object."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.client import Configuration
from urllib3.connection import HTTPConnection

import canary_adapters.kubernetes.api as api_module
from canary_adapters.controller.election import Election, Fence, LeaseTimes
from canary_adapters.istio.resources import VIRTUAL_SERVICES
from canary_adapters.kubernetes.answers import AbsentError, as_object, as_page, content_of
from canary_adapters.kubernetes.api import Api, UnknownKindError
from canary_adapters.kubernetes.credentials import follow_token
from canary_adapters.kubernetes.resources import CANARIES, DEPLOYMENTS, SERVICES, Obj
from canary_ports import PortError, RefusedError, UnavailableError
from laboratories.lab import eventually
from peers.raw_server import Answering, Asked, RawServer, answer

WHOLE = {"metadata": {"name": "a", "namespace": "here", "uid": "1", "resourceVersion": "7"}}
KEEPALIVE = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT")
STATUS = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}


@contextmanager
def asking(script: Callable[[Asked, Answering], None]) -> Iterator[Api]:
    with RawServer(script) as server:
        configuration = Configuration()
        configuration.host = server.url
        api = Api(configuration)
        yield api
        api.close()


def saying(data: bytes) -> Callable[[Asked, Answering], None]:
    return lambda _, to: to.send(data)


def everything(api: Api) -> Iterator[Callable[[], object]]:
    """Each kind of request once."""
    yield lambda: api.read(SERVICES, "here", "a")
    yield lambda: api.list(SERVICES, "here")
    yield lambda: api.create(SERVICES, "here", {"metadata": {"name": "a"}})
    yield lambda: api.replace(SERVICES, WHOLE)
    yield lambda: api.patch(SERVICES, WHOLE, {})
    yield lambda: api.get("/version")


@pytest.mark.parametrize("status", [200, 302, 401, 403, 404, 409, 422, 500, 503])
@pytest.mark.parametrize("form", ["page", "json", "status"])
def test_a_proxy_that_repeats_what_it_was_sent_gives_no_token_away(status: int, form: str) -> None:
    token = "eyJhbGciOi.s3cr3t-bird." + "x" * 300

    def script(asked: Asked, to: Answering) -> None:
        headers = json.dumps(asked.headers)
        page = {"page": f"<html>{headers}" + "y" * 300_000, "json": headers}
        said: object = {**STATUS, "message": f"no such thing: {headers}"} if form == "status" else page[form].encode()
        to.send(answer(said, status=status))

    with RawServer(script) as server:
        configuration = Configuration(host=server.url)
        configuration.api_key["BearerToken"] = f"Bearer {token}"
        api = Api(configuration)
        said = list[str]()
        for request in everything(api):
            try:
                request()
            except PortError as error:
                said.append(f"{error} {error!r}")
        api.close()
    assert all(asked.headers["authorization"] == f"Bearer {token}" for asked in server.asked)
    assert said or status == 200
    assert not [text for text in said if "s3cr3t" in text or "eyJhb" in text]


NO_ANSWERS = {
    "an empty body": answer(b""),
    "a page": answer(b"<html><body>504 Gateway Time-out</body></html>"),
    "half of the JSON": answer(json.dumps(WHOLE).encode()[:40]),
    "less than was announced": answer(json.dumps(WHOLE).encode(), Content_Length="5000"),
    "nested too deeply": answer(b"[" * 200_000),
    "a number too long": answer(b"1" * 5000),
    "no object": answer([WHOLE]),
    "a redirect": answer(WHOLE, status=302, Location="http://127.0.0.1:1/"),
    "nothing modified": b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n",
    "an unknown status": answer({}, status=599),
    "another unknown status": answer(b"slow down", status=420),
    "an error with odd details": answer({"details": ["x"], "message": {"a": 1}}, status=500),
    "a 404 of somebody else": answer(b"no such host is configured here", status=404),
    "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n",
    "nothing": b"",
}


@pytest.mark.parametrize("what", NO_ANSWERS)
def test_what_is_no_answer_leaves_everything_open(what: str) -> None:
    """No object comes of it, no absence, and no conflict: whether the request had an effect is not known."""
    with asking(saying(NO_ANSWERS[what])) as api:
        for ask in everything(api):
            try:
                found = ask()
            except UnavailableError:
                continue
            assert (what, found) == ("an empty body", {})  # of /version, on which nothing rests


OTHER_SHAPES: list[Any] = [
    {},
    {"kind": "Status", "status": "Success"},
    {"metadata": None},
    {"metadata": {**WHOLE["metadata"], "resourceVersion": ""}},
    {"metadata": {**WHOLE["metadata"], "resourceVersion": "9x"}},
    {"metadata": {**WHOLE["metadata"], "uid": 7}},
    {"metadata": {"name": "a"}},
]


@pytest.mark.parametrize("content", OTHER_SHAPES)
def test_an_object_without_identity_or_version_is_none(content: Any) -> None:
    with asking(saying(answer(content))) as api:
        for ask in list(everything(api))[:-1]:
            with pytest.raises(UnavailableError):
                ask()
    page = answer({"metadata": {"resourceVersion": "1"}, "items": [content]})
    with asking(saying(page)) as api, pytest.raises(UnavailableError):
        api.list(SERVICES, "here")


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda x: (
            st.lists(x)
            | st.dictionaries(
                st.sampled_from(
                    ["metadata", "items", "kind", "message", "details", "name", "resourceVersion", "continue"]
                ),
                x,
            )
        ),
    ),
    st.integers(100, 999),
)
def test_no_json_and_no_status_raises_anything_else(content: Any, status: int) -> None:
    data = json.dumps(content).encode()
    for read in (as_page, as_object):
        with suppress(PortError, AbsentError):
            assert read("GET /", content_of("GET /", status, {}, data))


@pytest.mark.parametrize(
    ("status", "message"),
    [(413, "Request entity too large: limit is 3145728"), (500, "etcdserver: request is too large")],
)
def test_what_is_too_large_is_refused(status: int, message: str) -> None:
    """To try it again would not help, as it does when a server is in trouble."""
    with pytest.raises(RefusedError, match=f"{message}; .* make it smaller") as refused:
        content_of("PUT /", status, {}, json.dumps({**STATUS, "code": status, "message": message}).encode())
    assert refused.value.reason == "TooLarge"
    with pytest.raises(UnavailableError):
        content_of("PUT /", 500, {}, json.dumps({**STATUS, "message": "etcdserver: request timed out"}).encode())


def test_only_the_api_server_can_say_that_there_is_no_object() -> None:
    with asking(saying(answer(STATUS, status=404))) as api:
        assert api.read(SERVICES, "here", "a") is None
        api.delete(SERVICES, WHOLE)
    with asking(saying(answer(b"404 page not found\n", status=404))) as api:
        with pytest.raises(UnavailableError, match="not from the API server"):
            api.read(SERVICES, "here", "a")
        with pytest.raises(UnavailableError, match="not from the API server"):
            api.delete(SERVICES, WHOLE)


def _discovery(*plurals: str, bare: str) -> Callable[[Asked, Answering], None]:
    """A server that has these kinds of flagger.app, and answers 404 to one path all the same."""
    versions = [{"groupVersion": "flagger.app/v1beta1", "version": "v1beta1"}]
    documents = {
        "/apis": {"groups": [{"name": "flagger.app", "versions": versions}] if plurals else []},
        "/apis/flagger.app/v1beta1": {"resources": [{"name": name} for name in plurals]},
    }

    def script(asked: Asked, to: Answering) -> None:
        path = asked.target.partition("?")[0]
        assert path in documents or bare in path
        to.send(answer(documents[path]) if path in documents else answer(b"404 page not found\n", status=404))

    return script


def test_a_bare_404_is_believed_only_if_the_server_has_no_such_kind() -> None:
    """Load balancers and starting servers answer 404 for a while: that must not pass for an empty cluster."""
    with asking(_discovery(bare="canaries")) as api, pytest.raises(UnknownKindError):
        api.list(CANARIES, None)
    with asking(_discovery("metrictemplates", bare="canaries")) as api, pytest.raises(UnknownKindError):
        api.list(CANARIES, None)
    with asking(_discovery("canaries", bare="virtualservices")) as api, pytest.raises(UnknownKindError):
        api.list(VIRTUAL_SERVICES, None)
    for resource, plural in ((CANARIES, "canaries"), (DEPLOYMENTS, "deployments")):
        with asking(_discovery("canaries", bare=plural)) as api, pytest.raises(UnavailableError) as refused:
            api.list(resource, None)
        assert not isinstance(refused.value, UnknownKindError)


@pytest.mark.parametrize("part", ["headers", "body"])
def test_an_answer_that_drips_is_cut(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_module, "TIMEOUT_S", (0.3, 0.3))
    monkeypatch.setattr(api_module, "WHOLE_S", 0.3)
    ended = threading.Event()

    def script(_: Asked, to: Answering) -> None:
        whole = answer(b" " * 1000 + json.dumps(WHOLE).encode())
        head = whole.index(b"\r\n\r\n") + 4 if part == "body" else 0
        to.send(whole[:head])
        try:
            to.drip(whole[head:], 0.05)
        except OSError:
            ended.set()

    with asking(script) as api:
        with pytest.raises(UnavailableError):
            api.read(SERVICES, "here", "a")
        assert ended.wait(30)


def test_connections_are_probed_so_that_a_silent_end_is_noticed() -> None:
    def script(_: Asked, to: Answering) -> None:
        to.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        to.silence()

    with asking(script) as api:
        response = api.watch(SERVICES, None, resource_version="1", timeout_s=5)
        assert isinstance(response.connection, HTTPConnection)
        sock = response.connection.sock
        assert sock is not None
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        probing = [sock.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in KEEPALIVE]
        response.close()
    idle_s, interval_s, count = probing
    assert idle_s + interval_s * count <= 180


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", None], ids=["empty", "no text", "missing"])
def test_while_a_token_file_has_no_token_the_last_one_goes_on(tmp_path: Path, content: bytes | None) -> None:
    """The kubelet rotates tokens; what reads the file in that moment must not end in anything worse."""
    token = tmp_path / "token"
    with RawServer(saying(answer(WHOLE))) as server:
        configuration = Configuration()
        configuration.host = server.url
        token.write_text("old\n")
        follow_token(configuration, token)
        api = Api(configuration)
        for each in (b"old\n", content, b"new"):
            token.unlink(missing_ok=True)
            if each is not None:
                token.write_bytes(each)
            api.read(SERVICES, "here", "a")
        api.close()
        shown = [each.headers["authorization"] for each in server.asked]
        assert shown == ["Bearer old", "Bearer old", "Bearer new"]


GARBAGE: list[tuple[str, Obj]] = [
    ("a bare object", {}),
    ("odd turns", {**WHOLE, "spec": {"leaseTransitions": "many", "holderIdentity": "x"}}),
    ("an odd spec", {**WHOLE, "spec": [1]}),
]


@pytest.mark.parametrize(("what", "content"), GARBAGE, ids=[what for what, _ in GARBAGE])
def test_the_election_outlives_every_answer(what: str, content: Obj) -> None:
    """An election that ends without a word leaves a process that never acts and never ends."""
    garbage = threading.Event()
    garbage.set()
    lease: Obj = {**WHOLE, "spec": {}}

    def script(asked: Asked, to: Answering) -> None:
        to.send(answer(content if garbage.is_set() else (json.loads(asked.body) if asked.body else lease)))

    leads, lost = threading.Event(), threading.Event()
    with RawServer(script) as server:
        configuration = Configuration()
        configuration.host = server.url
        api = Api(configuration)
        election = Election(
            api, namespace="here", identity="me", fence=Fence(), on_start=leads.set, on_lost=lost.set,
            times=LeaseTimes.of(3),
        )  # fmt: skip
        election.start()
        eventually(lambda: len(server.asked) >= 2)
        garbage.clear()
        assert leads.wait(20)
        assert not lost.is_set()
        election.stop()
        api.close()
