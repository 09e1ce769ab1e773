"""What a canary refers to, looked for among the objects that were given with it."""

from collections.abc import Iterator
from typing import Final, TypeAlias

from attrs import frozen

from canary_adapters.manifests.names import is_port_name
from canary_adapters.manifests.objects import AlertProvider, Canary, Manifests, MetricTemplate, Other
from canary_adapters.manifests.structure import Fault

__all__ = ["Given", "Reference"]

_Object: TypeAlias = MetricTemplate | AlertProvider | Other
_OURS: Final = frozenset({"MetricTemplate", "AlertProvider"})
"""Kinds that nothing but a Canary refers to, so that they are usually given with it."""


@frozen(kw_only=True)
class Reference:
    """A reference to an object that was not given."""

    field: str
    """Where it stands, for people."""
    kind: str
    name: str
    namespace: str

    def __str__(self) -> str:
        """The object, for people."""
        return f"{self.kind} {self.name}.{self.namespace}"


class Given:
    """All objects that were given together, by kind, name and namespace."""

    def __init__(self, manifests: Manifests) -> None:
        self.templates: Final = {
            (each.metadata.namespace or "default", each.metadata.name): each for each in manifests.metric_templates
        }
        """MetricTemplates by namespace and name."""
        self._known: Final[dict[str, dict[str, dict[str | None, _Object]]]] = {}
        every: tuple[_Object, ...] = (*manifests.metric_templates, *manifests.alert_providers, *manifests.others)
        for each in every:
            place = each if isinstance(each, Other) else each.metadata
            self._known.setdefault(each.kind, {}).setdefault(place.name, {})[place.namespace] = each

    def missing(self, canary: Canary) -> tuple[Reference, ...]:
        """The references of a canary to objects that are not among these and are likely to be forgotten or misspelt.

        They are of a kind of ours, or others of their kind were given. Each is told once.
        """
        missing: dict[Reference, None] = {}
        for where, kind, place, name in _references(canary):
            if (kind in _OURS or kind in self._known) and self._find(canary, kind, place, name) is None:
                missing[Reference(field=where, kind=kind, name=name, namespace=place or canary.namespace)] = None
        return tuple(missing)

    def port_faults(self, canary: Canary) -> Iterator[Fault]:
        """A target port by a name that no container of the target has, if the target was given."""
        port, ref = canary.spec.service.target_port, canary.spec.target_ref
        if not isinstance(port, str) or not is_port_name(port) or ref.kind != "Deployment":
            return
        target = self._find(canary, ref.kind, None, ref.name)
        names = _port_names(target.content) if isinstance(target, Other) else None
        if names is not None and port not in names:
            known = f"known: {', '.join(sorted(names)) or 'none'}"
            said = f"no container of {ref.name} has a port of this name ({known}); name it there, or give its number"
            yield ("spec", "service", "targetPort"), port, said

    def _find(self, canary: Canary, kind: str, place: str | None, name: str) -> _Object | None:
        """What is meant, if it is here. What does not say its namespace is put into one by whoever applies it."""
        found = self._known.get(kind, {}).get(name, {})
        wanted = place or canary.metadata.namespace
        if wanted is None:
            return next(iter(found.values()), None)
        return found.get(wanted, found.get(None))


def _references(canary: Canary) -> Iterator[tuple[str, str, str | None, str]]:
    """Field, kind, namespace (None: the canary's) and name of each."""
    spec = canary.spec
    yield "spec.targetRef", spec.target_ref.kind, None, spec.target_ref.name
    if spec.autoscaler_ref is not None:
        yield "spec.autoscalerRef", spec.autoscaler_ref.kind, None, spec.autoscaler_ref.name
    for metric in spec.analysis.metrics:
        ref = metric.template_ref
        if ref is not None:
            yield f"templateRef of metric {metric.name}", "MetricTemplate", ref.namespace, ref.name
    for alert in spec.analysis.alerts:
        provider = alert.provider_ref
        yield f"providerRef of alert {alert.name}", "AlertProvider", provider.namespace, provider.name


def _port_names(deployment: object) -> set[str] | None:
    """None: it is no Deployment that anybody could read."""
    found = deployment
    for step in ("spec", "template", "spec", "containers"):
        found = found.get(step) if isinstance(found, dict) else None
    if not isinstance(found, list):
        return None
    listed = [each.get("ports") for each in found if isinstance(each, dict)]
    ports = [port for ports in listed if isinstance(ports, list) for port in ports if isinstance(port, dict)]
    return {str(port["name"]) for port in ports if port.get("name")}
