"""The checks of one canary, asked of Prometheus."""

import math
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from canary_adapters.kubernetes.naming import ObjectNames
from canary_adapters.manifests import (
    Canary,
    CheckOrigin,
    CheckSource,
    MetricTemplate,
    TemplateError,
    check_sources,
    query_of,
)
from canary_adapters.manifests.declare import Table
from canary_adapters.manifests.objects import MetricProvider
from canary_adapters.manifests.queries import PROMETHEUS, WINDOW
from canary_adapters.prometheus.pool import SHARED, PrometheusPool, QueryError, Server
from canary_adapters.prometheus.queries import built_in
from canary_core import Measurement, MetricQuestion, NoData, Obstacle, Sample, SourceError, SourcesOnline
from canary_ports import RefusedError

__all__ = ["CanaryMetrics", "SecretReader", "TemplateReader"]

TemplateReader: TypeAlias = Callable[[str, str], MetricTemplate | None]
"""A MetricTemplate by namespace and name."""
SecretReader: TypeAlias = Callable[[str, str], Mapping[str, bytes] | None]
"""Contents of a Secret by namespace and name."""
TEMPLATE_INVALID: Final = "MetricTemplateInvalid"
"""The reason with which a `TemplateReader` refuses a MetricTemplate that has mistakes."""


class _NoAnswerError(Exception):
    """With the text for people."""


