"""What Istio refuses of a Canary, as far as that can be told without asking it: simple rules for single fields.

For who has no API server at hand. The controller asks the API server itself (see `kubernetes.rehearsal`), which knows
its release of Istio; only what Istio takes and what then harms everybody is refused in both places.

Sources: https://istio.io/latest/docs/reference/config/networking/virtual-service/,
https://istio.io/latest/docs/reference/config/networking/destination-rule/ and, for what becomes of headers,
https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers. Everything is read in one pass;
nothing that users write is compiled.
"""

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from canary_adapters.manifests.analysis import SessionAffinitySpec
from canary_adapters.manifests.declare import wire
from canary_adapters.manifests.durations import duration_s
from canary_adapters.manifests.hosts import MESH
from canary_adapters.manifests.istio import ConsistentHash, HeaderOperations, LoadBalancer, TrafficPolicy
from canary_adapters.manifests.objects import Canary
from canary_adapters.manifests.service import Service
from canary_adapters.manifests.structure import ABSENT, Fault, Path

__all__ = ["ISTIO", "harmful", "refused_by_istio", "speaks_no_http", "without_effect"]

ISTIO: Final = "istio"
"""The provider that all of this is about."""
_SERVICE: Final[Path] = ("spec", "service")
_ANALYSIS: Final[Path] = ("spec", "analysis")
_LABEL: Final = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?", re.ASCII)
_LONGEST_LABEL: Final = 63
_LONGEST_NAME: Final = 255
_TOKEN: Final = re.compile(r"[-!#$%&'*+.^_`|~0-9A-Za-z]+", re.ASCII)
"""The name of a header or a cookie (RFC 9110 section 5.6.2)."""
_ATTRIBUTE: Final = re.compile(r"[\x21-\x3a\x3c-\x7e]+", re.ASCII)
"""The value of a cookie's attribute, without spaces (RFC 6265 section 4.1.1)."""
_COMMAND: Final = re.compile(r"%[A-Z][A-Z0-9_]*(\([^%]*\))?(:[0-9]+)?%", re.ASCII)
_LONGEST_REGEX: Final = 1024
_SHORTEST_S: Final = 0.001
_RETRY_ON: Final = frozenset(
    {
        "5xx",
        "cancelled",
        "connect-failure",
        "deadline-exceeded",
        "envoy-ratelimited",
        "gateway-error",
        "http3-post-connect-failure",
        "internal",
        "refused-stream",
        "reset",
        "reset-before-request",
        "resource-exhausted",
        "retriable-4xx",
        "retriable-headers",
        "retriable-status-codes",
        "unavailable",
    }
)
_NO_HTTP: Final = frozenset({"https", "mongo", "mysql", "redis", "tcp", "tls", "udp"})
"""Protocols for which Istio routes connections rather than requests."""


def refused_by_istio(canary: Canary) -> Iterator[Fault]:
    """What Istio refuses of a canary that it moves the traffic of, in the order of the spec."""
    service, analysis = canary.spec.service, canary.spec.analysis
    yield from _hosts(service)
    yield from _gateways(service)
    yield from _route(service)
    yield from _cors(service)
    yield from _matches((*_SERVICE, "match"), service.match)
    yield from _matches((*_ANALYSIS, "match"), analysis.match)
    if service.traffic_policy is not None:
        yield from _traffic_policy(service.traffic_policy, (*_SERVICE, "trafficPolicy"))


def harmful(canary: Canary) -> Iterator[Fault]:
    """What Istio takes, or refuses only in the middle of a rollout, and what harms others or a rollout then."""
    policy = canary.spec.service.traffic_policy
    balancer = policy.load_balancer if policy is not None else None
    if balancer is not None and balancer.consistent_hash is not None:
        yield from _hash(balancer.consistent_hash)
    if canary.spec.analysis.session_affinity is not None:
        yield from _affinity(canary.spec.analysis.session_affinity)


def without_effect(canary: Canary) -> Iterator[str]:
    """Why Istio would split no requests, whatever the weights say: in words, one sentence for each reason."""
    service = canary.spec.service
    if service.headless:
        yield "headless: true leaves the choice of Pods to the client, so that weights and conditions have no effect"
    if not service.is_tcp and speaks_no_http(service.app_protocol, service.port_name):
        field = "appProtocol" if service.app_protocol else "portName"
        yield (
            f"{field} {service.app_protocol or service.port_name} makes Istio route connections, not requests, so that "
            "weights and conditions have no effect; for HTTP, declare appProtocol: http"
        )


def speaks_no_http(app_protocol: str | None, port_name: str | None) -> bool:
    """Whether Istio routes connections at a port rather than requests: by its ``appProtocol``, or else by its name.

    Where neither says anything that it knows, Istio looks what is spoken:
    https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/
    """
    return (app_protocol or (port_name or "").partition("-")[0]).lower() in _NO_HTTP


