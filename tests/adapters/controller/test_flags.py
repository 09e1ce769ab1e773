"""Flags as Flagger's charts write them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from canary_adapters.cli import controller as command
from canary_adapters.cli.goflags import GoFlagsCommand
from canary_adapters.controller.options import Options
from canary_adapters.denied_addresses import DEFAULT
from laboratories.forked import run

pytestmark = pytest.mark.slow

CANARY = Path(sys.executable).parent / "canary"


def _options(monkeypatch: pytest.MonkeyPatch, *args: str) -> Options:
    """What a command line comes to."""
    import typer

    seen: list[Options] = []

    def serve(options: Options, *_: object) -> int:
        seen.append(options)
        return 0

    monkeypatch.setattr(command, "_serve", serve)
    monkeypatch.setattr("canary_adapters.telemetry.configure_logging", lambda *_, **__: None)
    found: Any = typer.main.get_command(command.controller)
    assert isinstance(found, GoFlagsCommand)
    found.main(list(args), standalone_mode=False)
    return seen[0]


def test_the_command_line_of_flaggers_chart_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    found = _options(
        monkeypatch,
        "-log-level=info",
        "-include-label-prefix=dummy",
        "-mesh-provider=istio",
        "-metrics-server=http://rancher-monitoring-prometheus.cattle-monitoring-system:9090",
        "-enable-config-tracking=false",
        "-enable-leader-election=true",
        "-leader-election-namespace=istio-system",
        "-selector-labels=app,odd",
        "-slack-user=flagger",
        "-control-loop-interval=10s",
        "-threadiness",
        "4",
    )
    assert found.objects.copied.prefixes == ("dummy",)
    assert found.objects.selector_labels == ("app", "odd")
    assert not found.objects.track_configs
    assert found.leader_election
    assert (found.leader_election_namespace, found.workers) == ("istio-system", 4)


def test_defaults_are_flaggers(monkeypatch: pytest.MonkeyPatch) -> None:
    found = _options(monkeypatch, "--enable-leader-election=false")
    assert found.objects.track_configs
    assert not found.leader_election
    assert not found.ready_while_progressing
    assert (found.mesh_provider, found.metrics_server) == ("istio", "http://prometheus:9090")
    assert (found.minimum_interval_s, found.lease.duration_s) == (10.0, 60)


def test_hosts_and_gateways_of_other_namespaces_are_for_flags_to_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    found = _options(monkeypatch).objects
    assert (found.cross_namespace_hosts, found.gateways) == (False, None)
    monkeypatch.setattr("canary_adapters.kubernetes.domain.cluster_domain", lambda: "k8s.example.com")
    found = _options(monkeypatch, "-no-cross-namespace-refs", "-allowed-gateways=a/b, c/*").objects
    assert (found.cross_namespace_hosts, found.gateways) == (False, ("a/b", "c/*"))
    assert found.cluster_domain == "k8s.example.com"
    found = _options(monkeypatch, "-allow-cross-namespace-hosts", "-allowed-gateways=a/b").objects
    assert (found.cross_namespace_hosts, found.gateways) == (True, None)
    assert _options(monkeypatch, "-no-cross-namespace-refs").objects.gateways == ()


def test_the_environment_wins_and_nothing_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_URL", "https://hooks.example.com/hush")
    found = _options(monkeypatch, "-slack-url=https://elsewhere.example.com")
    assert found.slack_url == "https://hooks.example.com/hush"
    assert "hush" not in repr(found)


def test_addresses_are_denied_by_default_and_by_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _options(monkeypatch).denied_addresses == DEFAULT
    found = _options(monkeypatch, "-deny-addresses=default,10.0.0.0/8").denied_addresses
    assert [found.is_denied(each) for each in ("169.254.169.254", "10.1.2.3", "8.8.8.8")] == [True, True, False]
    assert _options(monkeypatch, "-deny-addresses=").denied_addresses.networks == ()


def test_a_value_may_begin_with_a_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    found = _options(monkeypatch, "-slack-user", "-port", "-cluster-name", "--", "-namespace", "a=b", "-port", "9000")
    assert (found.slack_user, found.cluster_name, found.namespace, found.port) == ("-port", "--", "a=b", 9000)


@pytest.mark.parametrize("flag", ["-h", "-help", "--help"])
def test_help_is_asked_for_as_of_a_go_program(flag: str) -> None:
    done = subprocess.run([CANARY, "controller", flag], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--mesh-provider" in done.stdout


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["-metrics-server=nowhere"], "--metrics-server"),
        (["-allowed-gateways=public"], "--allowed-gateways"),
        (["-allowed-gateways=a/b,*/public"], "must be NAMESPACE/NAME or"),
        (["-minimum-interval=soon"], "--minimum-interval"),
        (["-lease-duration=1s"], "at least 3s"),
        (["-enable-leader-election=perhaps"], "--enable-leader-election: 'perhaps': must be true or false"),
        (["-slack-proxy-url=proxy:3128"], "--slack-proxy-url"),
        (["-deny-addresses=10.0.0.1/8"], "--deny-addresses: '10.0.0.1/8': is an address within a network"),
        (["-deny-addresses", "metadata.internal"], "--deny-addresses"),
        (["-msteams-proxy-url=socks5://proxy"], "--msteams-proxy-url"),
        (["-mesh-provder=istio"], "No such option: --mesh-provder"),
        (["-cluster-name"], "--cluster-name"),
        (["-kubeconfig=/nowhere"], "--kubeconfig"),
        (["-kubeconfig-service-mesh=x"], "not served"),
    ],
)
def test_what_cannot_be_used_is_told_in_a_line(flags: list[str], words: str) -> None:
    done = run([str(CANARY), "controller", *flags], env=os.environ)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
