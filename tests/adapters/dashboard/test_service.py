"""The page over HTTP: who is sent what, and what is never sent."""

from __future__ import annotations

import re
import socket
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256

import pytest
import requests

from canary_adapters.dashboard import service, streams
from canary_adapters.dashboard.callers import OwnKey
from laboratories.dashboard_room import Room, Silent, a_canary, until
from laboratories.lab import eventually

ALL: set[tuple[str, str | None]] = {("list", None)}


@pytest.fixture
def room() -> Iterator[Room]:
    with Room() as found:
        found.rights.of["all"] = ALL
        found.rights.of["shop"] = {("list", "shop")}
        yield found


def test_the_page_runs_its_own_script_and_nothing_else(room: Room) -> None:
    answer = room.get("/")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = dict(each.split(" ", 1) for each in answer.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["connect-src"] == "'self'"
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        (inner,) = re.findall(rf"<{tag}>(.*?)</{tag}>", answer.text, re.DOTALL)
        assert policy[directive] == f"'sha256-{b64encode(sha256(inner.encode()).digest()).decode()}'"
    assert not re.findall(r"\b(?:src|href)=\"(?!#|data:)", answer.text), "nothing is loaded from anywhere"
    assert not re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", answer.text)


@pytest.mark.parametrize("path", ["/", "/api/events", "/nothing"])
def test_no_answer_is_kept_framed_guessed_at_or_told_to_others(room: Room, path: str) -> None:
    headers = room.get(path).headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Frame-Options"] == "DENY"
    assert "Set-Cookie" not in headers
    assert not [name for name in headers if name.startswith("Access-Control-")]


@pytest.mark.parametrize("path", ["/api/events", "/api/canaries/shop/web", "/api/nothing"])
def test_without_a_token_there_is_nothing(room: Room, path: str) -> None:
    room.put(a_canary("shop", "web"))
    for headers in ({}, {"Authorization": "Basic YWxsOg=="}, {"Cookie": "token=all"}):
        answer = room.get(path, **headers)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert "web" not in answer.text
    assert room.get(path, "nobody").status_code == 401


@pytest.mark.slow
def test_a_stream_begins_with_all_and_goes_on_with_changes(room: Room) -> None:
    for number in range(250):
        room.put(a_canary("shop", f"web-{number:03}"))
    with room.page("all") as events:
        assert until(events, "hello")["user"] == "user of all"
        found = [each["name"] for kind, content in _until_whole(events) if kind == "canaries" for each in content]
        assert found == [f"web-{number:03}" for number in range(250)]
        room.put(a_canary("shop", "web-007", "Progressing", 30))
        (changed,) = until(events, "canaries")
        assert (changed["name"], changed["weight"]) == ("web-007", 30)
        room.remove("shop", "web-007")
        assert until(events, "gone") == {"namespace": "shop", "name": "web-007"}


def _until_whole(events: Iterator[tuple[str, object]]) -> Iterator[tuple[str, list[dict[str, object]]]]:
    for kind, content in events:
        if kind == "whole":
            return
        assert isinstance(content, list)
        yield kind, content


def test_who_may_see_one_namespace_is_sent_nothing_of_another(room: Room) -> None:
    room.put(a_canary("bank", "vault"))
    assert room.get("/api/events", "shop").status_code == 403
    assert room.get("/api/events?namespace=bank", "shop").status_code == 403
    assert room.get("/api/canaries/bank/vault", "shop").status_code == 403
    with room.page("shop", "shop") as events:
        assert list(_until_whole(_after_hello(events))) == []
        room.put(a_canary("bank", "vault", "Failed"))
        room.put(a_canary("bank", "safe"))
        room.remove("bank", "safe")
        room.put(a_canary("shop", "web"))
        kind, content = next(events)
        assert (kind, [each["name"] for each in content]) == ("canaries", ["web"])


def _after_hello(events: Iterator[tuple[str, object]]) -> Iterator[tuple[str, object]]:
    until(events, "hello")
    return events


@pytest.mark.slow
def test_a_stream_ends_when_the_right_does(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "HEARTBEAT_S", 0.1)
    with room.page("shop", "shop") as events:
        until(events, "time")
        room.rights.of["shop"] = set()
        assert until(events, "refused")["status"] == 403
        assert list(events) == []
    room.rights.of["shop"] = {("list", "shop")}
    with room.page("shop", "shop") as events:
        until(events, "time")
        del room.rights.of["shop"]
        assert until(events, "refused")["status"] == 401


def test_one_canary_is_shown_with_what_was_seen_also_where_the_api_server_is_silent(room: Room) -> None:
    for weight in (0, 10, 10, 20):
        room.put(a_canary("shop", "web", weight=weight))
    found = room.get("/api/canaries/shop/web", "shop").json()
    assert [each["weight"] for each in found["seen"]] == [0, 10, 20]
    assert (found["phase"], found["threshold"], found["unanswered"]) == ("Progressing", 5, "no answer")
    assert found["may"] is False
    missing = room.get("/api/canaries/shop/nobody", "shop")
    assert (missing.status_code, missing.json()) == (404, {"error": "no canary nobody in namespace shop"})


def test_pages_of_other_sites_are_turned_away(room: Room) -> None:
    room.put(a_canary("shop", "web"))
    path = "/api/canaries/shop/web"
    assert room.get(path, "all", Sec_Fetch_Site="same-origin", Origin=room.url).status_code == 200
    for headers in (
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
    ):
        assert room.get(path, "all", **headers).status_code == 403
        assert room.post(f"{path}/abort", "all", **headers).status_code == 403


def test_another_name_for_this_machine_leads_nowhere() -> None:
    with Room(hosts=frozenset({"127.0.0.1:1"})) as room:
        room.rights.of["all"] = ALL
        for path in ("/", "/api/events", "/api/canaries/shop/web"):
            assert room.get(path, "all").status_code == 403
        assert room.get("/", Host="127.0.0.1:1").status_code == 200


@pytest.mark.parametrize(
    "path", ["../x", "%2e%2e/x", "shop/..%2fweb", "shop/%2e%2e", "SHOP/web", "shop/web/x/y", "shop/"]
)
def test_a_path_leads_to_a_canary_or_nowhere(path: str) -> None:
    with Room(verbs=True) as room:
        room.rights.of["all"] = ALL | {("patch", None)}
        for method in ("GET", "POST"):
            head = f"{method} /api/canaries/{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer all\r\n"
            with socket.create_connection(("127.0.0.1", room.dashboard.port)) as client:
                client.sendall(f"{head}Content-Type: application/json\r\nConnection: close\r\n\r\n".encode())
                assert client.makefile("rb").readline().split()[1] in {b"404", b"405"}


@pytest.mark.parametrize("token", [b"\xff\xfe", b"x" * 20_000, "\N{SNOWMAN}".encode(), b"a b", b"'"])
def test_any_bytes_are_a_token_that_nobody_has(token: bytes) -> None:
    with (
        Room(door=OwnKey(Silent(), "ann")) as own,
        socket.create_connection(("127.0.0.1", own.dashboard.port)) as client,
    ):
        client.sendall(b"GET /api/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token + b"\r\n\r\n")
        assert client.makefile("rb").readline().split()[1] in {b"400", b"401"}


def test_buttons_are_refused_where_the_page_only_shows(room: Room) -> None:
    room.rights.of["all"] = ALL | {("patch", None)}
    answer = room.post("/api/canaries/shop/web/abort", "all")
    assert (answer.status_code, answer.json()) == (403, {"error": "this page is read-only"})


def test_a_verb_needs_json_a_known_verb_and_the_right() -> None:
    with Room(verbs=True) as room:
        room.rights.of["sees"] = ALL
        room.rights.of["acts"] = ALL | {("patch", "shop")}
        path = "/api/canaries/shop/web"
        assert room.post(f"{path}/abort", "sees").status_code == 403
        assert room.post("/api/canaries/bank/web/abort", "acts").status_code == 403
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
            assert room.post(f"{path}/abort", "acts", Content_Type=kind).status_code == 415
        assert room.post(f"{path}/destroy", "acts").status_code == 404
        assert room.post(f"{path}/abort", "acts", body="x" * 2000).status_code == 413
        assert room.get(f"{path}/abort", "acts").status_code == 405
        assert room.post(f"{path}/abort", "acts").json() == {"code": 3, "text": "no answer"}


def test_too_many_pages_are_turned_away_and_a_closed_one_makes_room(room: Room) -> None:
    pages = [_opened(room, "all") for _ in range(streams.OF_ONE)]
    assert {page.status_code for page in pages} == {200}
    assert room.get("/api/events", "all").status_code == 503
    with room.page("shop", "shop") as events:
        until(events, "whole")  # others are not harmed
    pages.pop().close()
    eventually(lambda: _is_let_in(room))
    for page in pages:
        page.close()


def _opened(room: Room, token: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(f"{room.url}/api/events", headers=headers, stream=True, timeout=20)


def _is_let_in(room: Room) -> bool:
    with _opened(room, "all") as page:
        return page.status_code == 200


@pytest.mark.slow
def test_a_page_that_takes_nothing_is_dropped(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "TAKE_S", 0.2)
    for number in range(3000):  # more than the kernel keeps for it
        room.put(a_canary("shop", f"web-{number}", conditions=[{"type": "Promoted", "message": "m" * 500}]))
    with socket.create_connection(("127.0.0.1", room.dashboard.port)) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.sendall(b"GET /api/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer all\r\n\r\n")
        eventually(lambda: room.dashboard.pages == 1)
        eventually(lambda: room.dashboard.pages == 0)


def test_clients_that_say_nothing_make_way(room: Room) -> None:
    silent = [socket.create_connection(("127.0.0.1", room.dashboard.port)) for _ in range(300)]
    assert room.get("/api/events?namespace=bank", "shop").status_code == 403
    for each in silent:
        each.close()


def test_the_end_of_the_server_ends_streams(room: Room) -> None:
    with room.page("all") as events:
        until(events, "whole")
        room.dashboard.stop()
        assert list(events) == []
    room.put(a_canary("shop", "late"))  # news that come later harm nobody
