"""The article's application in a namespace of a laboratory."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Generic

import yaml
from attrs import frozen
from typing_extensions import TypeVar

from laboratories.lab import Lab, Watched

ARTICLE = Path(__file__).parents[2] / "examples" / "article"
NAME = "fleet-simple-app"


Place = TypeVar("Place", bound=Watched, default=Lab)


@frozen
class App(Generic[Place]):
    """The article's application in a namespace of a laboratory."""

    lab: Place
    namespace: str
    name: str = NAME

    def deploy(self, *, canary: bool = True, **spec: Any) -> None:
        """Apply Deployment, Service and Canary.

        Args:
            canary: Whether the Canary, too.
            **spec: Replaces fields of the Canary's spec; ``analysis`` is merged.
        """
        self.lab.kubectl("create", "namespace", self.namespace, check=False)
        declared = [*application(self.namespace, self.name), *([self.canary(**spec)] if canary else [])]
        self.lab.apply(yaml.safe_dump_all(declared))

    def canary(self, **spec: Any) -> dict[str, Any]:
        """The Canary of the article, with short intervals."""
        found = article_canary(self.namespace, self.name)
        analysis = {**found["spec"]["analysis"], "interval": "1s", **spec.pop("analysis", {})}
        found["spec"] = {**found["spec"], **spec, "analysis": {k: v for k, v in analysis.items() if v is not None}}
        return found

    def forget(self) -> None:
        """Delete the namespace, and with it a Canary that no controller is there to let go."""
        nothing = '{"metadata":{"finalizers":null}}'
        self.lab.kubectl("patch", "canary", self.name, "-n", self.namespace, "--type=merge", "-p", nothing, check=False)
        self.lab.kubectl("delete", "namespace", self.namespace, "--ignore-not-found", "--wait=false")

    def declare(self, **spec: Any) -> None:
        """Apply the Canary anew."""
        self.lab.apply(yaml.safe_dump(self.canary(**spec)))

    def image(self, tag: str) -> None:
        """Declare another revision."""
        self.lab.kubectl("set", "image", f"deployment/{self.name}", f"app=example.com/app:{tag}", "-n", self.namespace)

    def until(self, phase: str, seconds: float = 60.0) -> dict[str, Any]:
        """Wait for a phase, and return the status."""
        return self.lab.until_phase(phase, self.name, self.namespace, seconds)

    def weights(self) -> list[int]:
        """Weights of the last HTTP route."""
        found = self.lab.get("virtualservice", self.name, self.namespace)
        assert found is not None
        return [each["weight"] for each in found["spec"]["http"][-1]["route"]]

    def replicas(self, name: str | None = None) -> int:
        """What a Deployment asks for."""
        found = self.lab.get("deployment", name or self.name, self.namespace)
        assert found is not None
        return int(found["spec"]["replicas"])

    def kubectl(self, *args: str) -> str:
        """Run kubectl in the namespace."""
        return self.lab.kubectl("-n", self.namespace, *args)

    def events(self) -> list[str]:
        """Texts of the canary's events."""
        return self.lab.events(self.namespace)


def application(namespace: str, name: str = NAME) -> list[dict[str, Any]]:
    """Deployment and Service."""
    labels = {"app": name}
    container = {"name": "app", "image": "example.com/app:v1", "ports": [{"containerPort": 8080}]}
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "labels": {**labels, "objectset.rio.cattle.io/hash": "x"},
            },
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"selector": labels, "ports": [{"port": 8080, "targetPort": 8080}]},
        },
    ]


def article_canary(namespace: str, name: str = NAME) -> dict[str, Any]:
    """As the article has it, but for namespace and name, and the load test, which has nobody to answer it here."""
    found: dict[str, Any] = yaml.safe_load((ARTICLE / "canary.yaml").read_text())
    found["metadata"] |= {"namespace": namespace, "name": name}
    found["spec"]["targetRef"]["name"] = name
    del found["spec"]["analysis"]["webhooks"]
    return found
