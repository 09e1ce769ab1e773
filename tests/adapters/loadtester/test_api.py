"""Flagger's API over HTTP: a real load tester, real programs."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from canary_adapters.loadtester.process import MOST_OUTPUT
from canary_adapters.loadtester.server import LARGEST_BODY
from canary_adapters.webhook import HttpPool
from laboratories.load_tester import LoadTester, Programs, members, until

ARTICLE = "hey -z 1m -q 10 -c 2 http://fleet-simple-app-canary.canary-demo:8080"


def test_the_articles_webhook_makes_the_load_once(tester: LoadTester) -> None:
    """The controller asks at every tick; the load goes on."""
    webhook = {"type": "cmd", "cmd": ARTICLE}
    before = tester.metric("commands_repeated_total")
    assert [tester.ask("article", "fleet", **webhook) for _ in range(3)] == [(202, "")] * 3
    until(lambda: any(line[0] == "hey" for line in tester.programs.started))
    assert [line[2:] for line in tester.programs.started if line[0] == "hey"] == [tuple(ARTICLE.split()[1:])]
    assert tester.metric("commands_repeated_total") == before + 2
    assert tester.metric("commands_started_total", program="hey") == 1


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"cmd": "ok 'a b' c", "blocking": "true"}, (200, "")),
        ({"cmd": "ok 'a b' c", "blocking": "true", "returnCmdOutput": "true"}, (200, "a b c\n")),
        ({"cmd": "ok | cat"}, (400, None)),
        ({"cmd": "forbidden"}, (403, None)),
        ({"cmd": "missing"}, (400, "program 'missing' is not installed where this runs")),
        ({"cmd": "fails x", "blocking": "true"}, (500, "command fails x failed: out\nerr\n: exit status 3")),
        ({"cmd": "dies", "blocking": "true"}, (500, "command dies failed: : signal: killed")),
        ({"type": "bash", "cmd": "A=b; echo $A | tr b c", "returnCmdOutput": "true"}, (200, "c\n")),
        ({"type": "bash", "cmd": "echo x; exit 2"}, (500, "command echo x; exit 2 failed: x\n: exit status 2")),
        ({"type": "helm", "cmd": "test 'a b'", "returnCmdOutput": "true"}, (200, "test 'a b'\n")),
        ({"type": "kubectl", "cmd": "get pods"}, (403, None)),
        ({"type": "concord", "cmd": "x"}, (400, None)),
        ({"type": "shell", "cmd": "x"}, (400, None)),
        ({"type": "cmd"}, (400, "cmd not found in metadata")),
    ],
)
def test_a_task_is_answered(tester: LoadTester, metadata: dict[str, str], expected: tuple[int, str | None]) -> None:
    status, body = tester.ask(**metadata)
    assert status == expected[0]
    if expected[1] is None:
        assert len(body) > 20  # says what to do
    else:
        assert body == expected[1]


def test_any_path_and_method_is_a_task(tester: LoadTester) -> None:
    body = {"metadata": {"cmd": "ok x", "blocking": "true", "returnCmdOutput": "true"}}
    assert tester.post("/load/test", body).text == "x\n"
    url = f"http://127.0.0.1:{tester.port}/"
    assert requests.put(url, data=json.dumps(body), timeout=60).text == "x\n"


@pytest.mark.parametrize(
    ("body", "text"),
    [(b"{", "payload: must be JSON"), (b'{"name":"app","namespace":"here"}', "metadata not found in payload")],
)
def test_what_is_no_task_is_told(tester: LoadTester, body: bytes, text: str) -> None:
    answer = tester.post("/", body)
    assert (answer.status_code, answer.text) == (400, text)


def test_output_is_bounded(tester: LoadTester) -> None:
    status, body = tester.ask(cmd="floods", blocking="true", returnCmdOutput="true")
    assert (status, body) == (200, "y\n" * (MOST_OUTPUT // 2))


def test_what_a_terminal_would_act_on_stands_in_no_answer_and_no_log(tester: LoadTester) -> None:
    shown = "a\ufffd[2Jb\nc"
    found = tester.ask("escaping", cmd="escapes 0", blocking="true", returnCmdOutput="true", logCmdOutput="true")
    assert found == (200, shown)
    assert _logged_outputs(tester, "escaping.here") == [shown]
    failed = f"command escapes 1 failed: {shown}: exit status 1"
    assert tester.ask("escaping", cmd="escapes 1", blocking="true") == (500, failed)


def test_commands_inherit_no_secret(tester: LoadTester) -> None:
    status, body = tester.ask(cmd="shows-env", blocking="true", returnCmdOutput="true")
    assert status == 200
    assert "hush" not in body
    assert {"WANTED=this one", "https_proxy=http://proxy.example:3128"} <= set(body.splitlines())


def test_a_command_that_nobody_waits_for_is_ended(tester: LoadTester) -> None:
    payload = json.dumps({"metadata": {"cmd": "waits long", "blocking": "true"}}).encode()
    before = tester.metric("requests_total", path="task", status="499")
    with socket.create_connection(("127.0.0.1", tester.port), timeout=60) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(payload), payload))
        until(lambda: any(line[0] == "waits" for line in tester.programs.started))
        (group,) = (int(line[1]) for line in tester.programs.started if line[0] == "waits")
        assert members(group)
    until(lambda: not members(group))
    until(lambda: tester.metric("commands_ended_total", program="waits", result="stopped") == 1)
    assert tester.metric("requests_total", path="task", status="499") == before + 1


def test_logs_hold_no_argument(tester: LoadTester) -> None:
    tester.ask("secretive", "ns", cmd="ok -H 'Authorization: Bearer hush'", blocking="true", returnCmdOutput="true")
    tester.ask("secretive", "ns", cmd="ok -H 'Authorization: Bearer hush' | cat")
    assert "hush" not in tester.log
    lines = [line for line in tester.lines if line.get("canary") == "secretive.ns"]
    assert [line["msg"] for line in lines] == ["a command begins", "a command has ended", "a request was refused"]
    assert lines[1].items() >= {"program": "ok", "phase": "Progressing", "result": "succeeded", "error": ""}.items()


def test_output_is_logged_if_that_is_asked_for(tester: LoadTester) -> None:
    tester.ask("talkative", "ns", cmd="ok listen", logCmdOutput="true")
    until(lambda: _logged_outputs(tester, "talkative.ns") == ["listen\n"])


def _logged_outputs(tester: LoadTester, canary: str) -> list[str]:
    return [line["output"] for line in tester.lines if line.get("canary") == canary and "output" in line]


def test_metrics_show_what_was_done(tester: LoadTester) -> None:
    before = tester.metric("commands_ended_total", program="fails", result="failed")
    tester.ask(cmd="fails", blocking="true")
    assert tester.metric("commands_ended_total", program="fails", result="failed") == before + 1
    assert tester.metric("requests_total", path="task", status="500") >= 1
    shown = requests.get(f"http://127.0.0.1:{tester.port}/metrics", timeout=60)
    assert shown.headers["Content-Type"].startswith("text/plain")
    assert "process_open_fds" in shown.text


# -- Gates ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["gate", "rollback"])
def test_a_gate_opens_and_closes(tester: LoadTester, kind: str) -> None:
    def ask(action: str, payload: Mapping[str, Any]) -> tuple[int, str]:
        answer = tester.post(f"/{kind}/{action}", payload)
        return answer.status_code, answer.text

    app: dict[str, Any] = {"name": kind, "namespace": "here"}
    open_before = tester.metric("gates_open")
    assert ask("check", app) == (403, "Forbidden")
    assert ask("open", app) == (202, "")
    assert ask("check", {**app, "phase": "Waiting", "checksum": "x", "metadata": {"a": "b"}}) == (200, "Approved")
    assert tester.metric("gates_open") == open_before + 1
    assert ask("check", {**app, "namespace": "there"}) == (403, "Forbidden")
    assert ask("close", app) == (202, "")
    assert ask("check", app) == (403, "Forbidden")
    assert tester.metric("gates_open") == open_before


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/gate/approve", 200, "OK"),
        ("/gate/halt", 403, "Forbidden"),
        ("/healthz", 200, "OK"),
        ("/gate/check", 400, ""),
        ("/gate/open", 400, ""),
        ("/gate/close", 400, ""),
        ("/rollback/check", 400, ""),
        ("/rollback/open", 400, ""),
        ("/rollback/close", 400, ""),
    ],
)
def test_what_needs_no_payload_is_answered_without(tester: LoadTester, path: str, status: int, body: str) -> None:
    answer = tester.post(path, b"no JSON")
    assert (answer.status_code, answer.text) == (status, body)


def test_our_controller_understands_the_answers(tester: LoadTester) -> None:
    pool = HttpPool()
    url = f"http://127.0.0.1:{tester.port}"
    tester.post("/gate/open", {"name": "asked", "namespace": "here"})
    answers = [
        pool.post(f"{url}/gate/{path}", {"name": "asked", "namespace": "here"}, namespace="here", timeout_s=60)
        for path in ("check", "halt", "approve")
    ]
    assert [(answer.ok, answer.text) for answer in answers] == [(True, "Approved"), (False, "Forbidden"), (True, "OK")]
    pool.close()


# -- What clients must not do ---------------------------------------------------------------------------------------


def test_a_body_that_is_too_large_is_refused(tester: LoadTester) -> None:
    """The client gets to know it, though it sends far more than is read."""
    body = b'{"name":"' + b"x" * (100 * LARGEST_BODY)
    assert tester.post("/", body).status_code == 413
    assert tester.post("/gate/check", body).status_code == 413


def test_compressed_bodies_are_not_unpacked(tester: LoadTester) -> None:
    url = f"http://127.0.0.1:{tester.port}/"
    answer = requests.post(url, data=b"\x1f\x8b", headers={"Content-Encoding": "gzip"}, timeout=60)
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "head",
    [b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000, b"GET /" + b"x" * 20_000, b"nonsense\r\n\r\n", b"\x16\x03\x01\r\n\r\n"],
)
def test_what_is_not_http_is_answered_and_not_logged(tester: LoadTester, head: bytes) -> None:
    with socket.create_connection(("127.0.0.1", tester.port), timeout=60) as client:
        client.sendall(head)
        assert client.recv(12) in {b"HTTP/1.0 400", b"HTTP/1.1 400"}
    assert "Traceback" not in tester.log


@pytest.mark.slow
@pytest.mark.parametrize(("parser", "status"), [("", b"408"), ("1", b"400")])
def test_a_body_that_breaks_off_is_a_mistake_of_the_client(programs: Programs, parser: str, status: bytes) -> None:
    """Of the two parsers of aiohttp, one says so; the other waits for more."""
    environment = {"AIOHTTP_NO_EXTENSIONS": parser}
    with (
        LoadTester(programs, environment=environment) as tester,
        socket.create_connection(("127.0.0.1", tester.port), timeout=60) as client,
    ):
        client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n")
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"2\r\n{}\r\nzz\r\n")
        assert client.recv(12)[9:] == status
        assert "Traceback" not in tester.log


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sent", "answer"),
    [(b"POST / HTTP/1.1\r\nHost: ", b""), (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{", b"408")],
)
def test_slow_clients_are_left(tester: LoadTester, sent: bytes, answer: bytes) -> None:
    with socket.create_connection(("127.0.0.1", tester.port), timeout=60) as client:
        client.sendall(sent)
        received = b""
        while part := client.recv(4096):
            received += part
    assert received[9:12] == answer


PIECES = ["ok", "forbidden", "sh", "touch", "rm", "/bin/sh", "env", "$(touch x)", "&&", *"`|; \n'\""]
TEXTS = st.text(max_size=20) | st.lists(st.sampled_from(PIECES), max_size=6).map("".join)
METADATA = st.dictionaries(
    st.sampled_from(["type", "cmd", "blocking", "returnCmdOutput"]),
    st.sampled_from(["cmd", "helm", "true", "false"]) | TEXTS | st.integers(),
)
BODIES = st.binary(max_size=200) | st.fixed_dictionaries(
    {"metadata": METADATA | st.none()}, optional={"name": TEXTS, "namespace": TEXTS, "phase": TEXTS}
)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoadTester]:
    """A load tester on whose PATH every program tells that it was started."""
    programs = Programs(tmp_path_factory.mktemp("guarded"))
    for name in ("ok", "helm", "forbidden", "sh", "bash", "touch", "rm", "env"):
        programs.write(name)
    with LoadTester(programs, "-allow-programs=ok", environment={}) as running:
        yield running


@given(st.sampled_from(["/", "/gate/check", "/gate/open", "/rollback/close", "/x"]), BODIES)
def test_whatever_comes_is_answered_and_starts_nothing_but_what_is_allowed(
    guarded: LoadTester, path: str, body: bytes | dict[str, Any]
) -> None:
    answer = guarded.post(path, body)
    assert answer.status_code in {200, 202, 400, 403}
    assert {line[0] for line in guarded.programs.started} <= {"ok"}
    assert "Traceback" not in guarded.log


def test_the_guard_would_have_seen_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Of the test above: a program that must not be started is seen if it is."""
    programs = Programs(tmp_path_factory.mktemp("seen"))
    programs.write("forbidden")
    with LoadTester(programs, "-allow-programs=forbidden") as running:
        assert running.ask(cmd="forbidden", blocking="true") == (200, "")
    assert [line[0] for line in programs.started] == ["forbidden"]
