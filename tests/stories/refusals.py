"""Everything that can be refused, each with what somebody does to bring it about, and in which phases that shows."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any, Final

from attrs import field, frozen

from campaigns.stories import APP, CANARIES, PLACE, ROUTES, canary, deployment, scaler, template
from canary_adapters.controller.options import Options
from canary_adapters.kubernetes.originals import LARGEST
from canary_adapters.kubernetes.settings import ObjectSettings
from canary_lab.cluster.errors import ApiError, forbidden_error, invalid, invalid_error, not_found
from laboratories.quiet_control import QuietControl
from laboratories.quiet_server import DEPLOYMENTS, Obj, QuietServer

BEFORE: Final = ""
"""The phase of a canary that nobody has looked at."""
ALL: Final = (
    BEFORE,
    "Initializing",
    "Initialized",
    "Waiting",
    "Progressing",
    "WaitingPromotion",
    "Promoting",
    "Finalising",
    "Succeeded",
    "Failed",
)
LATER: Final = ALL[1:]
BEGINNING: Final = (BEFORE,)
BESIDE: Final = ("Waiting", "Progressing", "WaitingPromotion", "Failed")
"""Where the target is another revision than the primary."""
SPLIT: Final = ("Progressing", "WaitingPromotion", "Promoting")
REWRITTEN: Final = ("Progressing", "Promoting")
"""Where routes are about to be written, as nobody disturbs them."""
ROUTED: Final = (BEFORE, *REWRITTEN)
"""The same, and where they are rehearsed."""
SERVICES: Final = ("", "v1", "services")
RULES: Final = ("networking.istio.io", "v1beta1", "destinationrules")

Cause = Callable[[QuietServer], None]


@frozen(kw_only=True)
class Refused:
    """A reason of the condition, and how to get it."""

    reason: str
    cause: Cause = field(repr=False)
    possible: tuple[str, ...] = ALL
    """Phases in which the cause can be brought about."""
    shows: tuple[str, ...] = ALL
    """Phases in which it shows, perhaps later. In the others it is in nobody's way."""
    first: bool = False
    """Whether that has to happen before the canary is made."""
    passes: bool = False
    """Whether it is none any more when the rollout that is under way has ended."""
    options: Options = field(factory=Options, repr=False)


# -- What somebody does -----------------------------------------------------------------------------------------------


def _declare(**changes: Any) -> Cause:
    """Change fields of the canary's spec; of what is a mapping, only what is given."""

    def change(obj: Obj) -> None:
        for key, value in deepcopy(changes).items():
            old = obj["spec"].get(key)
            obj["spec"][key] = {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value

    return lambda server: server.edit(CANARIES, PLACE, APP, change)


def _measured(namespace: str | None = None, *objects: Obj) -> Cause:
    """A check by a template."""
    ref = {"name": "requests", **({"namespace": namespace} if namespace else {})}
    metrics = [{"name": "own", "templateRef": ref, "thresholdRange": {"max": 1}, "interval": "1m"}]
    declare = _declare(analysis={"metrics": metrics})

    def cause(server: QuietServer) -> None:
        for obj in objects:
            server.apply(obj)
        declare(server)

    return cause


def _of_somebody_else(kind: tuple[str, str, str], name: str, made: Obj) -> Cause:
    """An object of this name that belongs to somebody else: to the ConfigMap with the settings, say."""

    def cause(server: QuietServer) -> None:
        other = server.get("core/configmaps", PLACE, "settings")
        assert other is not None
        owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "settings", "uid": other["metadata"]["uid"]}
        owned = [{**owner, "controller": True}]
        store = f"{kind[0] or 'core'}/{kind[2]}"
        if server.get(store, PLACE, name) is not None:
            server.delete(kind, PLACE, name)
        server.apply({**made, "metadata": {**made["metadata"], "ownerReferences": owned}})

    return cause


def _service_anew(spec: Obj, annotations: dict[str, str] | None = None) -> Cause:
    """The Service of the apex' name is made anew by people."""

    def cause(server: QuietServer) -> None:
        server.delete(SERVICES, PLACE, APP)
        metadata = {"name": APP, "namespace": PLACE, "annotations": annotations or {}}
        server.apply({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})

    return cause


def _edited_primary(server: QuietServer) -> None:
    """By hand, to an image that never becomes ready; nobody keeps ReplicaSets here."""

    def edit(obj: Obj) -> None:
        obj["spec"]["template"]["spec"]["containers"][0]["image"] = "example.com/app:broken"

    server.edit(DEPLOYMENTS, PLACE, f"{APP}-primary", edit)


def _relabelled(server: QuietServer) -> None:
    """The target is made anew, with no label that could tell its primary apart."""
    made = deployment()
    made["spec"]["selector"] = {"matchLabels": {"odd": "x"}}
    made["spec"]["template"]["metadata"]["labels"] = {"odd": "x"}
    server.delete(DEPLOYMENTS, PLACE, APP)
    server.apply(made)


