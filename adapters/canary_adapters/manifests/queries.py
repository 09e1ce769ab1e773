"""The queries of a canary's checks: templates, filled with what the canary declares."""

from collections.abc import Iterator, Mapping
from typing import Final

from canary_adapters.manifests.analysis import Metric
from canary_adapters.manifests.objects import Canary, MetricTemplate
from canary_adapters.manifests.structure import Fault
from canary_adapters.manifests.templates import Template, TemplateError

__all__ = ["PROMETHEUS", "WINDOW", "misfits", "query_of"]

PROMETHEUS: Final = "prometheus"
"""The provider whose queries are served, and so read."""
WINDOW: Final = "1m"
"""How far back a metric looks that does not say."""


def query_of(canary: Canary, metric: Metric, template: Template) -> str:
    """The query of a metric of a canary.

    Raises:
        TemplateError: The template needs a variable that the metric does not give, or a value cannot stand where it
            would.
    """
    spec = canary.spec
    target = spec.target_ref.name
    values = {
        "name": canary.name,
        "namespace": canary.namespace,
        "target": target,
        "service": spec.service.name or target,
        "ingress": spec.ingress_ref.name if spec.ingress_ref is not None else target,
        "route": spec.route_ref.name if spec.route_ref is not None else target,
        "interval": metric.interval or WINDOW,
    }
    return template.fill(values, metric.template_variables or {})


def misfits(canary: Canary, templates: Mapping[tuple[str, str], MetricTemplate]) -> Iterator[Fault]:
    """What metrics of a canary leave open, or give wrongly, of the templates that they refer to.

    Args:
        canary: As read.
        templates: By namespace and name. Of those that are not there nothing is said.
    """
    for index, metric in enumerate(canary.spec.analysis.metrics):
        ref = metric.template_ref
        found = templates.get((ref.namespace or canary.namespace, ref.name)) if ref is not None else None
        if found is None or found.spec.provider.type != PROMETHEUS:
            continue
        try:
            query_of(canary, metric, found.spec.template)
        except TemplateError as error:
            path = ("spec", "analysis", "metrics", index, "templateVariables")
            given = dict(metric.template_variables or {})
            yield path, given, f"{error} (query of MetricTemplate {found.metadata.name})"
