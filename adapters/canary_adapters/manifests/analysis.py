"""``spec.analysis`` of a Canary: the ladder, the checks, the hooks, the alerts.

Fields marked as extensions are ours. Flagger does not know them; absent means that Flagger's behaviour holds.
"""

# ruff: noqa: RUF009 - prop and required are attrs' field, which is made for this place

from functools import cached_property
from typing import ClassVar, Final

from attrs import frozen

from canary_adapters.controls import Controls
from canary_adapters.manifests.declare import MANY_LINES, Format, Rule, Table, prop, required
from canary_adapters.manifests.templates import Template

__all__ = [
    "BUILT_IN",
    "MOST",
    "REQUEST_DURATION",
    "REQUEST_SUCCESS_RATE",
    "Alert",
    "Analysis",
    "HeaderMatch",
    "Metric",
    "ObjectRef",
    "QueryMatch",
    "RequestMatch",
    "SessionAffinitySpec",
    "ThresholdRange",
    "Webhook",
]

INTERVAL_PATTERN: Final = "^[0-9]+(m|s)"
REQUEST_SUCCESS_RATE: Final = "request-success-rate"
REQUEST_DURATION: Final = "request-duration"
MOST: Final = 100
"""Most entries of what is gone through for each analysis or each request."""
BUILT_IN: Final = frozenset({REQUEST_SUCCESS_RATE, REQUEST_DURATION})


@frozen(kw_only=True)
class ObjectRef:
    """An object by name."""

    name: str = required("Name of the object.", least=1, longest=253)
    namespace: str | None = prop("Its namespace. Absent: that of the canary.", longest=63)


@frozen(kw_only=True)
class ThresholdRange:
    """The closed range that a metric must keep to. A side that is absent is open."""

    min: float | None = prop("Smallest value that passes.")
    max: float | None = prop("Largest value that passes.")


@frozen(kw_only=True)
class Metric:
    """One check of the analysis."""

    name: str = required(
        f"Name of the check; `{REQUEST_SUCCESS_RATE}` (percent) and `{REQUEST_DURATION}` (ms) are built in.", least=1
    )
    interval: str | None = prop(
        "How far back the metric looks. Absent: 1m.", pattern=INTERVAL_PATTERN, format=Format.WINDOW
    )
    threshold: float | None = prop("Used without `thresholdRange`: a minimum for the success rate, else a maximum.")
    threshold_range: ThresholdRange | None = prop("The range that the value must keep to.")
    query: str | None = prop("PromQL of the check (old form; better a MetricTemplate).", controls=Controls.LINES)
    template_ref: ObjectRef | None = prop("The MetricTemplate that holds the query.")
    template_variables: Table[str] | None = prop(
        "Values for `{{ variables.key }}` of the template.", each=MANY_LINES, most=MOST
    )
    min_samples: int | None = prop(
        "A value that rests on fewer samples than this counts as no data. Absent: any number will do.",
        minimum=1,
        extension=True,
    )

    @cached_property
    def template(self) -> Template:
        """The query as read; empty if there is none.

        Raises:
            TemplateError: It cannot be.
        """
        return Template.read(self.query or "")


@frozen(kw_only=True)
class Webhook:
    """A question to, or a message for, somebody outside."""

    name: str = required("Name of the hook.", least=1)
    url: str = required("Where the request is sent.", format=Format.URL)
    type: str = prop(
        "When it is called. Empty: rollout.",
        default="",
        enum=(
            "",
            "confirm-rollout",
            "pre-rollout",
            "rollout",
            "confirm-traffic-increase",
            "confirm-promotion",
            "post-rollout",
            "event",
            "rollback",
        ),
    )
    timeout: str = prop("Time for each attempt.", default="10s", pattern=INTERVAL_PATTERN, format=Format.INTERVAL)
    retries: int = prop("Number of further attempts.", default=0, minimum=0, maximum=100)
    disable_tls: bool = prop("Do not verify the certificate.", default=False, name="disableTLS")
    mute_alert: bool = prop("No alert when this hook makes the rollout wait.", default=False)
    metadata: Table[str] | None = prop("Sent along.", each=MANY_LINES, most=MOST)


@frozen(kw_only=True)
class Alert:
    """Who is told of what."""

    name: str = required("Name of the alert.", least=1)
    provider_ref: ObjectRef = required("The AlertProvider.")
    severity: str = prop("Least severity that is sent. Empty: info.", default="", enum=("", "info", "warn", "error"))


