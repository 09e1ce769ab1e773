"""What is served, in one table: `canary validate` and the controller both ask here, so that neither promises more.

Two kinds of faults: what Flagger has and this installation does not serve, and names that the API server would refuse
later, when the objects of a canary are made.
"""

from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from typing import Final

from attrs import frozen

from canary_adapters.manifests.istio_rules import ISTIO, harmful
from canary_adapters.manifests.names import (
    LONGEST_LABEL,
    LONGEST_PORT,
    LONGEST_SUBDOMAIN,
    is_label,
    is_label_value,
    is_port_name,
    is_qualified,
    is_subdomain,
)
from canary_adapters.manifests.objects import Canary, MetricTemplate
from canary_adapters.manifests.policies import provider_of
from canary_adapters.manifests.service import ServiceMetadata
from canary_adapters.manifests.structure import ABSENT, Path

__all__ = ["AUTOSCALERS", "TARGETS", "Served", "Unserved", "unserved", "unserved_template"]

TARGETS: Final = ("Deployment", "Service")
AUTOSCALERS: Final = ("HorizontalPodAutoscaler",)
INVALID: Final = "InvalidSpec"
"""Reason for what the API server would refuse."""
SUFFIX: Final = len("-primary")
"""The longer one of the endings of generated names."""


@frozen(kw_only=True)
class Served:
    """What is installed, by name."""

    providers: tuple[str, ...]
    """What moves traffic."""
    metrics: tuple[str, ...]
    """Who answers the query of a MetricTemplate."""

    @classmethod
    def installed(cls) -> "Served":
        """The names of the extensions that are installed; none of them is loaded."""
        return cls(providers=_names("canary.routers"), metrics=_names("canary.metrics"))


def _names(group: str) -> tuple[str, ...]:
    return tuple(sorted({point.name for point in entry_points(group=group)}))


@frozen(kw_only=True)
class Unserved:
    """A field whose value is not served."""

    path: Path
    value: object
    """`ABSENT`: none was given."""
    allowed: str
    """In words that stand behind the value."""
    reason: str = INVALID
    """For the condition of the Canary."""


def unserved(canary: Canary, served: Served, *, mesh_provider: str = "istio") -> tuple[Unserved, ...]:
    """What a canary asks for that is not served, in the order of the spec.

    Args:
        canary: As read.
        served: What is installed.
        mesh_provider: What moves the traffic of canaries that do not say.
    """
    found = (*_kinds(canary, served, mesh_provider), *_object_names(canary), *_service(canary))
    if provider_of(canary, mesh_provider) != ISTIO:
        return found
    return (*found, *(Unserved(path=path, value=value, allowed=allowed) for path, value, allowed in harmful(canary)))


def unserved_template(template: MetricTemplate, served: Served) -> tuple[Unserved, ...]:
    """What a MetricTemplate asks for that is not served."""
    kind = template.spec.provider.type
    if kind in served.metrics:
        return ()
    path = ("spec", "provider", "type")
    return (Unserved(reason="MetricProviderUnsupported", path=path, value=kind, allowed=_one_of(served.metrics)),)


def _one_of(allowed: tuple[str, ...]) -> str:
    return f"must be {'one of ' if len(allowed) > 1 else ''}{', '.join(allowed)}: nothing else is served"


def _kinds(canary: Canary, served: Served, mesh_provider: str) -> Iterator[Unserved]:
    spec = canary.spec
    provider = provider_of(canary, mesh_provider)
    path: Path = ("spec", "provider")
    if provider not in served.providers:
        given, said = spec.provider, _one_of(served.providers)
        said = said if given else f"absent, so {provider}, with which the controller was started: {said}"
        yield Unserved(reason="ProviderUnknown", path=path, value=given or ABSENT, allowed=said)
    target, scaler = spec.target_ref, spec.autoscaler_ref
    if target.kind not in TARGETS:
        path = ("spec", "targetRef", "kind")
        yield Unserved(reason="TargetKindUnsupported", path=path, value=target.kind, allowed=_one_of(TARGETS))
    if scaler is not None and scaler.kind not in AUTOSCALERS:
        path, said = ("spec", "autoscalerRef", "kind"), f"{_one_of(AUTOSCALERS)}; or leave autoscalerRef out"
        yield Unserved(reason="AutoscalerKindUnsupported", path=path, value=scaler.kind, allowed=said)