class CanaryMetrics:
    """A `canary_ports.MetricSource`."""

    def __init__(
        self,
        canary: Canary,
        *,
        provider: str,
        metrics_server: str,
        templates: TemplateReader,
        secrets: SecretReader,
        pool: PrometheusPool,
        cross_namespace: bool = True,
    ) -> None:
        """Makes one for a tick.

        Args:
            canary: As it is declared now.
            provider: What moves its traffic.
            metrics_server: Prometheus of the installation.
            templates: Where MetricTemplates are found.
            secrets: Where credentials are found.
            pool: Connections.
            cross_namespace: Whether templates of other namespaces may be used.
        """
        self._canary, self._provider = canary, provider
        self._installation = Server(url=metrics_server)
        self._server = Server(url=canary.spec.metrics_server or metrics_server)
        self._templates, self._secrets, self._pool = templates, secrets, pool
        self._cross_namespace = cross_namespace
        self._sources = {source.id: source for source in check_sources(canary)}

    def measure(self, question: MetricQuestion) -> Measurement:
        """The present value of a check.

        Raises:
            RefusedError: What was declared cannot be asked.
        """
        source = self._sources[question.check]
        try:
            return self._measure(source)
        except (QueryError, TemplateError, _NoAnswerError) as error:
            return SourceError(message=f"{self._told(source)}: {error}")
        except RefusedError as error:
            if error.reason != TEMPLATE_INVALID:
                raise
            # It was sound when the canary was initialised: what cannot be judged any more must not stay as it is.
            return SourceError(message=f"{self._told(source)}: {error.message}")

    def online(self) -> SourcesOnline | SourceError:
        """Whether every server that is needed answers.

        Raises:
            RefusedError: What was declared cannot be asked.
        """
        for source in self._sources.values():
            self._check_variables(source)
        asked: set[Server] = set()
        for source in self._sources.values():
            try:
                server = self._server_of(source)
                if server not in asked and self._query(server, "vector(1)") != [1.0]:
                    return SourceError(message=f"{self._told(source)}: vector(1) is not 1")
                asked.add(server)
            except (QueryError, _NoAnswerError) as error:
                return SourceError(message=f"{self._told(source)}: {error}")
        return SourcesOnline()

    def obstacles(self) -> tuple[Obstacle, ...]:
        """What is declared that cannot be asked, in the order of the checks, each once."""
        found: dict[Obstacle, None] = {}
        for source in self._sources.values():
            try:
                if source.origin is CheckOrigin.TEMPLATE:
                    self._supported(self._template(source))
                    self._check_variables(source)
            except RefusedError as error:
                found[error.as_obstacle()] = None
        return tuple(found)

    # -- One check --------------------------------------------------------------------------------------------------

    def _measure(self, source: CheckSource) -> Measurement:
        metric = source.metric
        server = self._server_of(source)
        if source.origin is CheckOrigin.BUILT_IN:
            names = ObjectNames.of(self._canary)
            check = built_in(
                metric.name,
                provider=self._provider,
                is_service=self._canary.spec.target_ref.kind == "Service",
                namespace=names.namespace,
                target=names.target,
                window=metric.interval or WINDOW,
            )
            if check is None:
                raise _NoAnswerError("there is no built-in check of this name")
            count = self._count(server, check.count) if metric.min_samples is not None else None
            return _one(self._query(server, check.query), factor=check.factor, count=count)
        return _one(self._query(server, self._rendered(source)))

    def _query(self, server: Server, query: str) -> list[float]:
        shared = server == self._installation
        return self._pool.query(server, query, namespace=SHARED if shared else self._canary.namespace)

    def _count(self, server: Server, query: str) -> int | None:
        found = self._query(server, query)
        return max(0, round(found[0])) if len(found) == 1 and math.isfinite(found[0]) else 0

    def _rendered(self, source: CheckSource) -> str:
        metric = source.metric
        is_template = source.origin is CheckOrigin.TEMPLATE
        return query_of(self._canary, metric, self._template(source).spec.template if is_template else metric.template)

    def _check_variables(self, source: CheckSource) -> None:
        """Refuse a metric that does not give what its template needs; those of the Canary itself were read with it."""
        if source.origin is not CheckOrigin.TEMPLATE or self._template(source).spec.provider.type != PROMETHEUS:
            return
        try:
            self._rendered(source)
        except TemplateError as error:
            raise RefusedError(
                "TemplateVariablesInvalid", f"spec.analysis.metrics: {source.metric.name}: {error}"
            ) from None

    # -- Whom to ask ------------------------------------------------------------------------------------------------

    def _server_of(self, source: CheckSource) -> Server:
        if source.origin is not CheckOrigin.TEMPLATE:
            return self._server
        template = self._template(source)
        return self._with_credentials(template, self._supported(template))

    def _supported(self, template: MetricTemplate) -> MetricProvider:
        provider = template.spec.provider
        if provider.type != PROMETHEUS:
            raise RefusedError(
                "MetricProviderUnsupported",
                f"MetricTemplate {template.metadata.name}: provider {provider.type} is not supported: use {PROMETHEUS}",
            )
        return provider

    def _with_credentials(self, template: MetricTemplate, provider: MetricProvider) -> Server:
        given = {name: ", ".join(values) for name, values in (provider.headers or {}).items()}
        token = user = password = ""
        if provider.secret_ref is not None:
            namespace = template.metadata.namespace or self._canary.namespace
            secret = self._secrets(namespace, provider.secret_ref.name)
            where = f"Secret {provider.secret_ref.name}.{namespace}"
            if secret is None:
                raise _NoAnswerError(f"{where} not found")
            token = _text(secret, "token")
            user, password = _text(secret, "username"), _text(secret, "password")
            if not token and not (user and password):
                raise _NoAnswerError(f"{where} has neither token, nor username and password")
        return Server(
            url=provider.address or "",
            token=token,
            user="" if token else user,
            password="" if token else password,
            headers=Table(given),
            verify=not provider.insecure_skip_verify,
        )

    def _template(self, source: CheckSource) -> MetricTemplate:
        ref = source.metric.template_ref
        name = ref.name if ref is not None else ""
        namespace = (ref.namespace if ref is not None else None) or self._canary.namespace
        if not self._cross_namespace and namespace != self._canary.namespace:
            raise RefusedError(
                "CrossNamespaceReference",
                f"can't access metric template {name}.{namespace}, cross-namespace references are blocked",
            )
        found = self._templates(namespace, name)
        if found is None:
            raise RefusedError(
                "MetricTemplateNotFound",
                f"spec.analysis.metrics: there is no MetricTemplate {name} in namespace {namespace}; "
                "make it, or correct templateRef",
            )
        return found

    def _told(self, source: CheckSource) -> str:
        match source.origin:
            case CheckOrigin.BUILT_IN:
                return "Prometheus query failed"
            case CheckOrigin.QUERY:
                return f"Prometheus query failed for {source.metric.name}"
            case CheckOrigin.TEMPLATE:
                return f"Metric query failed for {source.metric.name}"


def _one(values: list[float], *, factor: float = 1.0, count: int | None = None) -> Measurement:
    """The value of a query. Several series say several things: which of them is meant, only the query can tell."""
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return NoData()
    if len(values) > 1:
        raise QueryError(f"the query returned {len(values)} series; aggregate them into one (sum, max, avg, ...)")
    return Sample(value=known[0] * factor, count=count)


def _text(secret: Mapping[str, bytes], key: str) -> str:
    return secret.get(key, b"").decode("utf-8", "replace").strip()