@frozen(kw_only=True)
class HeaderMatch:
    """How a header is compared."""

    ONE_OF: ClassVar = ("exact", "prefix", "suffix", "regex")

    exact: str | None = prop("The whole text.")
    prefix: str | None = prop("What the text begins with.")
    suffix: str | None = prop("What the text ends with.")
    regex: str | None = prop("RE2 expression for the whole text.", format=Format.REGEX)


@frozen(kw_only=True)
class QueryMatch:
    """How a query parameter is compared. Without any of the three: it is only present."""

    AT_MOST_ONE_OF: ClassVar = ("exact", "prefix", "regex")

    exact: str | None = prop("The whole text.")
    prefix: str | None = prop("What the text begins with.")
    regex: str | None = prop("RE2 expression for the whole text.", format=Format.REGEX)


@frozen(kw_only=True)
class RequestMatch:
    """Requests that the analysis concerns: all conditions must hold."""

    headers: Table[HeaderMatch] | None = prop("Request headers, by lower-case name.")
    query_params: Table[QueryMatch] | None = prop("Query parameters.")
    source_labels: Table[str] | None = prop("Labels of the calling workload; needs the gateway `mesh`.")


@frozen(kw_only=True)
class SessionAffinitySpec:
    """A user who has reached the canary stays with it, by a cookie."""

    cookie_name: str = required("Cookie of the canary's users.", least=1)
    primary_cookie_name: str | None = prop("Cookie that keeps users of the primary there.", least=1)
    max_age: int = prop("Lifetime of the cookie, seconds.", default=86400, filled=86400, minimum=0)
    domain: str | None = prop("Cookie attribute Domain.")
    http_only: bool = prop("Cookie attribute HttpOnly.", default=False)
    partitioned: bool = prop("Cookie attribute Partitioned.", default=False)
    path: str | None = prop("Cookie attribute Path.")
    same_site: str | None = prop("Cookie attribute SameSite.", enum=("Strict", "Lax", "None"))
    secure: bool = prop("Cookie attribute Secure.", default=False)


_PERCENT = {"minimum": 0, "maximum": 100}


@frozen(kw_only=True)
class Analysis:
    """How a new revision is judged."""

    ONE_OF: ClassVar = ("iterations", "stepWeight", "stepWeights")

    interval: str = required(
        "Time between two analyses; at least 10s.", pattern=INTERVAL_PATTERN, format=Format.INTERVAL
    )
    threshold: int = required("So many failed checks, cumulative, roll back. 0 or less: 1.")
    step_weight: int | None = prop("Percent of traffic added per step.", **_PERCENT)
    step_weights: tuple[int, ...] | None = prop(
        "Percent of traffic at each step, strictly rising.", each=Rule(doc="A weight.", minimum=1, maximum=100)
    )
    max_weight: int = prop("Percent of traffic at which to promote. 0 or less: 100.", default=0, maximum=100)
    step_weight_promotion: int = prop(
        "Percent of traffic given back to the primary per interval while promoting. 0: all at once.",
        default=0,
        **_PERCENT,
    )
    iterations: int | None = prop("Number of judged iterations; selects A/B (with `match`) or blue/green.", minimum=0)
    match: tuple[RequestMatch, ...] = prop("Requests that may reach the canary. Empty: all.", default=(), most=MOST)
    mirror: bool = prop("Send copies of requests to the canary first (or, blue/green, instead).", default=False)
    mirror_weight: int = prop("Percent of requests that are copied. 0: all.", default=0, **_PERCENT)
    primary_ready_threshold: int = prop("Percent of the primary's pods that must be ready.", default=100, **_PERCENT)
    canary_ready_threshold: int = prop("Percent of the canary's pods that must be ready.", default=100, **_PERCENT)
    metrics: tuple[Metric, ...] = prop("What is measured.", default=(), most=MOST)
    webhooks: tuple[Webhook, ...] = prop("Who is asked.", default=(), most=MOST)
    alerts: tuple[Alert, ...] = prop("Who is told. Empty: the controller's own receiver.", default=(), most=MOST)
    session_affinity: SessionAffinitySpec | None = prop("Users stay with the version that they reached.")
    no_data_threshold: int | None = prop(
        "Own budget for checks without data. Absent: they count as failed checks.", minimum=1, extension=True
    )
    error_threshold: int | None = prop(
        "Own budget for checks whose source did not answer. Absent: they count as failed checks.",
        minimum=1,
        extension=True,
    )
    approval_deadline: str | None = prop(
        "How long a gate may stay closed before the rollout is rolled back. Absent: for ever.",
        format=Format.POSITIVE_DURATION,
        extension=True,
    )
    drain_time: str | None = prop(
        "How long a workload must be seen without traffic before it is scaled down. Absent: not at all.",
        format=Format.DURATION,
        extension=True,
    )
