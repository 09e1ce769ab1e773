"""What a Deployment in a laboratory says, as a process of this machine: its arguments, its environment, its rights."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from laboratories.lab import Controller, Lab


def arguments(lab: Lab, name: str, namespace: str) -> list[str]:
    """Those of the only container."""
    found = _container(lab, name, namespace)["args"]
    assert isinstance(found, list)
    return found


def environment(lab: Lab, name: str, namespace: str) -> dict[str, str]:
    """The environment that a kubelet would make of it."""
    found = {}
    for each in _container(lab, name, namespace).get("env", ()):
        ref = each["valueFrom"]["secretKeyRef"]
        secret = lab.get("secret", ref["name"], namespace)
        assert secret is not None
        found[each["name"]] = base64.b64decode(secret["data"][ref["key"]]).decode()
    return found


def start_controller(lab: Lab, name: str, namespace: str, also: Mapping[str, str] | None = None) -> Controller:
    """Run the controller that a Deployment declares, with the rights of its ServiceAccount and no others.

    Args:
        lab: Where.
        name: The Deployment.
        namespace: Where it is.
        also: Environment besides.
    """
    command, *flags = arguments(lab, name, namespace)
    assert command == "controller"
    account = _pod(lab, name, namespace)["serviceAccountName"]
    token = lab.kubectl("create", "token", account, "-n", namespace).strip()
    bearer = lab.cluster.kubeconfig(lab.folder / "bearer", token=token)
    lab.cluster.requests.clear()
    whole = {**environment(lab, name, namespace), **(also or {})}
    return lab.start(kubeconfig=bearer, before=tuple(flags), environment=whole)


def _pod(lab: Lab, name: str, namespace: str) -> dict[str, Any]:
    deployment = lab.get("deployment", name, namespace)
    assert deployment is not None
    pod: dict[str, Any] = deployment["spec"]["template"]["spec"]
    return pod


def _container(lab: Lab, name: str, namespace: str) -> dict[str, Any]:
    (found,) = _pod(lab, name, namespace)["containers"]
    assert isinstance(found, dict)
    return found
