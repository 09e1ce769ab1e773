"""Several applications that are rolled out at the same time, and what must be true of each at the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import yaml

from applications.demo_app import NAME, App, application, article_canary
from laboratories.lab import Lab, eventually

STEPS = {"stepWeight": 25, "maxWeight": 50, "threshold": 2}


def deployed(lab: Lab, name: str, count: int) -> list[App]:
    """Applications in namespaces of their own; not waited for."""
    apps = [App(lab, f"{name}-{number}") for number in range(count)]
    for app in apps:
        app.deploy(analysis=STEPS)
    return apps


def named(namespace: str, names: Iterable[str], **analysis: Any) -> list[dict[str, Any]]:
    """Deployment, Service and Canary of applications that share a namespace, with short intervals.

    Args:
        namespace: Theirs.
        names: One for each.
        **analysis: Replaces fields of the Canary's analysis.
    """
    canary = article_canary(namespace)
    canary["spec"]["analysis"] |= {"interval": "1s", **analysis}
    text = yaml.safe_dump_all([*application(namespace), canary])
    return [obj for name in names for obj in yaml.safe_load_all(text.replace(NAME, name))]


def image_of_primary(app: App) -> str:
    """What the primary runs."""
    found = app.lab.get("deployment", f"{app.name}-primary", app.namespace)
    assert found is not None
    image: str = found["spec"]["template"]["spec"]["containers"][0]["image"]
    return image.rpartition(":")[2]


def spoil(app: App, *, bad: bool) -> None:
    """Have the metrics of an application fail, or be good."""
    app.lab.prometheus.custom.pop(f'"{app.namespace}"', None)
    if bad:
        app.lab.prometheus.custom[f'"{app.namespace}"'] = 0.0


def all_end(apps: Sequence[App], phase: str, tag: str, seconds: float = 240.0) -> None:
    """Wait for the end of each rollout, and look at everything that counts then."""
    for app in apps:
        app.until(phase, seconds)
        eventually(lambda app=app: app.replicas() == 0)  # type: ignore[misc]
        assert app.weights() == [100, 0]
        assert image_of_primary(app) == tag
        assert app.replicas(f"{app.name}-primary") == 1
