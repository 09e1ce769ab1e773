"""The panels of the dashboard, as data: what is asked, in which unit, and what it means.

``generate_dashboard.py`` places them and writes the file.
"""

from typing import Final, Literal, TypeAlias

from attrs import field, frozen

__all__ = ["COLUMNS", "ROWS", "Kind", "Panel", "Query"]

COLUMNS: Final = 24
"""Width of Grafana's grid."""
Kind: TypeAlias = Literal["stat", "table", "timeseries", "state-timeline"]

OURS: Final = 'namespace=~"$namespace",name=~"$canary"'
"""Selects the chosen canaries, by the name of their target."""
SHARES: Final = 'namespace=~"$namespace",workload=~"$canary"'
"""The same where only the canary's own workload is meant, not the primary."""
MESH: Final = 'reporter="destination",destination_workload_namespace=~"$namespace",destination_workload=~"%s"'
VERSIONS: Final = {"canary": MESH % "$canary", "primary": MESH % "($canary)-primary"}
BY: Final = "by (namespace, name)"
WHO: Final = "{{namespace}}/{{name}}"
WORKLOAD: Final = "{{destination_workload_namespace}}/{{destination_workload}}"
BY_WORKLOAD: Final = "by (destination_workload_namespace, destination_workload)"
STATUS: Final = {"0": ("Progressing", "blue"), "1": ("Settled or waiting", "green"), "2": ("Failed", "red")}


@frozen
class Query:
    """What a panel asks."""

    expr: str
    legend: str = ""


@frozen(kw_only=True)
class Panel:
    """One panel, without its place."""

    title: str
    description: str
    kind: Kind = "timeseries"
    unit: str
    """Grafana's identifier."""
    queries: tuple[Query, ...]
    width: int = 8
    height: int = 8
    maximum: float | None = None
    colour: str | None = None
    """Of a single number that is not 0."""
    mappings: dict[str, tuple[str, str]] = field(factory=dict)
    """Text and colour for values."""
    stepped: bool = False
    columns: dict[str, tuple[str, str]] = field(factory=dict)
    """Of a table: heading and unit for each label and each ``Value #X``, in their order."""


def _check(metric: str, bound: str, label: str) -> tuple[Query, ...]:
    chosen = f'{OURS},metric="{metric}"'
    return (
        Query(f"max {BY} (flagger_canary_metric_analysis{{{chosen}}})", WHO),
        Query(f'max {BY} (canary_metric_bound{{{chosen},bound="{bound}"}})', f"{WHO} {label}"),
    )


def _traffic(template: str) -> tuple[Query, ...]:
    """A query for each version; ``CHOSEN`` in it selects the requests."""
    return tuple(
        Query(template.replace("CHOSEN", chosen), f"{WORKLOAD} ({version})") for version, chosen in VERSIONS.items()
    )


