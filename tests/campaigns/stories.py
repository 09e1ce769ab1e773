"""What happens to an application and its canary while the controller's requests fail."""

from __future__ import annotations

import base64
from collections.abc import Callable
from copy import deepcopy
from typing import Any, Final

from attrs import field, frozen

from laboratories.quiet_server import DEPLOYMENTS, Obj, QuietServer

PLACE: Final = "shop"
APP: Final = "app"
KEY: Final = (PLACE, APP)
STEPS: Final = (20, 50)
INTERVAL_S: Final = 60.0
CANARIES: Final = ("flagger.app", "v1beta1", "canaries")
ROUTES: Final = ("networking.istio.io", "v1beta1", "virtualservices")
CONFIG_MAPS: Final = ("", "v1", "configmaps")
SECRETS: Final = ("", "v1", "secrets")

When = Callable[[QuietServer], bool]
What = Callable[[QuietServer], None]


@frozen
class Happening:
    """Something that people do."""

    when: When
    what: What


@frozen(kw_only=True)
class Refusal:
    """What must be said of an object with mistakes."""

    name: str
    """Of the canary."""
    reason: str
    words: tuple[str, ...]
    """In the condition and in an event."""


@frozen(kw_only=True)
class Story:
    """An application, what people do to it, and how that ends."""

    name: str
    objects: tuple[Obj, ...] = field(repr=False)
    """Besides the namespace."""
    happenings: tuple[Happening, ...] = field(default=(), repr=False)
    phase: str | None = "Succeeded"
    """Of the canary, in the end. None: it is gone."""
    weight: int | None = 0
    """Of the canary, in the end. None: nothing of ours splits traffic."""
    settled: bool = True
    """Whether it begins with a canary that is initialized; otherwise with objects that nobody has looked at."""
    bad: str = ""
    """Tag of images whose requests fail."""
    events: tuple[str, ...] = ()
    """What people are told."""
    ends: tuple[str, ...] = ()
    """What they must be told whatever happens: the ends of rollouts are told again if need be, their steps are not."""
    refused: tuple[Refusal, ...] = ()


# -- Objects --------------------------------------------------------------------------------------------------------


def _object(api_version: str, kind: str, name: str, **parts: Any) -> Obj:
    metadata = {"name": name, "namespace": PLACE, **parts.pop("metadata", {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **parts}


def deployment(name: str = APP, image: str = "v1") -> Obj:
    """A Deployment that takes its configuration from a ConfigMap and a Secret."""
    labels = {"app": name}
    container = {
        "name": "app",
        "image": f"example.com/app:{image}",
        "ports": [{"name": "web", "containerPort": 8080}],
        "envFrom": [{"secretRef": {"name": "password"}}],
        "volumeMounts": [{"name": "settings", "mountPath": "/etc/app"}],
    }
    volume = {"name": "settings", "configMap": {"name": "settings"}}
    spec = {
        "replicas": 2,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [container], "volumes": [volume]}},
    }
    return _object("apps/v1", "Deployment", name, metadata={"annotations": {"example.com/team": "one"}}, spec=spec)


def service(name: str = APP) -> Obj:
    """A Service that people made before there was a canary."""
    spec = {"selector": {"app": name}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
    return _object("v1", "Service", name, metadata={"labels": {"example.com/of": "people"}}, spec=spec)


def settings() -> Obj:
    """Text and binary data."""
    binary = base64.b64encode(bytes(range(256))).decode()
    return _object("v1", "ConfigMap", "settings", data={"level": "one"}, binaryData={"key.bin": binary})


def password() -> Obj:
    """A Secret."""
    return _object("v1", "Secret", "password", type="Opaque", data={"PASSWORD": base64.b64encode(b"one").decode()})


def canary(name: str = APP, **spec: Any) -> Obj:
    """A Canary in two steps."""
    analysis = {
        "interval": "1m",
        "threshold": 2,
        "stepWeights": list(STEPS),
        "metrics": [{"name": "request-success-rate", "thresholdRange": {"min": 99}, "interval": "1m"}],
        **spec.pop("analysis", {}),
    }
    whole = {
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        "progressDeadlineSeconds": 120,
        "service": {"port": 80, "targetPort": 8080, **spec.pop("service", {})},
        "analysis": analysis,
        **spec,
    }
    return _object("flagger.app/v1beta1", "Canary", name, spec=whole)


def scaler() -> Obj:
    """A HorizontalPodAutoscaler of the target."""
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": APP},
        "minReplicas": 2,
        "maxReplicas": 4,
        "metrics": [
            {
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
            }
        ],
    }
    return _object("autoscaling/v2", "HorizontalPodAutoscaler", APP, spec=spec)


