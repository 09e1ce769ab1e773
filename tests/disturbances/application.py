"""The application that is disturbed, and its Canary, as manifests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import field, frozen

from canary_adapters.kubernetes.resources import Obj

__all__ = [
    "ALERTS",
    "CHECK",
    "CONFIG",
    "IMAGE",
    "INVALID",
    "NAME",
    "PORT",
    "RIVAL",
    "SECRET",
    "Setup",
    "autoscaler",
    "canary",
    "deployment",
    "rival",
]

NAME: Final = "app"
"""Of target, Canary, apex Service and autoscaler."""
IMAGE: Final = "example.com/app"
PORT: Final = 80
CONFIG, SECRET, CHECK, ALERTS = "settings", "credentials", "errors", "chat"
"""What target and Canary refer to: a ConfigMap, a Secret, a MetricTemplate, an AlertProvider."""
DEADLINE_S: Final = 10
RIVAL: Final = "rival"
"""Another Canary for the same target."""
INVALID: Final = {"stepWeights": None, "stepWeight": 0}
"""Changes of an analysis with which it is none."""


@frozen(kw_only=True)
class Setup:
    """What an application has that not all of them have."""

    provider: str = "istio"
    labels: Mapping[str, str] = field(factory=lambda: {"app": NAME})
    """Of its Pods; all of them select."""
    replicas: int = 1
    target_port: int | str = 8080
    has_autoscaler: bool = False
    has_gate: bool = False
    """Whether a webhook has to agree before traffic increases."""
    has_service: bool = False
    """Whether it had a Service before it had a Canary."""
    reverts: bool = False
    has_invalid_rival: bool = False
    """Whether another Canary for the same target, which is not valid, is made right before its own."""
    has_own_controller: bool = False
    """Whether a controller serves it alone."""

    @property
    def is_meshed(self) -> bool:
        """Whether shares of traffic are moved."""
        return self.provider == "istio"


def deployment(setup: Setup, *, name: str = NAME, tag: str = "v1", labels: Mapping[str, str] | None = None) -> Obj:
    """The target."""
    chosen = dict(labels if labels is not None else setup.labels)
    container: Obj = {
        "name": "app",
        "image": f"{IMAGE}:{tag}",
        "ports": [{"name": "http", "containerPort": 8080}],
        "envFrom": [{"configMapRef": {"name": CONFIG}}, {"secretRef": {"name": SECRET}}],
    }
    return {
        "metadata": {"name": name},
        "spec": {
            "replicas": setup.replicas,
            "selector": {"matchLabels": chosen},
            "template": {"metadata": {"labels": chosen}, "spec": {"containers": [container]}},
        },
    }


def service(setup: Setup) -> Obj:
    """A Service as it is there before a Canary."""
    ports = [{"name": "http", "port": PORT, "targetPort": setup.target_port}]
    return {"metadata": {"name": NAME}, "spec": {"selector": dict(setup.labels), "ports": ports}}


def autoscaler(*, least: int = 2, most: int = 4) -> Obj:
    """That of the target."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME}
    return {"metadata": {"name": NAME}, "spec": {"scaleTargetRef": target, "minReplicas": least, "maxReplicas": most}}


def check(prometheus: str) -> Obj:
    """A MetricTemplate, whose value is always good."""
    query = 'sum(errors{namespace="{{ namespace }}", pod=~"{{ target }}-.*"})'
    return {
        "metadata": {"name": CHECK},
        "spec": {"provider": {"type": "prometheus", "address": prometheus}, "query": query},
    }


def rival(setup: Setup, *, weights: tuple[int, ...], **analysis: Any) -> Obj:
    """Another Canary for the same target, with other fields of the analysis."""
    found = canary(setup, weights=weights, name=RIVAL)
    found["spec"]["analysis"] |= analysis
    return found


def canary(setup: Setup, *, weights: tuple[int, ...], gate: str = "", name: str = NAME) -> Obj:
    """The Canary.

    Args:
        setup: What it has.
        weights: Its steps; without a mesh it has as many iterations.
        gate: Address of the webhook.
        name: Its own.
    """
    metrics: list[Obj] = [
        {"name": "request-success-rate", "thresholdRange": {"min": 99}, "interval": "1m"},
        {"name": CHECK, "templateRef": {"name": CHECK}, "thresholdRange": {"max": 500}, "interval": "1m"},
    ]
    hook = {"name": "gate", "type": "confirm-traffic-increase", "url": gate, "timeout": "1s"}
    analysis: dict[str, Any] = {
        "interval": "1s",
        "threshold": 2,
        "metrics": metrics,
        "alerts": [{"name": "chat", "severity": "info", "providerRef": {"name": ALERTS}}],
        **({"stepWeights": list(weights)} if setup.is_meshed else {"iterations": len(weights)}),
        **({"webhooks": [hook]} if setup.has_gate else {}),
    }
    spec: Obj = {
        "provider": setup.provider,
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME},
        "progressDeadlineSeconds": DEADLINE_S,
        "revertOnDeletion": setup.reverts,
        "service": {"port": PORT, "targetPort": setup.target_port},
        "analysis": analysis,
    }
    if setup.has_autoscaler:
        spec["autoscalerRef"] = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": NAME}
    return {"metadata": {"name": name}, "spec": spec}