ROWS: Final[tuple[tuple[str, tuple[Panel, ...]], ...]] = (
    (
        "Rollouts",
        (
            Panel(
                kind="stat",
                title="Canaries",
                description="Canaries that the controller serves in the chosen namespaces.",
                unit="none",
                queries=(Query('sum(flagger_canary_total{namespace=~"$namespace"})'),),
                width=6,
                height=4,
            ),
            Panel(
                kind="stat",
                title="Under way",
                description="Rollouts whose analysis is going on: a part of the requests may be on a new revision.",
                unit="none",
                queries=(Query(f"count(max {BY} (flagger_canary_status{{{OURS}}}) == 0) or vector(0)"),),
                width=6,
                height=4,
                colour="blue",
            ),
            Panel(
                kind="stat",
                title="Failed",
                description="Canaries whose declared revision was not promoted. They stay so until something changes.",
                unit="none",
                queries=(Query(f"count(max {BY} (flagger_canary_status{{{OURS}}}) == 2) or vector(0)"),),
                width=6,
                height=4,
                colour="red",
            ),
            Panel(
                kind="stat",
                title="On hold",
                description="Canaries that a person has paused, or whose policy is suspended.",
                unit="none",
                queries=(Query(f"sum(max {BY} (canary_paused{{{OURS}}})) or vector(0)"),),
                width=6,
                height=4,
                colour="orange",
            ),
            Panel(
                kind="table",
                title="Phases",
                description=(
                    "Where each rollout stands and since when, the canary's share of the requests, and how many checks "
                    "have failed of how many that roll back. Canaries go by the name of their target."
                ),
                unit="none",
                queries=(
                    Query(f"1000 * max by (namespace, name, phase) (canary_phase_start_time_seconds{{{OURS}}})"),
                    Query(
                        "max by (namespace, name) "
                        f'(label_replace(flagger_canary_weight{{{SHARES}}}, "name", "$1", "workload", "(.*)"))'
                    ),
                    Query(f"max {BY} (canary_failed_checks{{{OURS}}})"),
                    Query(f"max {BY} (canary_failed_checks_threshold{{{OURS}}})"),
                ),
                width=COLUMNS,
                columns={
                    "namespace": ("Namespace", "string"),
                    "name": ("Canary", "string"),
                    "phase": ("Phase", "string"),
                    "Value #A": ("Since", "dateTimeFromNow"),
                    "Value #B": ("Weight", "percent"),
                    "Value #C": ("Failed checks", "none"),
                    "Value #D": ("Roll back at", "none"),
                },
            ),
            Panel(
                title="Weight of the canary",
                description="Share of the requests that is sent to the new revision. The primary gets the rest.",
                unit="percent",
                maximum=100,
                queries=(
                    Query(
                        f"max by (namespace, workload) (flagger_canary_weight{{{SHARES}}})",
                        "{{namespace}}/{{workload}}",
                    ),
                ),
                width=12,
                stepped=True,
            ),
            Panel(
                kind="state-timeline",
                title="Status",
                description="Flagger's three values of the status over time: every phase but two counts as settled.",
                unit="none",
                queries=(Query(f"max {BY} (flagger_canary_status{{{OURS}}})", WHO),),
                width=12,
                mappings=STATUS,
            ),
        ),
    ),
    (
        "Checks",
        (
            Panel(
                title="Success rate against its threshold",
                description="What the check request-success-rate has measured last, and the least that it allows.",
                unit="percent",
                maximum=100,
                queries=_check("request-success-rate", "min", "at least"),
            ),
            Panel(
                title="Duration against its threshold",
                description="What the check request-duration has measured last (p99), and the most that it allows.",
                unit="s",
                queries=_check("request-duration", "max", "at most"),
            ),
            Panel(
                title="Other checks",
                description="Values of checks with a query or a template of their own, and their bounds.",
                unit="short",
                queries=(
                    Query(
                        "max by (namespace, name, metric) "
                        f'(flagger_canary_metric_analysis{{{OURS},metric!~"request-success-rate|request-duration"}})',
                        WHO + " {{metric}}",
                    ),
                    Query(
                        "max by (namespace, name, metric, bound) "
                        f'(canary_metric_bound{{{OURS},metric!~"request-success-rate|request-duration"}})',
                        WHO + " {{metric}} {{bound}}",
                    ),
                ),
            ),
            Panel(
                title="Failed checks of the rollout",
                description="They add up until the rollout ends. At the threshold it is rolled back.",
                unit="none",
                queries=(
                    Query(f"max {BY} (canary_failed_checks{{{OURS}}})", WHO),
                    Query(f"max {BY} (canary_failed_checks_threshold{{{OURS}}})", f"{WHO} rolls back"),
                ),
                stepped=True,
            ),
            Panel(
                title="What did not pass, and why",
                description=(
                    "Checks and hooks by verdict: fail is a bad value or a refusal, no-data is no value at all, error "
                    "is a metrics server or hook that could not be asked."
                ),
                unit="none",
                queries=(
                    Query(
                        "sum by (namespace, name, check, verdict) "
                        f"(increase(canary_checks_not_passed_total{{{OURS}}}[$__rate_interval])) > 0",
                        WHO + " {{check}}: {{verdict}}",
                    ),
                ),
            ),
            Panel(
                kind="stat",
                title="Rollouts that ended",
                description="Promoted and rolled back, within the time that is shown.",
                unit="none",
                queries=(
                    Query(
                        f"sum {BY} (increase(flagger_canary_successes_total{{{OURS}}}[$__range]))", f"{WHO} promoted"
                    ),
                    Query(
                        f"sum {BY} (increase(flagger_canary_failures_total{{{OURS}}}[$__range]))", f"{WHO} rolled back"
                    ),
                ),
            ),
        ),
    ),
    (
        "Traffic, as Istio sees it",
        (
            Panel(
                title="Requests per second",
                description="Requests that the pods of canary and primary have received.",
                unit="reqps",
                queries=_traffic(f"sum {BY_WORKLOAD} (rate(istio_requests_total{{CHOSEN}}[$__rate_interval]))"),
            ),
            Panel(
                title="Success rate",
                description="Share of requests that were not answered with 5xx.",
                unit="percent",
                maximum=100,
                queries=_traffic(
                    f"100 - 100 * (sum {BY_WORKLOAD} "
                    '(rate(istio_requests_total{CHOSEN,response_code=~"5.*"}[$__rate_interval])) '
                    f"or 0 * sum {BY_WORKLOAD} (rate(istio_requests_total{{CHOSEN}}[$__rate_interval]))) "
                    f"/ sum {BY_WORKLOAD} (rate(istio_requests_total{{CHOSEN}}[$__rate_interval]))"
                ),
            ),
            Panel(
                title="Duration, p99",
                description="99 of 100 requests were answered faster than this.",
                unit="ms",
                queries=_traffic(
                    "histogram_quantile(0.99, sum by (le, destination_workload_namespace, destination_workload) "
                    "(rate(istio_request_duration_milliseconds_bucket{CHOSEN}[$__rate_interval])))"
                ),
            ),
        ),
    ),
    (
        "Controller",
        (
            Panel(
                kind="stat",
                title="Leaders",
                description="Replicas that act. One for each controller: 0 is nobody, 2 are one too many.",
                unit="none",
                queries=(Query("sum by (job) (canary_is_leader)", "{{job}}"),),
                width=4,
            ),
            Panel(
                kind="stat",
                title="Version",
                description="Version and default provider of the replicas that run.",
                unit="none",
                queries=(Query("sum by (version, mesh_provider) (flagger_info)", "{{version}} ({{mesh_provider}})"),),
                width=4,
            ),
            Panel(
                title="Ticks by result",
                description=(
                    "How often rollouts were worked on. A conflict is tried again at once; unavailable is the API "
                    "server, refused a mistake in what is declared, error one of the controller."
                ),
                unit="cps",
                queries=(Query("sum by (result) (rate(canary_ticks_total[$__rate_interval]))", "{{result}}"),),
            ),
            Panel(
                title="How late ticks begin",
                description="Time between a tick being due and a worker beginning it.",
                unit="s",
                queries=tuple(
                    Query(
                        f"histogram_quantile({share}, "
                        "sum by (le) (rate(canary_tick_lateness_seconds_bucket[$__rate_interval])))",
                        f"p{share * 100:g}",
                    )
                    for share in (0.5, 0.9, 0.99)
                ),
            ),
            Panel(
                title="How long analyses take",
                description="Mean time of a tick in which something was judged, most of it spent waiting for metrics.",
                unit="s",
                queries=(
                    Query(
                        f"sum {BY} (rate(flagger_canary_duration_seconds_sum{{{OURS}}}[$__rate_interval])) "
                        f"/ sum {BY} (rate(flagger_canary_duration_seconds_count{{{OURS}}}[$__rate_interval]))",
                        WHO,
                    ),
                ),
            ),
            Panel(
                title="Processor",
                description="Processor time that each replica uses, in cores.",
                unit="none",
                queries=(
                    Query(
                        "rate(process_cpu_seconds_total[$__rate_interval]) and on (job, instance) canary_is_leader",
                        "{{instance}}",
                    ),
                ),
            ),
            Panel(
                title="Memory",
                description="Resident memory of each replica. It grows with the objects that the caches hold.",
                unit="bytes",
                queries=(
                    Query("process_resident_memory_bytes and on (job, instance) canary_is_leader", "{{instance}}"),
                ),
            ),
        ),
    ),
)
