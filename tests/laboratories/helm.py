"""A real helm, and what it renders of our charts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHARTS = ROOT / "charts"
CONTROLLER, LOADTESTER = CHARTS / "canary", CHARTS / "loadtester"
HELM = Path(sys.executable).parent / "helm"
KUBECTL = Path(sys.executable).parent / "kubectl"

Obj = dict[str, Any]


class HelmError(Exception):
    """Helm refused; its message is the text."""


class Helm:
    """Helm with a home of its own."""

    def __init__(self, home: Path, kubeconfig: Path | None = None) -> None:
        self._home, self._kubeconfig = home, kubeconfig

    def __call__(self, *args: str, values: Mapping[str, Any] | None = None) -> str:
        """Run it.

        Args:
            *args: What follows ``helm``.
            values: A file of values.

        Returns:
            What it prints.

        Raises:
            HelmError: It refused.
        """
        homes = {f"HELM_{part}_HOME": str(self._home / part.lower()) for part in ("CACHE", "CONFIG", "DATA")}
        command = [str(HELM), *args]
        if self._kubeconfig is not None:
            command += ["--kubeconfig", str(self._kubeconfig)]
        if values is not None:
            command += ["--values", "-"]
        done = subprocess.run(
            command,
            input=json.dumps(values) if values is not None else None,
            capture_output=True,
            text=True,
            env={**homes, "HOME": str(self._home), "PATH": ""},
            check=False,
            timeout=120,
        )
        if done.returncode:
            raise HelmError(done.stderr)
        return done.stdout

    def render(
        self,
        chart: Path,
        values: Mapping[str, Any] | None = None,
        *args: str,
        release: str = "canary",
        namespace: str = "canary-system",
    ) -> list[Obj]:
        """The objects of a release, in the order in which helm writes them."""
        text = self("template", release, str(chart), "--namespace", namespace, *args, values=values or {})
        return [found for found in yaml.safe_load_all(text) if found]


def one(objects: list[Obj], kind: str, name: str | None = None) -> Obj:
    """The only object of a kind, or that of a name."""
    found = [obj for obj in objects if obj["kind"] == kind and name in {None, obj["metadata"]["name"]}]
    assert len(found) == 1, (kind, name, [obj["metadata"]["name"] for obj in found])
    return found[0]


def kinds(objects: list[Obj]) -> list[str]:
    """Kinds of objects, in order of the alphabet."""
    return sorted(obj["kind"] for obj in objects)


def pod_spec(objects: list[Obj]) -> Obj:
    """The Pods of the only Deployment."""
    found: Obj = one(objects, "Deployment")["spec"]["template"]["spec"]
    return found


def container(objects: list[Obj]) -> Obj:
    """The container of the only Deployment."""
    (found,) = pod_spec(objects)["containers"]
    assert isinstance(found, dict)
    return found


def kubectl(kubeconfig: Path, *args: str, stdin: str | None = None) -> str:
    """Run kubectl and return what it prints."""
    done = subprocess.run(
        [KUBECTL, "--kubeconfig", str(kubeconfig), *args],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