def foreign(name: str, uri: str, to: str = "elsewhere") -> Obj:
    """A route of somebody else."""
    return {
        "name": name,
        "match": [{"uri": {"prefix": uri}}],
        "route": [{"destination": {"host": to, "port": {"number": 9000}}}],
        "timeout": "3s",
    }


def routes() -> Obj:
    """A VirtualService that people made before there was a canary."""
    http = [
        foreign("admin", "/admin"),
        {"route": [{"destination": {"host": APP}}]},
        foreign("reports", "/reports"),
    ]
    spec = {"hosts": [APP], "http": http}
    return _object(
        "networking.istio.io/v1beta1",
        "VirtualService",
        APP,
        metadata={"annotations": {"example.com/owner": "people"}},
        spec=spec,
    )


def template(query: str = "sum(rate(requests[1m]))", **provider: Any) -> Obj:
    """A MetricTemplate."""
    return _object(
        "flagger.app/v1beta1",
        "MetricTemplate",
        "requests",
        spec={"provider": {"type": "prometheus", "address": "http://prometheus:9090", **provider}, "query": query},
    )


_BASIC: Final = (settings(), password(), deployment(), service())


# -- What people do -------------------------------------------------------------------------------------------------


def weight_of(server: QuietServer, name: str = APP) -> int | None:
    """The canary's share of what the VirtualService splits. None: it splits nothing."""
    live = server.get("networking.istio.io/virtualservices", PLACE, name)
    for route in (live or {"spec": {}})["spec"].get("http") or ():
        for each in route.get("route") or ():
            if each["destination"]["host"] == f"{name}-canary":
                return int(each.get("weight") or 0)
    return None


def phase_of(server: QuietServer, name: str = APP) -> str | None:
    """The phase of a canary. None: it is gone."""
    found = server.get("flagger.app/canaries", PLACE, name)
    return None if found is None else str((found.get("status") or {}).get("phase") or "")


def _always(_: QuietServer) -> bool:
    return True


def _at_weight(weight: int) -> When:
    return lambda server: weight_of(server) == weight


def _in_phase(phase: str) -> When:
    return lambda server: phase_of(server) == phase


def _image(tag: str, name: str = APP) -> What:
    def change(obj: Obj) -> None:
        obj["spec"]["template"]["spec"]["containers"][0]["image"] = f"example.com/app:{tag}"

    return lambda server: server.edit(DEPLOYMENTS, PLACE, name, change)


def _reconfigure(value: str) -> What:
    secret = {"PASSWORD": base64.b64encode(value.encode()).decode()}

    def change(server: QuietServer) -> None:
        server.edit(CONFIG_MAPS, PLACE, "settings", lambda obj: obj["data"].update(level=value))
        server.edit(SECRETS, PLACE, "password", lambda obj: obj["data"].update(secret))

    return change


def _break_primary(server: QuietServer) -> None:
    server.never_ready.add(f"{APP}-primary")


def _add_route(server: QuietServer) -> None:
    def change(obj: Obj) -> None:
        obj["spec"]["http"] = [foreign("first", "/first"), *obj["spec"]["http"], foreign("last", "/last")]

    server.edit(ROUTES, PLACE, APP, change)


def _delete(server: QuietServer) -> None:
    server.delete(CANARIES, PLACE, APP)


def _is_refused(server: QuietServer) -> bool:
    found = server.get("flagger.app/canaries", PLACE, APP) or {}
    conditions = (found.get("status") or {}).get("conditions") or [{}]
    return bool(conditions[0].get("reason") == "InvalidSpec")


def _correct(server: QuietServer) -> None:
    server.edit(CANARIES, PLACE, APP, lambda obj: obj["spec"]["analysis"].update(interval="1m"))


def _declare(*more: Happening) -> tuple[Happening, ...]:
    return (Happening(_always, _image("v2")), *more)


# -- Stories --------------------------------------------------------------------------------------------------------

_SCALER_REF: Final = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": APP}
_FAILED_CHECK: Final = "success rate 50.00% < 99%"

