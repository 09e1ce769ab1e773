"""What one answer says has no effect on a later request, and connections are not shared between namespaces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from kubernetes.client import Configuration

from canary_adapters.by_namespace import ByNamespace
from canary_adapters.kubernetes.api import Api
from canary_adapters.manifests.declare import Table
from canary_adapters.prometheus import PrometheusPool
from canary_adapters.prometheus.pool import SHARED, Server
from canary_adapters.webhook import HttpPool, NoAnswerError
from peers.http_peers import Behaviour, Caller, Peer

VECTOR = b'{"status": "success", "data": {"resultType": "scalar", "result": [1, "1"]}}'
COOKIES = (
    b"Set-Cookie: plain=1\r\nSet-Cookie: whole=2; Path=/; Expires=Fri, 01 Jan 2100 00:00:00 GMT; HttpOnly\r\n"
    b"Set-Cookie2: old=3; Version=1\r\n"
)
Client = Callable[[str], None]
"""Makes a request to an address, whatever comes of it."""


def _head(status: bytes, body: bytes, *more: bytes) -> bytes:
    return b"".join(
        (b"HTTP/1.1 ", status, b"\r\nContent-Type: application/json\r\n", COOKIES, *more,
         b"Content-Length: ", str(len(body)).encode(), b"\r\n\r\n", body)
    )  # fmt: skip


def _redirecting(to: Callable[[], str], body: bytes = VECTOR) -> Behaviour:
    """Sends whoever asks for /from to another address."""

    async def behave(caller: Caller) -> None:
        while (seen := await caller.request()) is not None:
            if "/from" in seen.line:
                location = f"Location: {to()}\r\n".encode()
                await caller.send(_head(b"307 There", b"", location))
            else:
                await caller.send(_head(b"200 OK", body))

    return behave


def _below(url: str) -> str:
    return f"{url}/to"


@contextmanager
def _webhook(namespace: str = "here", **headers: str) -> Iterator[Client]:
    pool = HttpPool()

    def post(url: str) -> None:
        pool.post(url, {}, namespace=namespace, timeout_s=10, retries=1, headers=headers)

    yield post
    pool.close()


@contextmanager
def _prometheus(namespace: str = "here", **headers: str) -> Iterator[Client]:
    pool = PrometheusPool()

    def query(url: str) -> None:
        assert pool.query(Server(url=url, headers=Table(headers)), "up", namespace=namespace) == [1.0]

    yield query
    pool.close()


@contextmanager
def _kubernetes() -> Iterator[Client]:
    apis: dict[str, Api] = {}

    def get(url: str) -> None:
        if url not in apis:
            apis[url] = Api(Configuration(host=url.removesuffix("/from")))
        apis[url].get("/version")

    yield get
    for api in apis.values():
        api.close()


CLIENTS = {"webhooks and alerts": _webhook, "prometheus": _prometheus, "kubernetes": _kubernetes}


@pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS.keys())
def test_a_cookie_is_never_sent_again(client: Callable[[], object]) -> None:
    """To the same host, over the same connection, for the same canary."""
    with Peer(_redirecting(lambda: "/")) as peer, client() as ask:  # type: ignore[attr-defined]
        for _ in range(3):
            ask(peer.url)
        assert len(peer.requests) == 3
        assert peer.connections == 1
        assert [seen.headers.get("cookie") for seen in peer.requests] == [None] * 3


@pytest.mark.parametrize("client", [_webhook, _prometheus])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_cookie_is_not_sent_to_where_a_redirect_leads(client: Callable[[], object], elsewhere: bool) -> None:
    peers: list[Peer] = []
    behaviour = _redirecting(lambda: f"{peers[elsewhere].url}/to")
    with Peer(behaviour) as peer, Peer(behaviour) as other, client() as ask:  # type: ignore[attr-defined]
        peers += [peer, other]
        ask(f"{peer.url}/from")
        seen = [*peer.requests, *other.requests]
        assert len(seen) == 2
        assert not any("cookie" in each.headers for each in seen)


# -- Redirects ------------------------------------------------------------------------------------------------------

SECRETS = {"Authorization": "Bearer hush", "X-Scope-OrgID": "hush", "X-Api-Key": "hush", "Cookie": "hush=1"}


@pytest.mark.parametrize("client", [_webhook, _prometheus])
def test_what_was_declared_is_not_sent_on_to_another_host(client: Callable[..., object]) -> None:
    """Another port is another host, and so is another name of the same one."""
    with Peer(_redirecting(lambda: "")) as other:
        for to in (other.url, other.url.replace("127.0.0.1", "localhost")):
            other.requests.clear()
            with Peer(_redirecting(partial(_below, to))) as peer:
                with client(**SECRETS) as ask:  # type: ignore[attr-defined]
                    ask(f"{peer.url}/from")
                assert [peer.requests[0].headers[name.lower()] for name in SECRETS] == list(SECRETS.values())
                assert len(other.requests) == 1
                sent = other.requests[0]
                assert "hush" not in f"{sent.headers}{sent.line}{sent.body!r}"
                assert not {name.lower() for name in SECRETS} & sent.headers.keys()


def test_the_user_of_an_address_is_not_sent_on_to_another_host() -> None:
    with Peer(_redirecting(lambda: "")) as other, Peer(_redirecting(lambda: f"{other.url}/to")) as peer:
        for client in (_webhook, _prometheus):
            with client() as ask:
                ask(f"{peer.url.replace('http://', 'http://me:hush@')}/from")
        assert [bool(seen.headers.get("authorization")) for seen in peer.requests] == [True, True]
        assert [seen.headers.get("authorization") for seen in other.requests] == [None, None]


def test_what_has_been_left_out_once_stays_so_when_the_way_leads_back() -> None:
    async def back(caller: Caller) -> None:
        while await caller.request():
            await caller.send(_head(b"307 Back", b"", f"Location: {peer.url}/back\r\n".encode()))

    with Peer(back) as other, Peer(_redirecting(lambda: f"{other.url}/to")) as peer:
        with _prometheus(**SECRETS) as ask:
            ask(f"{peer.url}/from")
        assert [seen.line.split()[1].split("?")[0] for seen in peer.requests] == ["/from/api/v1/query", "/back"]
        assert peer.requests[0].headers["x-api-key"] == "hush"
        assert "hush" not in str(peer.requests[1].headers)


def test_on_the_same_host_all_of_it_is_sent_on() -> None:
    with Peer(_redirecting(lambda: "/to")) as peer:
        with _prometheus(**{**SECRETS, "Cookie": ""}) as ask:
            ask(f"{peer.url}/from")
        assert [seen.headers["x-api-key"] for seen in peer.requests] == ["hush", "hush"]


def test_what_makes_the_request_goes_on_to_another_host() -> None:
    with Peer(_redirecting(lambda: "")) as other, Peer(_redirecting(lambda: f"{other.url}/to")) as peer:
        pool = HttpPool()
        key = {"Idempotency-Key": "k"}
        assert pool.post(f"{peer.url}/from", {"a": 1}, namespace="here", timeout_s=10, headers=key).ok
        pool.close()
        sent = other.requests[0]
        assert (sent.line, sent.body) == ("POST /to HTTP/1.1", b'{"a": 1}')
        assert (sent.headers["content-type"], sent.headers["idempotency-key"]) == ("application/json", "k")


# -- Connections ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("client", [_webhook, _prometheus])
def test_no_connection_is_used_for_two_namespaces(client: Callable[[str], object]) -> None:
    pool, prometheus = HttpPool(), PrometheusPool()
    with Peer(_redirecting(lambda: "")) as peer:
        for _ in range(3):
            for namespace in ("one", "two", "three"):
                if client is _webhook:
                    pool.post(peer.url, {}, namespace=namespace, timeout_s=10)
                else:
                    prometheus.query(Server(url=peer.url), "up", namespace=namespace)
        assert (len(peer.requests), peer.connections) == (9, 3)
        if client is _prometheus:
            for _ in range(3):
                prometheus.query(Server(url=peer.url), "up", namespace=SHARED)
            assert (len(peer.requests), peer.connections) == (12, 4)
    pool.close()
    prometheus.close()


def test_what_is_kept_of_a_namespace_is_not_displaced_by_another() -> None:
    kept: ByNamespace[int, object] = ByNamespace(each=4, namespaces=100)
    mine = kept.get("mine", 0, object)
    for number in range(1000):
        kept.get("theirs", number, object)
    assert kept.get("mine", 0, object) is mine
    assert len(kept) == 5
    assert kept.get("theirs", 999, object) is kept.get("theirs", 999, object)


def test_what_is_kept_is_bounded_whatever_the_number_of_namespaces() -> None:
    kept: ByNamespace[int, object] = ByNamespace(each=2, namespaces=3)
    for number in range(100):
        kept.get(f"namespace-{number}", number % 5, object)
    assert len(kept) == 3
    assert len(kept.clear()) == 3
    assert len(kept) == 0


# -- Proxies --------------------------------------------------------------------------------------------------------


def test_a_proxy_that_drips_its_consent_is_no_answer() -> None:
    """What it says before the handshake has an end as a whole."""

    async def drip(caller: Caller) -> None:
        await caller.request()
        await caller.send(b"HTTP/1.1 200 OK\r\n")
        for _ in range(200):
            await caller.send(b"X: y\r\n")
            await caller.pause(0.05)

    with Peer(drip) as proxy:
        pool = HttpPool()
        with pytest.raises(NoAnswerError, match=r"no answer within 0\.3 s"):
            pool.post("https://hooks.test/", {}, namespace="here", timeout_s=0.3, proxy=proxy.url)
        pool.close()
