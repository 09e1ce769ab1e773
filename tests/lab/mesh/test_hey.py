"""The stand-in for hey as a process: how much it sends, how, and what it says of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping

import pytest

from canary_lab.mesh.hey import main, next_tick
from laboratories.lab import PATIENCE_S
from peers.http_peers import Caller, Peer, answering, free_port, silent

COMMAND = [sys.executable, "-m", "canary_lab.mesh.hey"]
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
FIGURE = r"[0-9]+\.[0-9]{4}"


def _environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return {**kept, **more}


def _hey(*arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
        env=environment or _environment(),
    )


def _said(*arguments: str, environment: Mapping[str, str] | None = None) -> str:
    done = _hey(*arguments, environment=environment)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_summary_is_that_of_hey() -> None:
    with Peer(answering(GOOD)) as peer:
        said = _said("-n", "21", "-c", "4", peer.url)
        assert len(peer.requests) == 21
        assert peer.connections <= 4
    expected = [
        "",
        "Summary:",
        rf"  Total:\t{FIGURE} secs",
        rf"  Slowest:\t{FIGURE} secs",
        rf"  Fastest:\t{FIGURE} secs",
        rf"  Average:\t{FIGURE} secs",
        rf"  Requests/sec:\t{FIGURE}",
        "",
        r"  Total data:\t105 bytes",
        r"  Size/request:\t5 bytes",
        "",
        "Latency distribution:",
        *(rf"  {percent}% in {FIGURE} secs" for percent in (10, 25, 50, 75, 90, 95, 99)),
        "",
        "Status code distribution:",
        r"  \[200\]\t21 responses",
    ]
    lines = said.splitlines()
    assert len(lines) == len(expected)
    assert [line for line, pattern in zip(lines, expected, strict=True) if not re.fullmatch(pattern, line)] == []
    slowest, fastest, average = (float(line.split()[1]) for line in lines[3:6])
    assert 0 < fastest <= average <= slowest


def test_requests_are_sent_as_they_are_described() -> None:
    with Peer(answering(GOOD)) as peer:
        url = f"{peer.url}/a?b=c"
        _said("-n=1", "-c=1", "-m", "post", "-H", "X-A: 1:2", "--H", "x-b:3", "-d", "a=b", "-host", "app.test", url)
        seen = peer.requests[0]
        assert seen.line == "POST /a?b=c HTTP/1.1"
        assert seen.body == b"a=b"
        wanted = {"host": "app.test", "x-a": "1:2", "x-b": "3", "content-length": "3", "content-type": "text/html"}
        assert {name: seen.headers.get(name) for name in wanted} == wanted


def test_without_keep_alive_each_request_has_a_connection() -> None:
    with Peer(answering(GOOD)) as peer:
        _said("-n", "6", "-c", "2", "-disable-keepalive", peer.url)
        assert peer.connections == len(peer.requests) == 6
        assert peer.requests[0].headers["connection"] == "close"


def test_a_proxy_is_given_or_found_in_the_environment() -> None:
    with Peer(answering(GOOD)) as proxy, Peer(answering(GOOD)) as other:
        address = f"127.0.0.1:{proxy.port}"
        few = ("-n", "1", "-c", "1")
        _said("-x", address, *few, "http://app.test:98/1", environment=_environment(http_proxy=other.url))
        _said("-x", proxy.url, "-host", "b.test", *few, "http://app.test/2")
        _said(*few, "http://app.test/3", environment=_environment(http_proxy=proxy.url))
        _said(*few, f"{other.url}/4", environment=_environment(http_proxy=proxy.url, no_proxy="127.0.0.1"))
        assert [seen.line for seen in proxy.requests] == [
            "GET http://app.test:98/1 HTTP/1.1",
            "GET http://b.test/2 HTTP/1.1",
            "GET http://app.test/3 HTTP/1.1",
        ]
        assert [seen.line for seen in other.requests] == ["GET /4 HTTP/1.1"]


def test_what_goes_wrong_is_told_by_kind() -> None:
    answers = iter([GOOD, b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", GOOD])

    async def varied(caller: Caller) -> None:
        while await caller.request():
            answer = next(answers, None)
            if answer is None:
                return
            await caller.send(answer)

    with Peer(varied) as peer:
        said = _said("-n", "5", "-c", "1", peer.url)
    end = said[said.index("Status code distribution:") :].splitlines()
    assert end == [
        "Status code distribution:",
        "  [200]\t2 responses",
        "  [503]\t1 responses",
        "",
        "Error distribution:",
        "  [2]\tclosed without an answer",
    ]


def test_without_any_answer_there_are_no_durations() -> None:
    said = _said("-n", "3", "-c", "3", f"http://127.0.0.1:{free_port()}/")
    assert "Fastest" not in said
    assert "Latency distribution" not in said
    assert said.endswith("\nStatus code distribution:\n\nError distribution:\n  [3]\tconnection refused\n")


def test_the_timeout_counts_for_each_request() -> None:
    with Peer(silent()) as peer:
        assert "  [2]\tno answer within 1 s\n" in _said("-n", "2", "-c", "2", "-t", "1", peer.url)


def test_a_rate_is_one_of_each_worker_and_the_duration_ends_it() -> None:
    """Five a second for each of three workers, the first after a fifth of a second: never more than fit in."""
    with Peer(answering(GOOD)) as peer:
        said = _said("-z", "900ms", "-c", "3", "-q", "5", "-n", "1", peer.url)
        assert 1 <= len(peer.requests) <= 12
        assert f"  [200]\t{len(peer.requests)} responses\n" in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_at_once_with_a_summary(number: signal.Signals) -> None:
    """Though an answer is never to come and there is no timeout: what is on its way is given up and not counted."""
    hanging = threading.Event()

    async def then_silent(caller: Caller) -> None:
        for _ in range(3):
            await caller.request()
            await caller.send(GOOD)
        await caller.request()
        hanging.set()
        await caller.gone()

    with Peer(then_silent) as peer:
        command = [*COMMAND, "-z", "10m", "-c", "1", "-t", "0", peer.url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert hanging.wait(PATIENCE_S)
            process.send_signal(number)
            said, complaints = process.communicate(timeout=PATIENCE_S)
            assert (process.returncode, complaints) == (0, "")
        assert "  [200]\t3 responses\n" in said
        assert "Error distribution" not in said


@pytest.mark.parametrize(
    ("last", "passed", "expected"), [(0, 0.0, 1), (0, 0.9, 1), (1, 1.5, 2), (1, 2.0, 2), (1, 2.9, 2), (1, 11.7, 11)]
)
def test_a_worker_that_was_held_up_does_not_catch_up(last: int, passed: float, expected: int) -> None:
    assert next_tick(last, passed) == expected


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-c", "0", "http://a/"], "-c: 0 is not allowed: from 1 to 10000"),
        (["-c", "10001", "-n", "99999", "http://a/"], "-c: 10001 is not allowed: from 1 to 10000"),
        (["-n", "4", "-c", "5", "http://a/"], "-n: 4 is not allowed: not less than -c, 5"),
        (["-n", "x", "http://a/"], "'x'"),
        (["-q", "-1", "http://a/"], "-q: -1.0 is not allowed"),
        (["-q", "nan", "http://a/"], "-q: nan is not allowed"),
        (["-t", "-1", "http://a/"], "-t: -1 is not allowed: whole seconds"),
        (["-z", "5", "http://a/"], "'5' is not allowed: a duration above 0"),
        (["-z", "0s", "http://a/"], "'0s' is not allowed: a duration above 0"),
        (["-H", "nothing", "http://a/"], "-H: 'nothing' is not allowed: Name: value"),
        (["-H", "a: b\nc: d", "http://a/"], "headers: 'a: b\\nc: d' is not allowed"),
        (["-m", "G T", "http://a/"], "method: 'G T' is not allowed"),
        (["-host", "a b", "http://a/"], "host: 'a b' is not allowed"),
        (["-x", "https://p/", "http://a/"], "proxy: 'https://p/' is not allowed"),
        (["https://a/"], "url: 'https://a/' is not allowed"),
        (["http://[a/"], "url: 'http://[a/' is not allowed"),
        (["-o", "csv", "http://a/"], "unrecognized arguments"),
        ([], "URL"),
    ],
)
def test_mistakes_are_told_in_one_line(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith("error: ")
    assert words in line
