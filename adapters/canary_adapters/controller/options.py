"""What an installation decides: the flags of ``canary controller``, as values."""

from typing import Final

from attrs import field, frozen

from canary_adapters.controller.election import LeaseTimes
from canary_adapters.denied_addresses import DEFAULT, DeniedAddresses
from canary_adapters.kubernetes.settings import ObjectSettings
from canary_adapters.manifests.durations import MINIMUM_INTERVAL_S

__all__ = ["Options"]

DEFAULT_METRICS_SERVER: Final = "http://prometheus:9090"


@frozen(kw_only=True)
class Options:
    """Defaults are Flagger's, where it has the flag."""

    mesh_provider: str = "istio"
    """What moves the traffic of canaries that do not say."""
    metrics_server: str = DEFAULT_METRICS_SERVER
    """Prometheus of the built-in checks of canaries that do not say."""
    namespace: str | None = None
    """The only namespace that is served. None: all."""
    objects: ObjectSettings = field(factory=ObjectSettings)
    ready_while_progressing: bool = False
    """Whether tools that wait are to take a rollout under way for settled."""
    minimum_interval_s: float = MINIMUM_INTERVAL_S
    """Shorter analysis intervals become this one, seconds."""
    no_cross_namespace_refs: bool = False
    """Whether references into other namespaces are refused."""
    denied_addresses: DeniedAddresses = DEFAULT
    """Whom no request reaches that a user declares: webhooks, alerts, metric queries."""
    event_webhook: str = ""
    """Told of every event of canaries without event webhooks of their own."""
    cluster_name: str = ""
    """Shown in alerts."""
    slack_url: str = field(default="", repr=False)
    slack_token: str = field(default="", repr=False)
    slack_proxy_url: str = field(default="", repr=False)
    slack_user: str = "flagger"
    slack_channel: str = ""
    msteams_url: str = field(default="", repr=False)
    msteams_proxy_url: str = field(default="", repr=False)
    qps: float = 100.0
    """Requests to the API server per second, in the long run, watches and leases aside."""
    burst: int = 250
    """Requests that may come at once."""
    workers: int = 16
    """Rollouts that are worked on at the same time."""
    port: int = 8080
    """Of /healthz, /readyz and /metrics; 0 is any free port."""
    dashboard_port: int = 0
    """Of the live page; 0: it is not served."""
    dashboard_verbs: bool = False
    """Whether the page has buttons, which act with the rights of whoever uses them."""
    leader_election: bool = False
    leader_election_namespace: str = "kube-system"
    lease: LeaseTimes = field(factory=LeaseTimes)
    shutdown_s: float = 25.0
    """For how long running ticks are waited for at the end. Kubernetes kills after 30 s by default."""
