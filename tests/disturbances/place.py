"""A namespace with an application under a Canary: what people do in it, and what is the case there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import define, field

from canary_adapters.kubernetes.resources import (
    ALERT_PROVIDERS,
    CANARIES,
    CONFIG_MAPS,
    DEPLOYMENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    METRIC_TEMPLATES,
    SECRETS,
    SERVICES,
    Obj,
)
from canary_lab.mesh.snapshot import PODS
from disturbances import application
from disturbances.application import ALERTS, CONFIG, IMAGE, NAME, PORT, SECRET, Setup
from disturbances.hands import Hands
from disturbances.meter import EVERY_S, Tally
from disturbances.outside import GOOD, Answer
from disturbances.routing import Request
from disturbances.world import World
from laboratories.lab import Controller

__all__ = ["Place"]

REQUEST: Final = "canary-core/request"
"""Annotation by which a person asks for something."""


@define
class Place:
    """An application in a namespace of its own."""

    world: World
    namespace: str
    setup: Setup
    weights: tuple[int, ...]
    target: str = NAME
    """The Deployment that people deploy to."""
    hosts: tuple[str, ...] = (NAME,)
    """What users call: the last of these for which there is a Service."""
    canary: str = NAME
    tally: Tally = field(factory=Tally)
    controller: Controller | None = None
    """Its own one, if it has one."""

    @property
    def hands(self) -> Hands:
        """Whoever may do everything here."""
        return Hands(self.world.api, self.namespace)

    # -- What people do ---------------------------------------------------------------------------------------------

    def deploy(self) -> None:
        """Make everything, and a controller if it is to have one of its own."""
        setup, hands = self.setup, self.hands
        hands.make(CONFIG_MAPS, {"metadata": {"name": CONFIG}, "data": {"COLOUR": "red"}})
        hands.make(SECRETS, {"metadata": {"name": SECRET}, "stringData": {"KEY": "one"}})
        hands.make(METRIC_TEMPLATES, application.check(self.world.monitoring.url))
        hands.make(ALERT_PROVIDERS, self.alerts())
        if setup.has_autoscaler:
            hands.make(HORIZONTAL_POD_AUTOSCALERS, application.autoscaler())
        if setup.has_service:
            hands.make(SERVICES, application.service(setup))
        hands.make(DEPLOYMENTS, application.deployment(setup))
        if setup.has_invalid_rival:
            hands.make(CANARIES, application.rival(setup, weights=self.weights, **application.INVALID))
        hands.make(CANARIES, self.declared())
        self.measure()
        if setup.has_own_controller:
            self.start_controller()

    def start_controller(self, *flags: str) -> None:
        """Start the controller of this namespace alone."""
        self.controller = self.world.controller(f"-namespace={self.namespace}", *flags)

    def declared(self) -> Obj:
        """The Canary as it is declared at first."""
        gate = f"{self.world.gate.url}/{self.namespace}"
        return application.canary(self.setup, weights=self.weights, gate=gate)

    def alerts(self) -> Obj:
        """The AlertProvider."""
        address = f"{self.world.gate.url}/alerts"
        return {"metadata": {"name": ALERTS}, "spec": {"type": "slack", "channel": "general", "address": address}}

    def revise(self, tag: str, change: Callable[[Obj], None] = lambda _: None) -> None:
        """Deploy another version.

        Args:
            tag: Of its image.
            change: Of the container, besides.
        """

        def edit(found: Obj) -> None:
            (container,) = found["spec"]["template"]["spec"]["containers"]
            container["image"] = f"{IMAGE}:{tag}"
            change(container)

        self.hands.edit(DEPLOYMENTS, self.target, edit)

    def specify(self, spec: Mapping[str, Any]) -> None:
        """Change fields of the Canary's spec, as a JSON merge patch does."""
        self.hands.patch(CANARIES, self.canary, {"spec": dict(spec)})

    def ask(self, request: str) -> None:
        """Ask the controller for something, such as ``abort/1``."""
        self.hands.patch(CANARIES, self.canary, {"metadata": {"annotations": {REQUEST: request}}})

    def monitor(self, told: float | Answer = GOOD) -> None:
        """Have Prometheus say this of the canary."""
        self.world.monitoring.told[self.namespace] = told

    # -- What is the case -------------------------------------------------------------------------------------------

    def measure(self) -> Tally:
        """Begin to add up what users lose, from nothing."""
        self.tally = self.world.meter.watch(self.namespace, self._request)
        return self.tally

    def _request(self) -> Request:
        there = (host for host in reversed(self.hosts) if self.world.caches.get(SERVICES, self.namespace, host))
        host = next(there, self.hosts[0])
        return Request(host=host, port=PORT, image=IMAGE, is_meshed=self.setup.is_meshed)

    def share(self, tag: str) -> float:
        """The share of requests that a version gets, percent."""
        return self.tally.shares.get(tag, 0.0)

    @property
    def unproven(self) -> float:
        """The share of requests that versions get of which the first one is none, percent."""
        return 100.0 - self.share("v1") - self.tally.losing

    @property
    def status(self) -> Obj:
        """That of the Canary."""
        found = self.world.caches.get(CANARIES, self.namespace, self.canary) or {}
        status: Obj = found.get("status") or {}
        return status

    @property
    def phase(self) -> str:
        """That of the Canary; empty if there is none."""
        return str(self.status.get("phase") or "")

    @property
    def condition(self) -> str:
        """Reason and message of the Canary's condition."""
        found = (self.status.get("conditions") or [{}])[0]
        return f"{found.get('reason')}: {found.get('message')}"

    @property
    def heard(self) -> str:
        """The last request of a person that the controller has dealt with."""
        return str((self.status.get("rollout") or {}).get("request") or "")

    def replicas(self, name: str) -> int | None:
        """How many a Deployment asks for. None: there is no such Deployment."""
        found = self.world.caches.get(DEPLOYMENTS, self.namespace, name)
        return int(found["spec"].get("replicas", 1)) if found is not None else None

    def version(self, name: str) -> str:
        """What a Deployment runs."""
        found = self.world.caches.get(DEPLOYMENTS, self.namespace, name)
        containers = found["spec"]["template"]["spec"]["containers"] if found is not None else [{}]
        return str(containers[0].get("image") or "").rpartition(":")[2]

    def pods(self, owner: str) -> list[Obj]:
        """The Pods of a Deployment."""
        return [
            pod for pod in self.world.caches.list(PODS, self.namespace) if self.is_of(owner)(pod["metadata"]["name"])
        ]

    def is_of(self, owner: str) -> Callable[[str], bool]:
        """Whether a Pod of a name belongs to a Deployment: two parts follow the Deployment's name."""
        return lambda name: name.rsplit("-", 2)[0] == owner

    def until(self, true: Callable[[], bool], seconds: float) -> bool:
        """Wait until something is true.

        Args:
            true: Asked again and again.
            seconds: Of the meter.

        Returns:
            Whether it became true.
        """
        meter = self.world.meter
        end = meter.seconds + seconds
        while not true():
            if meter.seconds > end:
                return False
            self.world.wait_for_change(self.namespace, EVERY_S)
        return True

    def forget(self) -> None:
        """Delete everything."""
        if self.controller is not None and self.controller.process.poll() is None:
            self.controller.kill()
        self.world.monitoring.told.pop(self.namespace, None)
        self.world.gate.told.pop(self.namespace, None)
        self.world.forget(self.namespace)
