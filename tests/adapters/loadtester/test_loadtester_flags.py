"""Flags as Flagger's chart of the load tester writes them."""

from __future__ import annotations

import os
import socket
import sys
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from canary_adapters.cli import loadtester as command
from canary_adapters.cli.errors import BadInputError
from canary_adapters.denied_addresses import DEFAULT, DeniedAddresses
from canary_adapters.loadtester.options import Options
from laboratories.forked import run
from laboratories.load_tester import CANARY

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE, GUIDE = ROOT / "examples" / "loadtester" / "deployment.yaml", ROOT / "docs" / "loadtester.md"


def _options(monkeypatch: pytest.MonkeyPatch, *args: str) -> Options:
    """What a command line comes to."""
    seen: list[Options] = []
    monkeypatch.setattr(command, "_serve", lambda options, *_: seen.append(options))
    found: Any = typer.main.get_command(command.loadtester)
    found.main(list(args), standalone_mode=False)
    return seen[0]


def test_the_command_line_of_flaggers_chart_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    found = _options(
        monkeypatch, "-port=8080", "-log-level=info", "-timeout=30m", "-namespace-regexp=^team-", "-zap-encoding=json"
    )
    assert (found.port, found.timeout_s) == (8080, 1800.0)
    assert found.namespaces is not None
    assert found.namespaces.pattern == "^team-"


def test_defaults_are_flaggers_but_for_shells(monkeypatch: pytest.MonkeyPatch) -> None:
    found = _options(monkeypatch, "-enable-shell=false")
    assert found == Options()
    assert (found.port, found.timeout_s, found.namespaces) == (9090, 3600.0, None)
    assert not found.enable_shell
    assert not found.enable_bash


def test_our_own_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    tenants = ["-gate-token-file=/gates/fingerprints", "-deny-addresses=default,10.0.0.0/8"]
    flags = [
        *tenants,
        "-allow-programs=hey, k6",
        "-enable-shell",
        "-enable-bash=true",
        "-max-commands=3",
        "-max-waiting=0",
    ]
    found = _options(monkeypatch, *flags, "-pass-env=A,B", "-host=127.0.0.1", "-namespace-regexp=")
    assert found == Options(
        host="127.0.0.1",
        programs=frozenset({"hey", "k6"}),
        enable_shell=True,
        enable_bash=True,
        most_running=3,
        most_waiting=0,
        passed_on=("A", "B"),
        gate_token_file=Path("/gates/fingerprints"),
        denied=DeniedAddresses((*DEFAULT.networks, IPv4Network("10.0.0.0/8"))),
    )


def test_the_guide_has_every_flag() -> None:
    found: Any = typer.main.get_command(command.loadtester)
    flags = {param.opts[0].removeprefix("-") for param in found.params if not param.hidden} - {"-help"}
    assert len(flags) > 10
    assert {flag for flag in flags if f"`{flag}`" not in GUIDE.read_text(encoding="utf-8")} == set()


def test_without_its_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "canary_adapters.loadtester.service", raising=False)
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    with pytest.raises(BadInputError, match=r"needs aiohttp.*canary-core\[loadtester\]"):
        command._serve(Options(), "info", "json")


def test_the_example_is_a_command_line_that_works(monkeypatch: pytest.MonkeyPatch) -> None:
    objects = {found["kind"]: found for found in yaml.safe_load_all(EXAMPLE.read_text(encoding="utf-8"))}
    assert set(objects) == {"Namespace", "Deployment", "Service"}
    (container,) = objects["Deployment"]["spec"]["template"]["spec"]["containers"]
    first, *flags = container["args"]
    found = _options(monkeypatch, *flags)
    assert first == "loadtester"
    assert (found.port, found.enable_shell, found.enable_bash) == (container["ports"][0]["containerPort"], False, False)
    service, labels = objects["Service"], objects["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["ports"][0]["port"] == 80
    assert service["spec"]["selector"].items() <= labels.items()
    # The address that the article's Canary calls.
    assert (service["metadata"]["name"], service["metadata"]["namespace"]) == ("flagger-loadtester", "loadtester")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["-namespace-regexp=("], "--namespace-regexp"),
        (["-timeout=soon"], "--timeout"),
        (["-timeout=0s"], "--timeout"),
        (["-allow-programs=/bin/hey"], "--allow-programs"),
        (["-max-commands=0"], "--max-commands"),
        (["-port=70000"], "--port"),
        (["-host=999.1.1.1"], "--port"),
        (["-deny-addresses=localhost"], "'localhost': must be an IP address"),
        (["-gate-token-file=/nowhere", "-port=0", "-host=127.0.0.1"], "/nowhere: No such file or directory"),
        (["-enable-bash=perhaps"], "--enable-bash"),
    ],
)
def test_what_cannot_be_used_is_told_in_a_line(flags: list[str], words: str) -> None:
    done = run([str(CANARY), "loadtester", *flags], env=os.environ)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        flags = [f"-port={taken.getsockname()[1]}", "-host=127.0.0.1"]
        done = run([str(CANARY), "loadtester", *flags], env=os.environ)
    assert done.returncode == 2
    assert "Address already in use" in done.stderr
