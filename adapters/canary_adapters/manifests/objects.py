"""The objects themselves: Canary, MetricTemplate, AlertProvider (``flagger.app/v1beta1``), and what a file held."""

# ruff: noqa: RUF009 - prop and required are attrs' field, which is made for this place

from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar, Final

from attrs import field, frozen

from canary_adapters.controls import Controls
from canary_adapters.manifests.analysis import MOST, Analysis
from canary_adapters.manifests.declare import MANY_LINES, Format, Rule, Table, prop, required
from canary_adapters.manifests.service import Service
from canary_adapters.manifests.templates import Template

__all__ = [
    "API_VERSION",
    "AlertProvider",
    "AlertProviderSpec",
    "AutoscalerRef",
    "Canary",
    "CanarySpec",
    "Manifests",
    "Metadata",
    "MetricProvider",
    "MetricTemplate",
    "MetricTemplateSpec",
    "Other",
    "PrimaryScalerReplicas",
    "ScopedRef",
    "SecretRef",
    "Source",
    "TargetRef",
]

API_VERSION: Final = "flagger.app/v1beta1"
_NAME: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
_NAMESPACE: Final = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"


@frozen(kw_only=True)
class Source:
    """Where an object was read."""

    file: str = "<object>"
    document: int | None = None
    line: int | None = None


@frozen(kw_only=True)
class Metadata:
    """Kubernetes' object metadata, as far as it matters to us."""

    UNREAD: ClassVar = frozenset({"managedFields", "ownerReferences", "selfLink"})

    name: str = required("Name of the object.", pattern=_NAME, least=1, longest=253)
    namespace: str | None = prop("Its namespace. Absent: `default`.", pattern=_NAMESPACE, longest=63)
    labels: Table[str] | None = prop("Labels.")
    annotations: Table[str] | None = prop("Annotations.", each=Rule(doc="A text.", controls=Controls.ANY))
    uid: str | None = prop("Set by the API server.")
    resource_version: str | None = prop("Set by the API server.")
    generation: int | None = prop("Set by the API server; rises with each change of the spec.")
    generate_name: str | None = prop("Prefix of a generated name.")
    creation_timestamp: str | None = prop("Set by the API server.")
    deletion_timestamp: str | None = prop("Set by the API server when the object is being deleted.")
    deletion_grace_period_seconds: int | None = prop("Set by the API server.")
    finalizers: tuple[str, ...] = prop("What must be done before the object is gone.", default=())


@frozen(kw_only=True)
class TargetRef:
    """The workload that the user owns."""

    api_version: str = required("API version of the workload.", least=1)
    kind: str = required("Kind of the workload.", enum=("DaemonSet", "Deployment", "Service"))
    name: str = required("Name of the workload.", least=1, longest=253)


@frozen(kw_only=True)
class PrimaryScalerReplicas:
    """Limits of the primary's scaler. Absent: those of the target's."""

    min_replicas: int | None = prop("Fewest replicas.", minimum=1)
    max_replicas: int | None = prop("Most replicas.", minimum=1)


@frozen(kw_only=True)
class AutoscalerRef:
    """The scaler of the target."""

    api_version: str = required("API version of the scaler.", least=1)
    kind: str = required("Kind of the scaler.", enum=("HorizontalPodAutoscaler", "ScaledObject"))
    name: str = required("Name of the scaler.", least=1, longest=253)
    primary_scaler_replicas: PrimaryScalerReplicas | None = prop("Limits of the primary's scaler.")
    primary_scaler_queries: Table[str] | None = prop(
        "KEDA: query of the primary, by name of the trigger.", each=MANY_LINES
    )


@frozen(kw_only=True)
class ScopedRef:
    """An object that another provider's router needs."""

    api_version: str = required("API version of the object.", least=1)
    kind: str = required("Kind of the object.", enum=("Ingress", "ApisixRoute", "Upstream"))
    name: str = required("Name of the object.", least=1, longest=253)
    namespace: str | None = prop("Its namespace; Upstream only.", longest=63)


@frozen(kw_only=True)
class CanarySpec:
    """What a Canary declares."""

    target_ref: TargetRef = required("The workload that is rolled out.")
    service: Service = required("The Services of the canary.")
    analysis: Analysis = required("How a new revision is judged.")
    provider: str | None = prop(
        "What moves the traffic: istio or kubernetes. Absent: what the controller was started with.",
        least=1,
        longest=63,
    )
    metrics_server: str | None = prop(
        "Prometheus of this canary's built-in checks and queries. Absent: what the controller was started with.",
        format=Format.URL,
    )
    autoscaler_ref: AutoscalerRef | None = prop("The scaler of the target.")
    ingress_ref: ScopedRef | None = prop("The Ingress; its name is `{{ ingress }}` in templates.")
    route_ref: ScopedRef | None = prop("The APISIX route; its name is `{{ route }}` in templates.")
    upstream_ref: ScopedRef | None = prop("The Gloo upstream.")
    progress_deadline_seconds: int = prop("How long a workload may be waited for, seconds.", default=600, minimum=1)
    skip_analysis: bool = prop("Promote without checks.", default=False)
    revert_on_deletion: bool = prop("Undo everything when the Canary is deleted.", default=False)
    suspend: bool = prop("Leave everything as it is.", default=False)


