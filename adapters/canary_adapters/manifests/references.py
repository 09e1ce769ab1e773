"""What a canary refers to, looked for among the objects that were given with it."""

from collections.abc import Iterator

from attrs import frozen

from canary_adapters.manifests.names import is_port_name
from canary_adapters.manifests.objects import AlertProvider, Canary, Manifests, Metadata, MetricTemplate, Other
from canary_adapters.manifests.structure import Fault

__all__ = ["Reference", "missing_references", "port_faults"]


@frozen(kw_only=True)
class Reference:
    """A reference to an object that was not given."""

    field: str
    """Where it stands, for people."""
    kind: str
    name: str
    namespace: str
    expected: bool
    """Whether an object of its kind was given, so that this one is likely to be forgotten or misspelt."""

    def __str__(self) -> str:
        """The object, for people."""
        return f"{self.kind} {self.name}.{self.namespace}"


def missing_references(canary: Canary, given: Manifests) -> tuple[Reference, ...]:
    """The references of a canary to objects that are not among those that were given, each once.

    Args:
        canary: As read.
        given: All that was read together with it.
    """
    every: tuple[MetricTemplate | AlertProvider | Other, ...]
    every = (*given.metric_templates, *given.alert_providers, *given.others)
    found = []
    for where, kind, place, name in _references(canary):
        alike = [each for each in every if each.kind == kind]
        if not any(_is(each, canary, place, name) for each in alike):
            namespace = place or canary.namespace
            found.append(Reference(field=where, kind=kind, name=name, namespace=namespace, expected=bool(alike)))
    return tuple(dict.fromkeys(found))


def _is(other: MetricTemplate | AlertProvider | Other, canary: Canary, place: str | None, name: str) -> bool:
    """Whether this is meant. What does not say its namespace is put into one by whoever applies it."""
    metadata: Metadata | Other = other if isinstance(other, Other) else other.metadata
    wanted = place or canary.metadata.namespace
    return metadata.name == name and (wanted is None or metadata.namespace in {wanted, None})


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
        ref = alert.provider_ref
        yield f"providerRef of alert {alert.name}", "AlertProvider", ref.namespace, ref.name


def port_faults(canary: Canary, given: Manifests) -> Iterator[Fault]:
    """A target port by a name that no container of the target has, if the target was given."""
    port, ref = canary.spec.service.target_port, canary.spec.target_ref
    if not isinstance(port, str) or not is_port_name(port) or ref.kind != "Deployment":
        return
    for other in given.others:
        same = other.kind == ref.kind and _is(other, canary, None, ref.name)
        names = _port_names(other.content) if same else None
        if names is not None and port not in names:
            known = f"known: {', '.join(sorted(names)) or 'none'}"
            said = f"no container of {ref.name} has a port of this name ({known}); name it there, or give its number"
            yield ("spec", "service", "targetPort"), port, said


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