# -- Names of the objects that are made -------------------------------------------------------------------------------


def _object_names(canary: Canary) -> Iterator[Unserved]:
    """Of the copies of workload and autoscaler, and of the three Services."""
    spec = canary.spec
    target, name = spec.target_ref, spec.service.name
    path: Path = ("spec", "targetRef", "name")
    if target.kind == "Service":
        yield from _named(path, target.name, is_label, LONGEST_LABEL)
    elif name is None:
        yield from _named(path, target.name, is_label, LONGEST_LABEL, "; or give spec.service.name")
    else:
        yield from _named(path, target.name, is_subdomain, LONGEST_SUBDOMAIN)
    if name is not None:
        yield from _named(("spec", "service", "name"), name, is_label, LONGEST_LABEL)
    if spec.autoscaler_ref is not None:
        yield from _named(("spec", "autoscalerRef", "name"), spec.autoscaler_ref.name, is_subdomain, LONGEST_SUBDOMAIN)


def _named(path: Path, name: str, fits: Callable[[str], bool], longest: int, hint: str = "") -> Iterator[Unserved]:
    room = longest - SUFFIX
    if fits(name) and len(name) <= room:
        return
    dots = ", dots" if fits is is_subdomain else ""
    said = f"must consist of lower-case letters, digits{dots} and hyphens, begin and end with a letter or digit"
    yield Unserved(path=path, value=name, allowed=f"{said}, and leave room for -primary: at most {room}{hint}")


# -- Fields of the Services -------------------------------------------------------------------------------------------


def _service(canary: Canary) -> Iterator[Unserved]:
    """What stands in the Services that are made. Those of a target that is a Service are copies of it."""
    if canary.spec.target_ref.kind == "Service":
        return
    service, path = canary.spec.service, ("spec", "service")
    if service.port_name and not is_label(service.port_name):
        said = f"must consist of lower-case letters, digits and hyphens, at most {LONGEST_LABEL}"
        yield Unserved(path=(*path, "portName"), value=service.port_name, allowed=said)
    target = service.target_port
    if isinstance(target, str) and target and not is_port_name(target):
        hint = " (for a number: without quotes)" if target.isdigit() else ""
        said = (
            "must be a number, or the name of a container port: lower-case letters, digits and single hyphens, with a "
            f"letter, at most {LONGEST_PORT}{hint}"
        )
        yield Unserved(path=(*path, "targetPort"), value=target, allowed=said)
    if service.app_protocol and not is_qualified(service.app_protocol):
        said = "must be a protocol such as http, or a name with a domain before it such as example.com/own"
        yield Unserved(path=(*path, "appProtocol"), value=service.app_protocol, allowed=said)
    for part in ("apex", "primary", "canary"):
        yield from _metadata(getattr(service, part), (*path, part))


def _metadata(metadata: ServiceMetadata | None, path: Path) -> Iterator[Unserved]:
    if metadata is None:
        return
    for key, value in (metadata.labels or {}).items():
        yield from _key((*path, "labels"), key, is_qualified)
        if not is_label_value(value):
            said = f"must be the value of a label: letters, digits, -, _ and ., at most {LONGEST_LABEL}"
            yield Unserved(path=(*path, "labels", key), value=value, allowed=said)
    for key in metadata.annotations or ():
        # As the API server does: the case of a key's domain is no matter here.
        yield from _key((*path, "annotations"), key, lambda text: is_qualified(text.lower()))


def _key(path: Path, key: str, fits: Callable[[str], bool]) -> Iterator[Unserved]:
    if not fits(key):
        said = "is no key: letters, digits, -, _ and ., at most 63, with a domain and / before it or not"
        yield Unserved(path=(*path, key), value=ABSENT, allowed=said)
