"""The parts of Istio's API that a Canary carries: conditions, retries, headers, CORS, traffic policy.

They are passed through to VirtualServices and DestinationRules, so absent and empty are told apart: absent is None.
Fields are those of Flagger's schema; Istio knows more, which the API server would drop from a Canary.
"""

# ruff: noqa: RUF009 - prop and required are attrs' field, which is made for this place

from typing import ClassVar

from attrs import frozen

from canary_adapters.manifests.declare import Format, Rule, Table, prop

__all__ = [
    "ConnectionPool",
    "ConnectionPoolHTTP",
    "ConsistentHash",
    "CorsPolicy",
    "Failover",
    "HTTPCookie",
    "HTTPMatch",
    "HeaderOperations",
    "Headers",
    "LoadBalancer",
    "LocalityDistribution",
    "LocalityLB",
    "OriginMatch",
    "OutlierDetection",
    "Retries",
    "Rewrite",
    "StringMatch",
    "TLSSettings",
    "TrafficPolicy",
]


@frozen(kw_only=True)
class StringMatch:
    """How a text is compared. Without any of the three: it is only present."""

    AT_MOST_ONE_OF: ClassVar = ("exact", "prefix", "regex")

    exact: str | None = prop("The whole text.")
    prefix: str | None = prop("What the text begins with.")
    regex: str | None = prop("RE2 expression for the whole text.", format=Format.REGEX)


@frozen(kw_only=True)
class OriginMatch:
    """How the origin of a request is compared."""

    ONE_OF: ClassVar = ("exact", "prefix", "regex")

    exact: str | None = prop("The whole origin.")
    prefix: str | None = prop("What the origin begins with.")
    regex: str | None = prop("RE2 expression for the whole origin.", format=Format.REGEX)


@frozen(kw_only=True)
class HTTPMatch:
    """Requests that a route is for: all conditions must hold."""

    name: str | None = prop("Name of the match, for the logs of the mesh.")
    uri: StringMatch | None = prop("Path of the request.")
    scheme: StringMatch | None = prop("URI scheme.")
    method: StringMatch | None = prop("HTTP method.")
    authority: StringMatch | None = prop("HTTP authority (host).")
    headers: Table[StringMatch] | None = prop("Request headers, by lower-case name.")
    port: int | None = prop("Port that is addressed.", minimum=1, maximum=65535)
    source_labels: Table[str] | None = prop("Labels of the calling workload; needs the gateway `mesh`.")
    gateways: tuple[str, ...] | None = prop("Gateways for which the match holds.")
    query_params: Table[StringMatch] | None = prop("Query parameters.")
    ignore_uri_case: bool | None = prop("Compare `uri` without regard to case.")
    without_headers: Table[StringMatch] | None = prop("Request headers that must not match.")
    source_namespace: str | None = prop("Namespace of the calling workload.")


@frozen(kw_only=True)
class Rewrite:
    """What becomes of the path and host before the request is sent on."""

    uri: str | None = prop("New path, or new prefix of it.")
    authority: str | None = prop("New host.")
    type: str | None = prop("Kind of rewriting; Gateway API only.")


@frozen(kw_only=True)
class Retries:
    """How often the mesh tries again."""

    attempts: int | None = prop("Number of further attempts.", minimum=0, maximum=2**31 - 1)
    per_try_timeout: str | None = prop("Time for each attempt.", format=Format.DURATION)
    retry_on: str | None = prop("Conditions under which to try again (`5xx,reset`).")


@frozen(kw_only=True)
class HeaderOperations:
    """Changes to the headers of a message."""

    set: Table[str] | None = prop("Overwrite these.")
    add: Table[str] | None = prop("Append to these.")
    remove: tuple[str, ...] | None = prop("Remove these.")


@frozen(kw_only=True)
class Headers:
    """Changes to headers, on the way in and out."""

    request: HeaderOperations | None = prop("Before the request is sent on.")
    response: HeaderOperations | None = prop("Before the response is returned.")


@frozen(kw_only=True)
class CorsPolicy:
    """Cross-origin resource sharing."""

    allow_origin: tuple[str, ...] | None = prop("Origins that are allowed, literally (old form).")
    allow_origins: tuple[OriginMatch, ...] | None = prop("Origins that are allowed.")
    allow_methods: tuple[str, ...] | None = prop("Methods that are allowed.")
    allow_headers: tuple[str, ...] | None = prop("Request headers that are allowed.")
    expose_headers: tuple[str, ...] | None = prop("Response headers that scripts may read.")
    max_age: str | None = prop("How long a preflight answer may be kept.", format=Format.DURATION)
    allow_credentials: bool | None = prop("Whether credentials may be sent.")


_COUNT = {"minimum": 0, "maximum": 2**31 - 1}
_PERCENT = {"minimum": 0, "maximum": 100}