def _other_primary(server: QuietServer) -> None:
    """The primary is made anew, with another selector."""
    live = server.get("apps/deployments", PLACE, f"{APP}-primary")
    assert live is not None
    labels = {"app": "somebody"}
    made = deployment(f"{APP}-primary")
    made["metadata"] |= {key: live["metadata"][key] for key in ("annotations", "ownerReferences")}
    made["spec"]["selector"] = {"matchLabels": labels}
    made["spec"]["template"] = {**live["spec"]["template"], "metadata": {"labels": labels}}
    server.delete(DEPLOYMENTS, PLACE, f"{APP}-primary")
    server.apply(made)


def _from_the_future(server: QuietServer) -> None:
    def change(obj: Obj) -> None:
        obj["status"] = {**(obj.get("status") or {}), "rollout": {"version": 99}}

    server.api.change(CANARIES, PLACE, APP, change, manager="somebody", subresource="status")


def _rival(server: QuietServer) -> None:
    made = canary("a-rival")
    made["spec"]["targetRef"]["name"] = APP
    server.apply(made)


def _is_a_primary(server: QuietServer) -> None:
    """The target turns out to be what was made for another canary."""
    server.apply(canary("other"))
    other = server.get("flagger.app/canaries", PLACE, "other")
    assert other is not None
    owner = {"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": "other", "uid": other["metadata"]["uid"]}
    owned = [{**owner, "controller": True}]
    server.edit(DEPLOYMENTS, PLACE, APP, lambda obj: obj["metadata"].update(ownerReferences=owned))


def _scaled_by_somebody_else(server: QuietServer) -> None:
    """The name of the primary's autoscaler is taken."""
    made = scaler()
    server.apply(made)
    server.apply({**made, "metadata": {**made["metadata"], "name": f"{APP}-primary"}})
    _declare(autoscalerRef={**_SCALER, "name": APP})(server)


def _configured_by_somebody_else(server: QuietServer) -> None:
    """The name of the copy of a ConfigMap is taken."""
    ahead = server.fork()
    with QuietControl(ahead) as control:
        control.run(30.0)
    (copied,) = (
        obj
        for name, _, obj in ahead.store.everything()
        if name == "core/configmaps" and obj["metadata"]["name"].startswith("settings-primary-")
    )
    metadata = {"name": copied["metadata"]["name"], "namespace": PLACE}
    server.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"level": "theirs"}})


def _shadowed(server: QuietServer) -> None:
    """There is a VirtualService for the same host, and it is older."""
    server.apply({**_ROUTES, "metadata": {**_ROUTES["metadata"], "name": "theirs"}})


def _admission(plural: str, what: Callable[[Obj], None], *, status: bool = False) -> Cause:
    """A webhook that changes, or refuses, whatever is written of a kind."""

    def admit(resource: Any, subresource: str, new: Obj, old: Obj | None) -> Obj:
        if resource.plural == plural and (subresource == "status") is status:
            what(new)
        return new

    return lambda server: server.api.admissions.append(admit)


def _forbid(_: Obj) -> None:
    raise forbidden_error("networking.istio.io", "virtualservices", APP, "not on a Friday")


def _find_invalid(_: Obj) -> None:
    raise invalid_error("networking.istio.io", "VirtualService", APP, [invalid("spec.http[0]", "x", "is not liked")])


def _find_too_large(_: Obj) -> None:
    raise ApiError(500, "", "etcdserver: request is too large")


def _find_nothing(_: Obj) -> None:
    raise not_found("", "namespaces", PLACE)


def _prune(obj: Obj) -> None:
    for route in obj["spec"].get("http") or ():
        route.pop("timeout", None)


def _drop_record(obj: Obj) -> None:
    for part in ("rollout", "trackedConfigs"):
        (obj.get("status") or {}).pop(part, None)


