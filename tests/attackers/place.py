"""An attacker's namespace, and what he may do in it: everything, and nothing elsewhere."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Final, Self

import requests
from attrs import field, frozen

from applications.demo_app import application, article_canary
from attackers.secrets import secret_of
from attackers.witness import Witness
from peers.http_peers import Behaviour, Peer

__all__ = ["INTERVAL", "REGISTERED", "Attacker", "Place", "Surroundings", "attacker", "register"]

INTERVAL: Final = "2s"
PATIENCE_S: Final = 60.0
_PATHS: Final = {
    "AlertProvider": "apis/flagger.app/v1beta1/namespaces/{}/alertproviders",
    "Canary": "apis/flagger.app/v1beta1/namespaces/{}/canaries",
    "ConfigMap": "api/v1/namespaces/{}/configmaps",
    "Deployment": "apis/apps/v1/namespaces/{}/deployments",
    "DestinationRule": "apis/networking.istio.io/v1beta1/namespaces/{}/destinationrules",
    "MetricTemplate": "apis/flagger.app/v1beta1/namespaces/{}/metrictemplates",
    "Namespace": "api/v1/namespaces",
    "Secret": "api/v1/namespaces/{}/secrets",
    "Service": "api/v1/namespaces/{}/services",
    "VirtualService": "apis/networking.istio.io/v1beta1/namespaces/{}/virtualservices",
}


@frozen(kw_only=True)
class Surroundings:
    """What attackers find there."""

    api: str
    """Address of the API server."""
    session: Callable[[], requests.Session] = field(repr=False)
    """Opens another session there."""
    status_port: int
    """Of the controller."""
    victim: str
    """Namespace and name of the application that the attacks are aimed at."""
    collector: str
    """Address of a server to which nobody's secrets should ever come."""
    witness: Witness
    over: threading.Event
    """Set when everybody has to go."""


@frozen(kw_only=True)
class Attacker:
    """One way to harm others."""

    kind: str
    attack: Callable[[Place], None] = field(repr=False)
    told: str
    """Regular expression for what the API server, or a condition or an event of his namespace, says. Empty: he does
    nothing that has to be refused."""
    planted: bool
    """Whether he uses a secret."""


REGISTERED: Final[dict[str, Attacker]] = {}


def register(kind: str, attack: Callable[[Place], None], *, told: str = "", planted: bool = False) -> None:
    """Make an attack one of those that take part; see `Attacker`."""
    REGISTERED[kind] = Attacker(kind=kind, attack=attack, told=told, planted=planted)


def attacker(*, told: str = "", planted: bool = False) -> Callable[[Callable[[Place], None]], Callable[[Place], None]]:
    """Register a function as an attack; its name is the kind. See `Attacker`."""

    def registered(attack: Callable[[Place], None]) -> Callable[[Place], None]:
        register(attack.__name__.replace("_", "-"), attack, told=told, planted=planted)
        return attack

    return registered