# -- Hosts and gateways -----------------------------------------------------------------------------------------------


def _hosts(service: Service) -> Iterator[Fault]:
    in_mesh = MESH in (service.gateways or (MESH,)) and not service.delegation
    seen: set[str] = set()
    wildcards = {host[1:].lower() for host in service.hosts if host.startswith("*")}
    for index, host in enumerate(service.hosts):
        path: Path = (*_SERVICE, "hosts", index)
        name = host.lower()
        if host == "*":
            if in_mesh:
                yield path, host, "is allowed at gateways only: list other hosts, or leave mesh out of gateways"
        elif not _is_domain(host, wildcard=True) and not _is_address(host):
            yield path, host, "must be a domain name such as app.example.com or *.example.com, without scheme and port"
        elif name in seen or _is_covered(name, wildcards):
            yield path, host, "is there twice: no other host may be the same, or a wildcard for it"
        seen.add(name)


def _is_covered(name: str, wildcards: set[str]) -> bool:
    """Whether another host is a wildcard for this one."""
    first = 2 if name.startswith("*") else 0
    return any(name[at:] in wildcards for at in range(first, len(name)))


def _is_domain(text: str, *, wildcard: bool = False) -> bool:
    name = text.removeprefix("*.") if wildcard else text
    labels = name.split(".")
    return len(text) <= _LONGEST_NAME and all(len(e) <= _LONGEST_LABEL and _LABEL.fullmatch(e) for e in labels)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _gateways(service: Service) -> Iterator[Fault]:
    for index, gateway in enumerate(service.gateways):
        place, slash, name = gateway.rpartition("/")
        right = _is_domain(name) and (not slash or place == "." or (_is_domain(place) and "." not in place))
        if gateway != MESH and not right:
            said = "must be mesh, or the name of a Gateway, with its namespace and / before it or not"
            yield (*_SERVICE, "gateways", index), gateway, said


# -- Routes -----------------------------------------------------------------------------------------------------------


def _route(service: Service) -> Iterator[Fault]:
    yield from _duration((*_SERVICE, "timeout"), service.timeout)
    retries, path = service.retries, (*_SERVICE, "retries")
    if retries is not None:
        yield from _duration((*path, "perTryTimeout"), retries.per_try_timeout)
        if not retries.attempts and (retries.per_try_timeout or retries.retry_on):
            given = ABSENT if retries.attempts is None else 0
            yield (*path, "attempts"), given, "must be at least 1 with perTryTimeout or retryOn"
        for each in (retries.retry_on or "").split(",") if retries.retry_on else ():
            if each not in _RETRY_ON and not _is_status(each):
                yield (
                    (*path, "retryOn"),
                    each,
                    "must be conditions of Envoy or HTTP statuses, with commas and no spaces",
                )
    if service.rewrite is not None and not (service.rewrite.uri or service.rewrite.authority):
        yield (*_SERVICE, "rewrite"), ABSENT, "must have uri or authority"
    if service.headers is not None:
        for name in ("request", "response"):
            yield from _headers(getattr(service.headers, name), (*_SERVICE, "headers", name))


def _is_status(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) == 3 and int(text) in set(HTTPStatus)


def _duration(
    path: Path, text: str | None, *, unit_s: float = _SHORTEST_S, unit: str = "milliseconds"
) -> Iterator[Fault]:
    seconds = duration_s(text) if text is not None else None
    if seconds is None:
        return
    if seconds < _SHORTEST_S:
        yield path, text, "must be a duration of at least 1ms"
    elif abs(seconds / unit_s - round(seconds / unit_s)) > 1e-6:
        yield path, text, f"must be a duration in whole {unit}"


def _headers(operations: HeaderOperations | None, path: Path) -> Iterator[Fault]:
    if operations is None:
        return
    for verb in ("set", "add"):
        for name, value in (getattr(operations, verb) or {}).items():
            yield from _header_name((*path, verb, name), name)
            if fault := _format_fault(value):
                yield (*path, verb, name), value, fault
    for index, name in enumerate(operations.remove or ()):
        yield from _header_name((*path, "remove", index), name)
        if name.lower() == "host" or name.startswith(":"):
            yield (*path, "remove", index), name, "must not be the host, nor begin with a colon"


def _header_name(path: Path, name: str) -> Iterator[Fault]:
    if _TOKEN.fullmatch(name.removeprefix(":")) is None:
        yield path, name, "must be the name of a header: letters, digits and hyphens"


