"""``canary controller``: serve the Canary objects of a cluster. Flags and environment carry Flagger's names."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from canary_adapters.cli.goflags import GoFlagsCommand

if TYPE_CHECKING:
    from canary_adapters.controller.options import Options
    from canary_adapters.denied_addresses import DeniedAddresses

__all__ = ["controller"]

controller: Final = typer.Typer(add_completion=False, rich_markup_mode=None)
_ACCEPTED: Final = "Accepted, so that a Flagger command line works; this controller does not need it."


def _seconds(flag: str, text: str) -> float:
    from canary_adapters.cli.errors import BadInputError
    from canary_adapters.manifests.durations import duration_s

    found = duration_s(text)
    if found is None or found <= 0:
        raise BadInputError(f"{flag}: {text!r} is not a duration above zero, such as 10s or 1m30s")
    return found


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _denied(text: str) -> "DeniedAddresses":
    from canary_adapters.denied_addresses import DeniedAddresses, DeniedAddressesError

    try:
        return DeniedAddresses.parse(text)
    except DeniedAddressesError as error:
        raise typer.BadParameter(str(error), param_hint="--deny-addresses") from error


def _gateways(text: str) -> tuple[str, ...]:
    found = _listed(text)
    for each in found:
        place, slash, name = each.partition("/")
        if not place or not slash or not name or "/" in name or "*" in place or ("*" in name and name != "*"):
            raise typer.BadParameter(f"{each}: must be NAMESPACE/NAME or NAMESPACE/*", param_hint="--allowed-gateways")
    return found


@controller.command("controller", cls=GoFlagsCommand)
def run(
    kubeconfig: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Kubeconfig. Absent: the one in the cluster, or $KUBECONFIG.")
    ] = None,
    master: Annotated[str, typer.Option(metavar="URL", help="Address of the API server; overrides kubeconfig.")] = "",
    kubeconfig_qps: Annotated[
        float, typer.Option(min=0.1, help="Requests to the API server per second, in the long run.")
    ] = 100.0,
    kubeconfig_burst: Annotated[int, typer.Option(min=1, help="Requests that may come at once.")] = 250,
    metrics_server: Annotated[
        str, typer.Option(metavar="URL", help="Prometheus of the built-in checks.")
    ] = "http://prometheus:9090",
    mesh_provider: Annotated[
        str, typer.Option(help="What moves the traffic of canaries that do not say: istio or kubernetes.")
    ] = "istio",
    namespace: Annotated[str, typer.Option(help="Serve this namespace only. Empty: all.")] = "",
    selector_labels: Annotated[
        str, typer.Option(metavar="L,...", help="Labels that may tell target and primary apart.")
    ] = "app,name,app.kubernetes.io/name",
    include_label_prefix: Annotated[
        str,
        typer.Option(metavar="P,...", help="Copy labels and annotations that begin so; * is all. Empty: none."),
    ] = "",
    enable_config_tracking: Annotated[
        bool,
        typer.Option(
            "--enable-config-tracking/--no-enable-config-tracking",
            help="ConfigMaps and Secrets belong to a revision and are cloned.",
        ),
    ] = True,
    minimum_interval: Annotated[
        str, typer.Option(metavar="D", help="Shorter analysis intervals become this one; for tests and demos.")
    ] = "10s",
    no_cross_namespace_refs: Annotated[
        bool, typer.Option("--no-cross-namespace-refs", help="Refuse references into other namespaces.")
    ] = False,
    deny_addresses: Annotated[
        str,
        typer.Option(
            metavar="A,...",
            help="Addresses and networks that no webhook, alert or metric query reaches; `default`: link-local ones, "
            "and the metadata of clouds. Empty: none.",
        ),
    ] = "default",
    allowed_gateways: Annotated[
        str,
        typer.Option(
            metavar="NS/NAME,...",
            help="Gateways of other namespaces that --no-cross-namespace-refs lets pass; NS/* is all of one.",
        ),
    ] = "",
    allow_cross_namespace_hosts: Annotated[
        bool,
        typer.Option("--allow-cross-namespace-hosts", help="Hosts of a Canary may name Services of other namespaces."),
    ] = False,
    ready_while_progressing: Annotated[
        bool,
        typer.Option(
            "--ready-while-progressing",
            help="Canaries are Ready while a rollout is under way, so that pipelines do not wait for its end.",
        ),
    ] = False,
    enable_leader_election: Annotated[
        bool,
        typer.Option("--enable-leader-election", "--leader-election", help="Only one of several replicas acts."),
    ] = False,
    leader_election_namespace: Annotated[
        str, typer.Option(help="Where the Lease is, unless --namespace is given.")
    ] = "kube-system",
    lease_duration: Annotated[
        str, typer.Option(metavar="D", help="How long a lease lasts that is not renewed; at least 3s.")
    ] = "60s",
    event_webhook: Annotated[str, typer.Option(metavar="URL", help="Told of every event. $EVENT_WEBHOOK_URL")] = "",
    cluster_name: Annotated[str, typer.Option(help="Shown in alerts.")] = "",
    slack_url: Annotated[str, typer.Option(metavar="URL", help="Alerts go here. $SLACK_URL")] = "",
    slack_token: Annotated[str, typer.Option(help="Token for it. $SLACK_TOKEN")] = "",
    slack_proxy_url: Annotated[str, typer.Option(metavar="URL", help="Proxy on the way. $SLACK_PROXY_URL")] = "",
    slack_user: Annotated[str, typer.Option(help="Sender of alerts.")] = "flagger",
    slack_channel: Annotated[str, typer.Option(help="Channel of alerts.")] = "",
    msteams_url: Annotated[
        str, typer.Option(metavar="URL", help="Alerts go here rather than to Slack. $MSTEAMS_URL")
    ] = "",
    msteams_proxy_url: Annotated[str, typer.Option(metavar="URL", help="Proxy on the way. $MSTEAMS_PROXY_URL")] = "",
    threadiness: Annotated[int, typer.Option(min=1, max=256, help="Rollouts that are worked on at once.")] = 16,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of /healthz, /readyz and /metrics; 0: any.")] = 8080,
    dashboard_port: Annotated[
        int,
        typer.Option(
            min=0, max=65535, help="Of the live page, to callers with rights of their own in the cluster; 0: none."
        ),
    ] = 0,
    dashboard_verbs: Annotated[
        bool,
        typer.Option(
            "--dashboard-verbs", help="The page has buttons for pause, abort, ...; they act with the caller's rights."
        ),
    ] = False,
    log_level: Annotated[str, typer.Option(help="debug, info, warn, error, fatal or panic.")] = "info",
    zap_encoding: Annotated[str, typer.Option(help="json or console.")] = "json",
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
    kubeconfig_service_mesh: Annotated[str, typer.Option(hidden=True, help="Not served.")] = "",
    control_loop_interval: Annotated[str, typer.Option(hidden=True, help=_ACCEPTED)] = "10s",
    zap_replace_globals: Annotated[bool, typer.Option("--zap-replace-globals", hidden=True, help=_ACCEPTED)] = False,
    ingress_annotations_prefix: Annotated[str, typer.Option(hidden=True, help=_ACCEPTED)] = "",
    ingress_class: Annotated[str, typer.Option(hidden=True, help=_ACCEPTED)] = "",
) -> None:
    """Serve the Canary objects of a cluster, until SIGTERM.

    Exit codes: 0 it was ended; 1 the lease was lost, or a second signal came; 2 a flag cannot be used.
    """
    from canary_adapters.controller.election import LeaseTimes
    from canary_adapters.controller.options import Options
    from canary_adapters.kubernetes.domain import cluster_domain
    from canary_adapters.kubernetes.naming import LabelFilter
    from canary_adapters.kubernetes.settings import ObjectSettings
    from canary_adapters.telemetry import configure_logging

    if version:
        from canary_adapters.controller.assembly import own_version

        typer.echo(own_version())
        raise typer.Exit
    if kubeconfig_service_mesh:
        raise typer.BadParameter(
            "mesh objects in another cluster are not served", param_hint="--kubeconfig-service-mesh"
        )
    del control_loop_interval, zap_replace_globals, ingress_annotations_prefix, ingress_class
    lease_s = _seconds("--lease-duration", lease_duration)
    if lease_s < LeaseTimes.of(3).duration_s:
        raise typer.BadParameter(f"{lease_duration}: at least 3s", param_hint="--lease-duration")
    gateways, over = _gateways(allowed_gateways), _environment()
    options = Options(
        mesh_provider=mesh_provider,
        metrics_server=metrics_server,
        namespace=namespace or None,
        objects=ObjectSettings(
            selector_labels=_listed(selector_labels),
            copied=LabelFilter(prefixes=_listed(include_label_prefix)),
            track_configs=enable_config_tracking,
            cross_namespace_hosts=allow_cross_namespace_hosts,
            gateways=gateways if no_cross_namespace_refs else None,
            cluster_domain=cluster_domain(),
        ),
        ready_while_progressing=ready_while_progressing,
        minimum_interval_s=_seconds("--minimum-interval", minimum_interval),
        no_cross_namespace_refs=no_cross_namespace_refs,
        denied_addresses=_denied(deny_addresses),
        event_webhook=over.get("event_webhook", event_webhook),
        cluster_name=cluster_name,
        slack_url=over.get("slack_url", slack_url),
        slack_token=over.get("slack_token", slack_token),
        slack_proxy_url=over.get("slack_proxy_url", slack_proxy_url),
        slack_user=slack_user,
        slack_channel=slack_channel,
        msteams_url=over.get("msteams_url", msteams_url),
        msteams_proxy_url=over.get("msteams_proxy_url", msteams_proxy_url),
        workers=threadiness,
        port=port,
        dashboard_port=dashboard_port,
        dashboard_verbs=dashboard_verbs,
        leader_election=enable_leader_election,
        leader_election_namespace=leader_election_namespace,
        lease=LeaseTimes.of(int(lease_s)),
        qps=kubeconfig_qps,
        burst=kubeconfig_burst,
    )
    _check(options)
    configure_logging(log_level, encoding="console" if zap_encoding == "console" else "json")
    raise typer.Exit(_serve(options, kubeconfig, master))


def _environment() -> dict[str, str]:
    """What the environment says of flags that may hold secrets: it wins, as with Flagger."""
    import os

    names = {name: name.upper() for name in ("slack_url", "slack_token", "slack_proxy_url")}
    names |= {name: name.upper() for name in ("msteams_url", "msteams_proxy_url")}
    names["event_webhook"] = "EVENT_WEBHOOK_URL"
    return {flag: os.environ[name] for flag, name in names.items() if os.environ.get(name)}


def _check(options: "Options") -> None:
    from urllib.parse import urlsplit

    for flag, url in (
        ("--metrics-server", options.metrics_server),
        ("--event-webhook", options.event_webhook),
        ("--slack-url", options.slack_url),
        ("--slack-proxy-url", options.slack_proxy_url),
        ("--msteams-url", options.msteams_url),
        ("--msteams-proxy-url", options.msteams_proxy_url),
    ):
        needed = flag == "--metrics-server"
        parts = urlsplit(url)
        if (url or needed) and (parts.scheme not in {"http", "https"} or not parts.hostname):
            # The value may hold a secret.
            raise typer.BadParameter("must be an absolute http or https URL", param_hint=flag)


def _serve(options: "Options", kubeconfig: Path | None, master: str) -> int:
    import os

    from canary_adapters.cli.announce import announce
    from canary_adapters.cli.connection import connection
    from canary_adapters.controller.controller import Controller
    from canary_adapters.signals import heard

    with _said_of_ports(options):
        running = Controller(options, lambda: connection(kubeconfig, master=master))

    def end(times: int) -> None:
        if times > 1:
            os._exit(1)
        running.ended.set()

    with heard(end):
        with _said_of_ports(options):
            running.start()
        announce(f"listening on port {running.port}")
        running.ended.wait()
        running.stop()
    return 1 if running.lost else 0


@contextmanager
def _said_of_ports(options: "Options") -> Iterator[None]:
    """A port that is taken is the fault of its flag."""
    try:
        yield
    except OSError as error:
        flag = error.filename or "--port"
        number = options.port if flag == "--port" else options.dashboard_port
        raise typer.BadParameter(f"{number}: {error.strerror or error}", param_hint=flag) from error