FIRST: Final = Story(
    name="a first primary",
    objects=(*_BASIC, canary()),
    settled=False,
    phase="Initialized",
    ends=("Initialization done! app.shop",),
)
GOOD: Final = Story(
    name="a good revision",
    objects=(*_BASIC, canary()),
    happenings=_declare(),
    events=("New revision detected! Scaling up app.shop", "Advance app.shop canary weight 50"),
    ends=("Promotion completed!",),
)
FAILING: Final = Story(
    name="a revision that fails",
    objects=(*_BASIC, canary()),
    happenings=_declare(),
    bad="v2",
    phase="Failed",
    events=(_FAILED_CHECK, "failed checks threshold reached 2"),
    ends=("Canary failed!",),
)
NEVER_READY: Final = Story(
    name="a revision that is never ready",
    objects=(*_BASIC, canary()),
    happenings=(Happening(_always, _image("broken")),),
    phase="Failed",
    ends=("Canary failed!",),
)
PRIMARY_FAILS: Final = Story(
    name="a primary that does not start during the promotion",
    objects=(*_BASIC, canary()),
    happenings=_declare(Happening(_at_weight(50), _break_primary)),
    phase="Failed",
    weight=100,
)
DELETED: Final = Story(
    name="the canary is deleted during the analysis",
    objects=(*_BASIC, routes(), canary(revertOnDeletion=True)),
    happenings=_declare(Happening(_at_weight(20), _delete)),
    phase=None,
    weight=None,
)
RECONFIGURED: Final = Story(
    name="the configuration changes during the analysis",
    objects=(*_BASIC, canary()),
    happenings=_declare(Happening(_at_weight(20), _reconfigure("two"))),
    events=("New revision detected! Restarting analysis for app.shop",),
    ends=("Promotion completed!",),
)
AGAIN: Final = Story(
    name="the configuration changes from revision to revision",
    objects=(*_BASIC, canary()),
    happenings=(Happening(_always, _reconfigure("two")), Happening(_in_phase("Succeeded"), _reconfigure("three"))),
    ends=("Promotion completed!",),
)
DELETED_OWN: Final = Story(
    name="the canary is deleted with routes of its own",
    objects=(*_BASIC, canary(revertOnDeletion=True)),
    happenings=(Happening(_always, _delete),),
    phase=None,
    weight=None,
)
FOREIGN: Final = Story(
    name="routes of somebody else",
    objects=(*_BASIC, routes(), canary()),
    happenings=_declare(Happening(_at_weight(20), _add_route)),
    ends=("Promotion completed!",),
)
SCALED: Final = Story(
    name="an autoscaler",
    objects=(
        *_BASIC,
        scaler(),
        canary(autoscalerRef=_SCALER_REF),
    ),
    happenings=_declare(),
    ends=("Promotion completed!",),
)


def _mistaken() -> tuple[Obj, ...]:
    """Canaries with mistakes, each with a target of its own; and one whose MetricTemplate has them."""
    no_interval = canary("no-interval", analysis={"interval": "soon"})
    no_threshold = canary("no-range", analysis={"metrics": [{"name": "requests", "templateRef": {"name": "requests"}}]})
    bad_template = canary(
        "bad-template",
        analysis={"metrics": [{"name": "requests", "templateRef": {"name": "requests"}, "thresholdRange": {"min": 1}}]},
    )
    return no_interval, no_threshold, bad_template


BESIDE: Final = Story(
    name="canaries with mistakes beside a good one",
    objects=(
        *_BASIC,
        *(deployment(name) for name in ("no-interval", "no-range", "bad-template")),
        template(query="", address="nowhere"),
        *_mistaken(),
        canary(),
    ),
    happenings=_declare(),
    ends=("Promotion completed!",),
    refused=(
        Refusal(name="no-interval", reason="InvalidSpec", words=("spec.analysis.interval", "soon")),
        Refusal(name="bad-template", reason="MetricTemplateInvalid", words=("MetricTemplate requests.shop",)),
    ),
)


def _bare(objects: tuple[Obj, ...]) -> tuple[Obj, ...]:
    """The same on which people wrote no labels and no annotations."""
    found = deepcopy(objects)
    for obj in found:
        obj["metadata"].pop("labels", None)
        obj["metadata"].pop("annotations", None)
    return found


BARE: Final = Story(
    name="objects without labels and annotations",
    objects=_bare((*_BASIC, scaler(), canary(autoscalerRef=_SCALER_REF))),
    happenings=_declare(),
    ends=("Promotion completed!",),
)
CORRECTED: Final = Story(
    name="a mistake that is corrected",
    objects=(*_BASIC, canary(analysis={"interval": "soon"})),
    happenings=(Happening(_is_refused, _correct),),
    settled=False,
    phase="Initialized",
    ends=("Initialization done! app.shop",),
)


STORIES: Final = (
    FIRST,
    GOOD,
    FAILING,
    NEVER_READY,
    PRIMARY_FAILS,
    DELETED,
    DELETED_OWN,
    RECONFIGURED,
    AGAIN,
    FOREIGN,
    SCALED,
    BESIDE,
    BARE,
    CORRECTED,
)