_SCALER: Final = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "nobody"}
_SERVICE: Final = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": f"{APP}-canary", "namespace": PLACE},
    "spec": {"selector": {"app": "somebody"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
}
_ROUTES: Final[Obj] = {
    "apiVersion": "networking.istio.io/v1beta1",
    "kind": "VirtualService",
    "metadata": {"name": APP, "namespace": PLACE},
    "spec": {"hosts": [APP], "http": [{"route": [{"destination": {"host": APP}}]}]},
}
_RULE: Final = {
    "apiVersion": "networking.istio.io/v1beta1",
    "kind": "DestinationRule",
    "metadata": {"name": f"{APP}-primary", "namespace": PLACE},
    "spec": {"host": f"{APP}-primary", "subsets": [{"name": "theirs"}]},
}

REFUSALS: Final = (
    Refused(reason="InvalidSpec", cause=_declare(analysis={"interval": "soon"})),
    Refused(reason="InvalidSpec", cause=_declare(service={"portName": "HTTP_main"})),
    Refused(reason="ProviderUnknown", cause=_declare(provider="nginx")),
    Refused(
        reason="TargetKindUnsupported",
        cause=_declare(targetRef={"apiVersion": "apps/v1", "kind": "DaemonSet", "name": APP}),
    ),
    Refused(reason="AutoscalerKindUnsupported", cause=_declare(autoscalerRef={**_SCALER, "kind": "ScaledObject"})),
    Refused(reason="AutoscalerMissing", cause=_declare(autoscalerRef=_SCALER)),
    Refused(reason="MetricTemplateNotFound", cause=_measured()),
    Refused(
        reason="MetricTemplateInvalid",
        cause=_measured(None, template(query="", address="nowhere")),
    ),
    Refused(
        reason="MetricProviderUnsupported",
        cause=_measured(None, template(type="datadog")),
    ),
    Refused(
        reason="CrossNamespaceReference",
        cause=_measured("elsewhere"),
        options=Options(no_cross_namespace_refs=True),
    ),
    Refused(
        reason="TemplateVariablesInvalid",
        cause=_measured(None, template("sum({{ variables.path }})")),
    ),
    Refused(reason="TargetIsPrimary", cause=_is_a_primary),
    Refused(reason="AutoscalerNotOurs", cause=_scaled_by_somebody_else),
    Refused(reason="ConfigNotOurs", cause=_configured_by_somebody_else, possible=BEGINNING),
    Refused(
        reason="DestinationRuleNotOurs",
        cause=_of_somebody_else(RULES, f"{APP}-primary", _RULE),
    ),
    Refused(reason="HostOfAnotherNamespace", cause=_declare(service={"hosts": ["app.other.svc"]})),
    Refused(
        reason="GatewayNotAllowed",
        cause=_declare(service={"gateways": ["other/gateway", "mesh"]}),
        options=Options(objects=ObjectSettings(gateways=())),
    ),
    Refused(reason="VirtualServiceShadowed", cause=_shadowed, shows=BEGINNING),
    Refused(reason="TargetInUse", cause=_rival, shows=BEGINNING, first=True),
    Refused(
        reason="SelectorLabelMissing",
        cause=_relabelled,
        shows=tuple(phase for phase in ALL if phase != "Initializing"),  # there its Service is seen first
    ),
    Refused(
        reason="PrimaryNotOurs",
        cause=_of_somebody_else(DEPLOYMENTS, f"{APP}-primary", deployment(f"{APP}-primary")),
    ),
    Refused(reason="PrimarySelectorDiffers", cause=_other_primary, possible=LATER, shows=(), passes=True),
    Refused(reason="PrimaryTemplateLost", cause=_edited_primary, possible=BESIDE, shows=BESIDE),
    Refused(
        reason="TargetNotFound", cause=_declare(targetRef={"name": "nobody"}), possible=SPLIT, shows=SPLIT, passes=True
    ),
    Refused(
        reason="ServiceNotOurs",
        cause=_of_somebody_else(SERVICES, f"{APP}-canary", _SERVICE),
    ),
    Refused(
        reason="VirtualServiceNotOurs",
        cause=_of_somebody_else(ROUTES, APP, _ROUTES),
    ),
    Refused(reason="ServicePortMismatch", cause=_declare(service={"targetPort": "nobody"})),
    Refused(
        reason="ServicePortMismatch",
        cause=lambda server: server.edit(
            SERVICES, PLACE, APP, lambda obj: obj["spec"].update(ports=[{"name": "http", "port": 9, "targetPort": 9}])
        ),
        shows=BEGINNING,
    ),
    Refused(
        reason="ServiceElsewhere",
        cause=_service_anew({"type": "ExternalName", "externalName": "shop.example.com"}),
    ),
    Refused(
        reason="OriginalTooLarge",
        cause=_service_anew(
            {"selector": {"app": APP}, "ports": [{"port": 8080}]}, {"example.com/book": "x" * (LARGEST - 60)}
        ),
        possible=BEGINNING,
    ),
    Refused(reason="ProviderChanged", cause=_declare(provider="kubernetes"), shows=SPLIT, passes=True),
    Refused(
        reason="CustomResourceOutdated",
        cause=_admission("canaries", _drop_record, status=True),
        shows=tuple(phase for phase in ALL if phase not in {"Initialized", "Succeeded", "Failed"}),
    ),
    Refused(reason="StatusNotUnderstood", cause=_from_the_future),
    Refused(reason="Forbidden", cause=_admission("virtualservices", _forbid), shows=ROUTED),
    *(
        Refused(reason="RehearsalFailed", cause=cause, possible=BEGINNING)
        for cause in (
            _admission("virtualservices", _find_invalid),
            _admission("virtualservices", _prune),
            _admission("services", _find_nothing),
        )
    ),
    Refused(reason="Invalid", cause=_admission("virtualservices", _find_invalid), possible=LATER, shows=REWRITTEN),
    Refused(reason="TooLarge", cause=_admission("virtualservices", _find_too_large), possible=LATER, shows=REWRITTEN),
    Refused(reason="NotFound", cause=_admission("deployments", _find_nothing), possible=BEGINNING),
    Refused(reason="NotKeptAsWritten", cause=_admission("virtualservices", _prune), possible=LATER, shows=REWRITTEN),
)
"""A reason that can be had in several ways stands here several times."""
EXEMPT: Final = {
    "AlertProviderInvalid": "alerts are sent behind the tick, and what is wrong with them is logged",
    "SplitUnsupported": "a rollout stays with the router that moves its traffic, and asks no other one for it",
    "Unrehearsed": "nothing is refused: nobody answers",
}