@frozen(kw_only=True)
class ConnectionPoolHTTP:
    """Limits on HTTP connections."""

    h2_upgrade_policy: str | None = prop(
        "Whether HTTP/1.1 becomes HTTP/2.", enum=("DEFAULT", "DO_NOT_UPGRADE", "UPGRADE")
    )
    http1_max_pending_requests: int | None = prop("Most requests that wait for a connection.", **_COUNT)
    http2_max_requests: int | None = prop("Most active requests.", **_COUNT)
    idle_timeout: str | None = prop("Idle time after which a connection is closed.", format=Format.DURATION)
    max_requests_per_connection: int | None = prop("Requests after which a connection is closed.", **_COUNT)
    max_retries: int | None = prop("Most retries at one time.", **_COUNT)


@frozen(kw_only=True)
class ConnectionPool:
    """Limits on connections. Istio's `tcp` is not in Flagger's schema."""

    http: ConnectionPoolHTTP | None = prop("Limits on HTTP connections.")


@frozen(kw_only=True)
class HTTPCookie:
    """A cookie that decides on the pod."""

    name: str | None = prop("Name of the cookie.")
    path: str | None = prop("Path of the cookie.")
    ttl: str | None = prop("Lifetime of the cookie.", format=Format.DURATION)


@frozen(kw_only=True)
class ConsistentHash:
    """What decides on the pod that a request goes to."""

    ONE_OF: ClassVar = ("httpHeaderName", "httpCookie", "useSourceIp", "httpQueryParameterName")

    http_header_name: str | None = prop("A request header.")
    http_cookie: HTTPCookie | None = prop("A cookie.")
    use_source_ip: bool | None = prop("The address of the caller.")
    http_query_parameter_name: str | None = prop("A query parameter.")
    minimum_ring_size: int | None = prop("Fewest virtual nodes of the hash ring.", minimum=0)


@frozen(kw_only=True)
class LocalityDistribution:
    """Where requests from one locality go."""

    origin: str | None = prop("The locality, `region/zone/subzone`.", name="from")
    to: Table[int] | None = prop("Percent of requests, by locality.")


@frozen(kw_only=True)
class Failover:
    """Where requests go when a region has no healthy pods."""

    origin: str | None = prop("The region.", name="from")
    to: str | None = prop("The region that takes over.")


@frozen(kw_only=True)
class LocalityLB:
    """Load balancing by locality."""

    AT_MOST_ONE_OF: ClassVar = ("distribute", "failover")

    enabled: bool | None = prop("Overrides the setting of the whole mesh.")
    distribute: tuple[LocalityDistribution, ...] | None = prop("Shares by locality.")
    failover: tuple[Failover, ...] | None = prop("Substitutes by region.")


@frozen(kw_only=True)
class LoadBalancer:
    """How a pod is chosen."""

    ONE_OF: ClassVar = ("simple", "consistentHash")

    simple: str | None = prop(
        "One of the algorithms that keep no state.",
        enum=("ROUND_ROBIN", "LEAST_CONN", "RANDOM", "PASSTHROUGH", "LEAST_REQUEST"),
    )
    consistent_hash: ConsistentHash | None = prop("The same pod for the same key.")
    locality_lb_setting: LocalityLB | None = prop("Preference by locality.")
    warmup_duration_secs: str | None = prop("Time in which a new pod is given its full share.", format=Format.DURATION)


@frozen(kw_only=True)
class OutlierDetection:
    """When a pod is put out of the pool."""

    base_ejection_time: str | None = prop("Shortest time that a pod stays out.", format=Format.DURATION)
    consecutive5xx_errors: int | None = prop("So many 5xx answers in a row put it out.", **_COUNT)
    consecutive_errors: int | None = prop("Old name of `consecutiveGatewayErrors`.", **_COUNT)
    consecutive_gateway_errors: int | None = prop("So many gateway errors in a row put it out.", **_COUNT)
    consecutive_local_origin_failures: int | None = prop("So many local failures in a row put it out.", **_COUNT)
    interval: str | None = prop("Time between two sweeps.", format=Format.DURATION)
    max_ejection_percent: int | None = prop("Largest share of pods that may be out.", **_PERCENT)
    min_health_percent: int | None = prop("Detection stops when fewer pods than this are healthy.", **_PERCENT)
    split_external_local_origin_errors: bool | None = prop("Tell local failures from those of the pod.")


@frozen(kw_only=True)
class TLSSettings:
    """TLS towards the pods."""

    mode: str | None = prop("Kind of TLS.", enum=("DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"))
    client_certificate: str | None = prop("File of the client certificate; needed by MUTUAL.")
    private_key: str | None = prop("File of the private key; needed by MUTUAL.")
    ca_certificates: str | None = prop("File of the authorities.")
    sni: str | None = prop("Server name to present.")
    subject_alt_names: tuple[str, ...] | None = prop("Names that the certificate may have.", each=Rule(doc="A name."))


@frozen(kw_only=True)
class TrafficPolicy:
    """Goes to the DestinationRules of primary and canary. Istio's `portLevelSettings` is not in Flagger's schema."""

    connection_pool: ConnectionPool | None = prop("Limits on connections.")
    load_balancer: LoadBalancer | None = prop("How a pod is chosen.")
    outlier_detection: OutlierDetection | None = prop("When a pod is put out of the pool.")
    tls: TLSSettings | None = prop("TLS towards the pods.")