@frozen(kw_only=True)
class Canary:
    """A progressive rollout of one workload."""

    UNREAD: ClassVar = frozenset({"status"})

    metadata: Metadata = required("Standard metadata.")
    spec: CanarySpec = required("What is declared.")
    api_version: str = prop("API version.", default=API_VERSION, always=True)
    kind: str = prop("Kind.", default="Canary", always=True)
    source: Source = field(factory=Source, eq=False, repr=False)
    """Where it was read; not part of its value."""

    @property
    def name(self) -> str:
        """Name of the Canary."""
        return self.metadata.name

    @property
    def namespace(self) -> str:
        """Namespace of the Canary; ``default`` if it does not say."""
        return self.metadata.namespace or "default"


@frozen(kw_only=True)
class SecretRef:
    """A Secret in the namespace of the object."""

    name: str = required("Name of the Secret.", least=1, longest=253)


@frozen(kw_only=True)
class MetricProvider:
    """Who answers a query."""

    type: str = required("Kind of source: prometheus.", least=1, longest=63)
    address: str | None = prop("Where the source listens.")
    region: str | None = prop("Region of the source.")
    insecure_skip_verify: bool = prop("Do not verify the certificate.", default=False)
    secret_ref: SecretRef | None = prop("Credentials: `token`, or `username` and `password`.")
    headers: Table[tuple[str, ...]] | None = prop("Headers to send along.", most=MOST)


@frozen(kw_only=True)
class MetricTemplateSpec:
    """What a MetricTemplate declares."""

    provider: MetricProvider = required("Who answers the query.")
    query: str = required("The query, with variables as in `{{ target }}`.", least=1, controls=Controls.LINES)

    @cached_property
    def template(self) -> Template:
        """The query as read.

        Raises:
            TemplateError: It cannot be.
        """
        return Template.read(self.query)


@frozen(kw_only=True)
class MetricTemplate:
    """A query that canaries share."""

    UNREAD: ClassVar = frozenset({"status"})

    metadata: Metadata = required("Standard metadata.")
    spec: MetricTemplateSpec = required("What is declared.")
    api_version: str = prop("API version.", default=API_VERSION, always=True)
    kind: str = prop("Kind.", default="MetricTemplate", always=True)
    source: Source = field(factory=Source, eq=False, repr=False)
    """Where it was read; not part of its value."""


@frozen(kw_only=True)
class AlertProviderSpec:
    """What an AlertProvider declares."""

    ONE_OF: ClassVar = ("address", "secretRef")

    type: str = required("Kind of receiver.", enum=("slack", "msteams", "discord", "rocket", "gchat"))
    address: str | None = prop("Where alerts are sent.", format=Format.URL)
    secret_ref: SecretRef | None = prop("Secret that holds `address` and, for Slack, `token`.")
    channel: str | None = prop("Channel. Absent: `general`.")
    username: str | None = prop("Sender. Absent: `flagger`.")
    proxy: str | None = prop("HTTP proxy on the way.", format=Format.URL)


@frozen(kw_only=True)
class AlertProvider:
    """Somebody who is told of alerts."""

    UNREAD: ClassVar = frozenset({"status"})

    metadata: Metadata = required("Standard metadata.")
    spec: AlertProviderSpec = required("What is declared.")
    api_version: str = prop("API version.", default=API_VERSION, always=True)
    kind: str = prop("Kind.", default="AlertProvider", always=True)
    source: Source = field(factory=Source, eq=False, repr=False)
    """Where it was read; not part of its value."""


@frozen(kw_only=True)
class Other:
    """An object of somebody else's kind."""

    kind: str
    name: str
    namespace: str | None = None
    """None: it does not say."""
    content: Mapping[str, object] = field(factory=dict, repr=False)
    """All of it, as plain data."""


@frozen(kw_only=True)
class Manifests:
    """What a file held, in its order."""

    canaries: tuple[Canary, ...] = ()
    metric_templates: tuple[MetricTemplate, ...] = ()
    alert_providers: tuple[AlertProvider, ...] = ()
    others: tuple[Other, ...] = ()
    """Objects of other kinds, as far as they have a name."""
    passed_over: int = 0
    """Number of objects of other kinds."""

    def __add__(self, more: "Manifests") -> "Manifests":
        """What both held."""
        return Manifests(
            canaries=self.canaries + more.canaries,
            metric_templates=self.metric_templates + more.metric_templates,
            alert_providers=self.alert_providers + more.alert_providers,
            others=self.others + more.others,
            passed_over=self.passed_over + more.passed_over,
        )