def _format_fault(value: str) -> str:
    """Why a value is no format of Envoy, which takes a single percent sign for the begin of a command."""
    position = value.find("%")
    while position >= 0:
        command = _COMMAND.match(value, position)
        if value.startswith("%%", position):
            position = value.find("%", position + 2)
        elif command is not None:
            position = value.find("%", command.end())
        else:
            return "must have %% for a percent sign"
    return ""


def _cors(service: Service) -> Iterator[Fault]:
    cors, path = service.cors_policy, (*_SERVICE, "corsPolicy")
    if cors is None:
        return
    yield from _duration((*path, "maxAge"), cors.max_age, unit_s=1.0, unit="seconds")
    for field, names in (("allowHeaders", cors.allow_headers), ("exposeHeaders", cors.expose_headers)):
        for index, name in enumerate(names or ()):
            yield from _header_name((*path, field, index), name)
    yield from _long_regexes(path, wire(cors))


def _matches(path: Path, matches: Iterable[Any]) -> Iterator[Fault]:
    for index, match in enumerate(matches):
        for field in ("headers", "without_headers"):
            if "" in (getattr(match, field, None) or {}):
                yield (*path, index, field.replace("_h", "H"), ""), ABSENT, "must have the name of a header"
        yield from _long_regexes((*path, index), wire(match))


def _long_regexes(path: Path, value: object) -> Iterator[Fault]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == "regex" and isinstance(inner, str) and len(inner) > _LONGEST_REGEX:
                yield (*path, key), inner, f"must have at most {_LONGEST_REGEX} characters"
            yield from _long_regexes((*path, key), inner)
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _long_regexes((*path, index), inner)


# -- Traffic policy ---------------------------------------------------------------------------------------------------


def _traffic_policy(policy: TrafficPolicy, path: Path) -> Iterator[Fault]:
    pool, tls, outliers = policy.connection_pool, policy.tls, policy.outlier_detection
    if pool is not None:
        if pool.http is None:
            yield (*path, "connectionPool"), ABSENT, "must have http"
        else:
            yield from _duration((*path, "connectionPool", "http", "idleTimeout"), pool.http.idle_timeout)
    if policy.load_balancer is not None:
        yield from _balancer(policy.load_balancer, (*path, "loadBalancer"))
    if outliers is not None:
        yield from _duration((*path, "outlierDetection", "interval"), outliers.interval)
        yield from _duration((*path, "outlierDetection", "baseEjectionTime"), outliers.base_ejection_time)
    if tls is not None and tls.mode == "MUTUAL":
        for field, value in (("clientCertificate", tls.client_certificate), ("privateKey", tls.private_key)):
            if not value:
                yield (*path, "tls", field), ABSENT, "is required with mode MUTUAL"


def _balancer(balancer: LoadBalancer, path: Path) -> Iterator[Fault]:
    yield from _duration((*path, "warmupDurationSecs"), balancer.warmup_duration_secs)
    locality, path = balancer.locality_lb_setting, (*path, "localityLbSetting")
    if locality is None:
        return
    for index, share in enumerate(locality.distribute or ()):
        total = sum((share.to or {}).values())
        if total != 100:
            yield (*path, "distribute", index, "to"), total, "must add up to 100"
    for index, failover in enumerate(locality.failover or ()):
        if failover.origin == failover.to:
            yield (*path, "failover", index, "to"), failover.to, "must be another region than from"


def _hash(found: ConsistentHash) -> Iterator[Fault]:
    """Istio takes a name that is empty, and Envoy then refuses the routes of all hosts."""
    path: Path = (*_SERVICE, "trafficPolicy", "loadBalancer", "consistentHash")
    for field, value in (
        ("httpHeaderName", found.http_header_name),
        ("httpQueryParameterName", found.http_query_parameter_name),
    ):
        if value == "":
            yield (*path, field), value, "must not be empty: Envoy refuses all routes then"
    if found.http_cookie is not None and not found.http_cookie.name:
        given = ABSENT if found.http_cookie.name is None else ""
        yield (*path, "httpCookie", "name"), given, "is required, and must not be empty"


def _affinity(affinity: SessionAffinitySpec) -> Iterator[Fault]:
    path: Path = (*_ANALYSIS, "sessionAffinity")
    for field, name in (("cookieName", affinity.cookie_name), ("primaryCookieName", affinity.primary_cookie_name)):
        if name is not None and (_TOKEN.fullmatch(name) is None or "%" in name):
            yield (*path, field), name, 'must be the name of a cookie: no spaces, no %, and none of ()<>@,;:\\"/[]?={}'
    for field, value in (("domain", affinity.domain), ("path", affinity.path)):
        if value and (_ATTRIBUTE.fullmatch(value) is None or "%" in value):
            yield (*path, field), value, "must have no spaces, no ; and no %"