class Place:
    """One attacker at work. Used by his thread alone, but for what it notes; a context manager."""

    def __init__(self, kind: str, around: Surroundings) -> None:
        self.kind = self.name = kind
        self.namespace = f"by-{kind}"
        self.secret = secret_of(kind)
        self.cookie = f"cookie-of-{kind}"
        self.around = around
        self.servers: list[Peer] = []
        self.refusals: list[str] = []
        """What the API server did not take, in its words."""
        self.begun = False
        """Whether what he does again and again is done, or a rollout of his has begun."""
        self._kept: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self._open = ExitStack()
        self._api = self._open.enter_context(around.session())

    def __enter__(self) -> Self:
        self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}})
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    # -- The API server ---------------------------------------------------------------------------------------------

    def create(self, *objects: dict[str, Any]) -> bool:
        """Create objects.

        Returns:
            Whether the API server took them all.
        """
        taken = [self._sent("POST", self._path(obj["kind"]), obj) for obj in objects]
        return all(taken)

    def patch(self, kind: str, name: str, change: dict[str, Any], *, of: str = "") -> bool:
        """Merge a change into an object, or into a part of it such as ``status``."""
        path = "/".join(part for part in (self._path(kind), name, of) if part)
        return self._sent("PATCH", path, change, "application/merge-patch+json")

    def delete(self, kind: str, name: str) -> bool:
        """Delete an object."""
        return self._sent("DELETE", f"{self._path(kind)}/{name}", {})

    def read(self, obj: dict[str, Any]) -> dict[str, Any]:
        """An object as it is now; empty if there is none."""
        path = f"{self._path(obj['kind'])}/{obj['metadata']['name']}"
        answer = self._api.get(f"{self.around.api}/{path}", timeout=PATIENCE_S)
        found: dict[str, Any] = answer.json() if answer.ok else {}
        return found

    def keep(self, obj: dict[str, Any]) -> None:
        """Create an object that nobody should change."""
        self.create(obj)
        self._kept.append((obj, _lasting(self.read(obj))))

    def changed(self) -> list[str]:
        """Of what nobody should change, what somebody did."""
        return [
            f"{obj['kind']} {obj['metadata']['name']}"
            for obj, as_it_was in self._kept
            if _lasting(self.read(obj)) != as_it_was
        ]

    def _path(self, kind: str) -> str:
        return _PATHS[kind].format(self.namespace)

    def _sent(self, method: str, path: str, body: dict[str, Any], content_type: str = "application/json") -> bool:
        head = {"Content-Type": content_type, "User-Agent": f"attacker/{self.kind}"}
        answer = self._api.request(method, f"{self.around.api}/{path}", json=body, headers=head, timeout=PATIENCE_S)
        if not answer.ok:
            self.refusals.append(answer.text)
        return answer.ok

    # -- What teams usually have ------------------------------------------------------------------------------------

    def canary(self, name: str = "", /, *, service: dict[str, Any] | None = None, **analysis: Any) -> dict[str, Any]:
        """A sound Canary, but for what is given."""
        found = article_canary(self.namespace, name or self.name)
        spec = found["spec"]
        spec["service"] |= service or {}
        steps = {"interval": INTERVAL, "threshold": 1000, "stepWeight": 1, "metrics": []}
        merged = {**spec["analysis"], **steps, **analysis}
        spec["analysis"] = {key: value for key, value in merged.items() if value is not None}
        return found

    def deploy(self, canary: dict[str, Any] | None = None) -> bool:
        """Create Deployment, Service and Canary.

        Returns:
            Whether the API server took the Canary.
        """
        self.create(*application(self.namespace, self.name))
        return self.create(canary or self.canary())

    def image(self, tag: str) -> None:
        """Deploy another version."""
        container = {"name": "app", "image": f"example.com/app:{tag}", "ports": [{"containerPort": 8080}]}
        self.patch("Deployment", self.name, {"spec": {"template": {"spec": {"containers": [container]}}}})

    def roll_out(self, canary: dict[str, Any] | None = None) -> None:
        """Deploy an application and, as soon as it is in operation, another version of it."""
        if self.deploy(canary) and self.until("Initialized"):
            self.image("v2")
            self.begun = True

    def until(self, phase: str) -> bool:
        """Wait for a phase, or for the end."""
        while not self.around.over.is_set():
            if self.around.witness.until_phase(self.namespace, self.name, phase, 0.5):
                return True
        return False

    def until_told(self, words: str) -> None:
        """Wait until a condition or an event has these words, or for the end."""
        while not self.around.over.wait(0.5):
            if any(words in text for text in self.around.witness.messages(self.namespace)):
                return

    def again(self, pause_s: float) -> Iterator[int]:
        """Turns of something that is done until the end."""
        for turn in itertools.count(1):
            if self.around.over.wait(pause_s):
                return
            self.begun = True
            yield turn

    # -- Servers ----------------------------------------------------------------------------------------------------

    def server(self, behaviour: Behaviour) -> Peer:
        """A server of his own, until the end."""
        found = self._open.enter_context(Peer(behaviour))
        self.servers.append(found)
        return found

    def template(self, name: str, query: str, **provider: Any) -> dict[str, Any]:
        """A MetricTemplate."""
        spec = {"provider": {"type": "prometheus", **provider}, "query": query}
        return self._ours("MetricTemplate", name, spec)

    def receiver(self, name: str, kind: str = "slack", **spec: Any) -> dict[str, Any]:
        """An AlertProvider."""
        return self._ours("AlertProvider", name, {"type": kind, **spec})

    def credentials(self, name: str, **data: str) -> dict[str, Any]:
        """A Secret."""
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": self.namespace},
            "stringData": data,
        }

    def _ours(self, kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
        metadata = {"name": name, "namespace": self.namespace}
        return {"apiVersion": "flagger.app/v1beta1", "kind": kind, "metadata": metadata, "spec": spec}


def _lasting(obj: dict[str, Any]) -> dict[str, Any]:
    """Without what the server and the cluster's own controllers keep there."""
    metadata = {
        key: value for key, value in obj.get("metadata", {}).items() if key in {"uid", "labels", "ownerReferences"}
    }
    return {"metadata": metadata, "spec": obj.get("spec")}
