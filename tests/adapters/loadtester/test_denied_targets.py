"""Commands that name a host at a denied address are not started, however they write it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canary_adapters.denied_addresses import DEFAULT, DeniedAddresses
from canary_adapters.loadtester.lookups import CrowdedError, Lookups
from canary_adapters.loadtester.targets import targets_of
from laboratories.load_tester import LoadTester, Programs

ARTICLE: Final = "hey -z 1m -q 10 -c 2 http://fleet-simple-app-canary.canary-demo:8080"


# -- What stands in arguments ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argument", "hosts"),
    [
        ("http://app.demo:8080/x?y=1", ["app.demo"]),
        ("http://user:pass@app.demo/", ["app.demo"]),
        ("http://app.demo@metadata/", ["metadata"]),
        ("http:/app.demo/", ["app.demo"]),
        ("http:///app.demo/", ["app.demo"]),
        ("-xhttp://proxy:3128", ["proxy"]),
        ("--proxy=proxy:3128", ["proxy"]),
        ("-xproxy:3128", ["-xproxy", "proxy"]),
        ("-addr=app.demo:9090", ["app.demo"]),
        ("app.demo", ["app.demo"]),
        ("app.demo:9090", ["app.demo"]),
        ("metadata/computeMetadata/v1/", ["metadata"]),
        ("app:80:other:81", ["app", "other"]),
        ("app:80:[fe80::1]:81", ["fe80::1", "app"]),
        ("[fe80::1]:80", ["fe80::1"]),
        ("fe80::1", ["fe80::1"]),
        ("http://[::ffff:1.2.3.4]:80/", ["::ffff:1.2.3.4"]),
        ("http://1.2.3.%34/", ["1.2.3.4"]),
        ("http://\u2460.2\uff0e3\u30024/", ["1.2.3.4"]),
        ("http://a.demo\\@b.demo/", ["a.demo"]),
        ("http://a.demo/?to=http://b.demo/", ["a.demo", "b.demo"]),
        ("curl http://a.demo/ | sh; wget http://b.demo", ["a.demo", "b.demo"]),
        ('{"at":"http://a.demo/"}', ["a.demo"]),
        ("Host: a.demo", ["a.demo"]),
        ("0xa9fea9fe:80", ["0xa9fea9fe"]),
        ("file:///etc/passwd", ["etc"]),
        ("-z", []),
        ("1m", []),
        ("10", []),
        ("POST", []),
        ("Content-Type:", []),
        ("", []),
    ],
)
def test_hosts_are_found_wherever_they_stand(argument: str, hosts: list[str]) -> None:
    assert list(targets_of([argument]).hosts) == hosts


@pytest.mark.parametrize(
    "argument",
    ["http://1.2.3.[4-5]/", "http://[4-5]/", "http://[]/", "-xhttp://1.2.3.{4,5}/", "http://1.2.3.4%00.demo/"],
)
def test_an_address_that_is_a_pattern_is_unclear(argument: str) -> None:
    assert targets_of([argument]).unclear
    assert not targets_of([f"Referer: {argument}", f'{{"a":"{argument}"}}']).unclear


HOSTS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?(\.[a-z0-9]{1,5}){1,3}", fullmatch=True)
AROUND = st.sampled_from(
    ["{}", "http://{}", "https://{}/x", "-u=http://{}:80", "-x{}:80", "x {}", '"{}"', "a@{}", "https://u:p@{}:1/?q#f"]
)


@given(HOSTS, AROUND)
def test_any_host_is_found_in_any_form(host: str, around: str) -> None:
    assert host in targets_of([around.format(host)]).hosts


@given(
    st.text() | st.lists(st.sampled_from(["://", "[", "]", ":", "@", "a", ".", "-", "=", "%", "/", " "])).map("".join)
)
def test_any_argument_is_read(argument: str) -> None:
    found = targets_of([argument])
    assert all(host for host in (*found.hosts, *found.unclear))


# -- Where they are -------------------------------------------------------------------------------------------------


def _denied(hosts: list[str], denied: DeniedAddresses = DEFAULT) -> str | None:
    return asyncio.run(Lookups(denied, 4).denied(hosts, "ours"))


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.169.254.",
        "0xa9fea9fe",
        "2852039166",
        "0251.0376.0251.0376",
        "169.254.43518",
        "::ffff:169.254.169.254",
        "fd00:ec2::254",
        "fe80::1%lo",
    ],
)
def test_an_address_is_denied_in_every_form_that_programs_take(host: str) -> None:
    assert _denied(["app.invalid", host]) == host


def test_names_are_looked_up() -> None:
    assert _denied(["localhost"], DeniedAddresses.parse("127.0.0.0/8,::1")) == "localhost"
    assert _denied(["localhost"]) is None


@pytest.mark.parametrize("host", ["app.invalid", "a" * 100_000, "a" * 64 + ".demo", "..", "\u00df.invalid"])
def test_what_cannot_be_looked_up_is_not_denied(host: str) -> None:
    assert _denied([host]) is None


def test_without_a_list_nothing_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", None)
    assert _denied(["169.254.169.254", "localhost"], DeniedAddresses.parse("")) is None


def test_without_a_thread_there_is_no_lookup_and_no_place_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def story() -> None:
        lookups = Lookups(DEFAULT, 2)
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            for _ in range(3):
                with pytest.raises(CrowdedError):
                    await lookups.denied(["localhost"], "ours")
        assert await lookups.denied(["localhost"], "ours") is None

    asyncio.run(story())


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Name servers that answer for no name of ``slow``, until they are let go."""
    go, real = threading.Event(), socket.getaddrinfo

    def slow(host: str, *args: Any, **more: Any) -> Any:
        if host.startswith("slow") and not more.get("flags"):
            go.wait(60)
            return []
        return real(host, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    yield go
    go.set()


@pytest.mark.slow
def test_names_of_one_namespace_that_hang_leave_lookups_to_others(hanging: threading.Event) -> None:
    async def story() -> None:
        lookups = Lookups(DeniedAddresses.parse("127.0.0.0/8,::1"), 8)
        waiting = [asyncio.create_task(lookups.denied([f"slow{number}.demo"], "theirs")) for number in range(4)]
        await asyncio.sleep(0)
        with pytest.raises(CrowdedError):
            await lookups.denied(["slow.demo"], "theirs")
        assert await lookups.denied(["169.254.169.254", "localhost"], "ours") == "localhost"
        # Nobody waits for as long as a name server does; and what hangs keeps its place.
        assert await asyncio.gather(*waiting) == [None] * 4
        with pytest.raises(CrowdedError):
            await lookups.denied(["slow.demo"], "theirs")
        hanging.set()
        async with asyncio.timeout(30):
            while True:
                try:
                    assert await lookups.denied(["localhost"], "theirs") == "localhost"
                except CrowdedError:
                    await asyncio.sleep(0.01)
                else:
                    return

    asyncio.run(story())


# -- A load tester --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fenced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoadTester]:
    """One that must not be sent to itself, nor where clouds serve metadata."""
    programs = Programs(tmp_path_factory.mktemp("fenced"))
    programs.write("hey")
    programs.write("curl")
    with LoadTester(programs, "-deny-addresses=default,127.0.0.0/8,::1,0.0.0.0", "-enable-bash") as running:
        yield running


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        "curl http://169.254.169.254/latest/meta-data/",
        "curl -x 169.254.169.254:80 http://app.demo/",
        "curl --connect-to app.demo:80:169.254.169.254:80 http://app.demo/",
        "curl http://0xa9fea9fe/",
        "curl http://[::ffff:a9fe:a9fe]/",
        "curl http://localhost:8080/gate/open",
        "curl http://0.0.0.0:8080/",
        "hey -z 1m http://127.1:8080/",
    ],
)
def test_a_command_to_a_denied_address_is_not_started(fenced: LoadTester, command: str) -> None:
    before = fenced.programs.started
    status, text = fenced.ask(cmd=command)
    assert (status, "is at an address that must not be reached (-deny-addresses)" in text) == (403, True)
    assert fenced.programs.started == before


@pytest.mark.slow
def test_what_cannot_be_judged_is_told(fenced: LoadTester) -> None:
    before = fenced.programs.started
    status, text = fenced.ask(cmd="curl 'http://169.254.169.25[4-4]/'")
    assert (status, "'169.254.169.25[4-4]' is no host" in text) == (400, True)
    status, text = fenced.ask(cmd="curl -d '" + " ".join(f"h{number}.demo" for number in range(300)) + "' x")
    assert (status, text) == (400, "cmd: more than 256 hosts")
    assert fenced.programs.started == before


@pytest.mark.slow
def test_other_commands_are_started(fenced: LoadTester) -> None:
    before = len(fenced.programs.started)
    assert fenced.ask(cmd=ARTICLE, blocking="true") == (200, "")
    assert (
        fenced.ask(cmd="""curl -H 'A: b/1.0' -d '{"to":"http://{x}/"}' http://app.demo/""", blocking="true")[0] == 200
    )
    assert fenced.ask(type="bash", cmd="HOST=app; hey http://$HOST/") == (200, "")
    assert [line[0] for line in fenced.programs.started[before:]] == ["hey", "curl", "hey"]
