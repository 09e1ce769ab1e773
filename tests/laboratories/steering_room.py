"""A controller over a virtual cluster, and a person who asks it, in every phase that a rollout can be in."""

from __future__ import annotations

from collections.abc import Callable

from applications.demo_app import NAME
from canary_adapters.kubernetes.resources import CANARIES, EVENTS
from canary_adapters.steering.asking import Answer, Patience, ask, new_request
from canary_adapters.steering.desk import Desk
from canary_core import Phase, Verb
from laboratories.virtual_cluster import VirtualController
from peers.http_peers import free_port

NAMESPACE = "shop"
KEY = (NAMESPACE, NAME)
PRIMARY = f"{NAME}-primary"
METRICS = [{"name": "request-success-rate", "interval": "1m", "thresholdRange": {"min": 99}}]
ANALYSIS = {"interval": "1m", "threshold": 1, "stepWeight": 10, "maxWeight": 20, "metrics": METRICS}


class Room(VirtualController):
    """A controller and whoever asks it."""

    def begin(self, *hooks: str, **spec: object) -> Room:
        """Deploy the application with gates that stay closed."""
        gates = [{"name": each, "type": each, "url": f"http://127.0.0.1:{free_port()}/"} for each in hooks]
        self.deploy(NAMESPACE, analysis={**ANALYSIS, "webhooks": gates}, **spec)
        return self

    def goes_to(self, phase: Phase) -> Room:
        """Tick until a phase is reached."""
        for _ in range(40):
            if self.status(KEY).get("phase") == phase.value:
                return self
            verdict = self.tick(KEY)
            self.now_s += min(verdict.again_in_s or 0.0, 65.0)
        raise AssertionError(f"{phase} not reached: {self.status(KEY)}")

    def initialised(self) -> Room:
        """Until there is a primary, and nothing is left to be done."""
        self.until("Initialized", KEY)
        return self

    def new_version(self) -> Room:
        """Another revision."""
        self.image(KEY, "v2")
        return self

    def stuck(self, name: str) -> Room:
        """From now on, the Pods of a workload are not what it asks for."""
        self.api.pods = lambda each, replicas: (0 if replicas else 1) if each == name else replicas
        return self

    def asks(self, verb: Verb, *, ticks: Callable[[], object] | None = None) -> Answer:
        """Ask; the controller looks when somebody waits."""
        passed = [0.0]

        def sleep(seconds: float) -> None:
            passed[0] += seconds
            (ticks or (lambda: self.tick(KEY)))()

        patience = Patience(10.0, now_s=lambda: passed[0], sleep=sleep)
        return ask(Desk(self.api), *KEY, new_request(verb), patience)

    def told(self) -> list[str]:
        """The texts of events, oldest first."""
        self.assembly.close(10.0)  # all of them are sent
        found = self.api.objects.get((EVENTS.plural, NAMESPACE), {}).values()
        return [each["message"] for each in found]


def _terminating(room: Room) -> Room:
    room.begin(revertOnDeletion=True).initialised().stuck(NAME)
    room.api.delete(CANARIES, room.api.objects[CANARIES.plural, NAMESPACE][NAME])
    return room.goes_to(Phase.TERMINATING)


def _failed(room: Room) -> Room:
    room.begin().initialised().new_version().goes_to(Phase.PROGRESSING)
    room.prometheus.success_rate = 1.0
    room.goes_to(Phase.FAILED)
    room.until("Failed", KEY)
    return room


IN_PHASE: dict[Phase, Callable[[Room], Room]] = {
    Phase.INITIALIZING: lambda room: room.stuck(PRIMARY).begin().goes_to(Phase.INITIALIZING),
    Phase.INITIALIZED: lambda room: room.begin().initialised(),
    Phase.WAITING: lambda room: room.begin("confirm-rollout").initialised().new_version().goes_to(Phase.WAITING),
    Phase.PROGRESSING: lambda room: room.begin().initialised().new_version().goes_to(Phase.PROGRESSING),
    Phase.WAITING_PROMOTION: lambda room: (
        room.begin("confirm-promotion").initialised().new_version().goes_to(Phase.WAITING_PROMOTION)
    ),
    Phase.PROMOTING: lambda room: room.begin().initialised().stuck(PRIMARY).new_version().goes_to(Phase.PROMOTING),
    Phase.FINALISING: lambda room: (
        room.begin().initialised().new_version().goes_to(Phase.PROGRESSING).stuck(NAME).goes_to(Phase.FINALISING)
    ),
    Phase.SUCCEEDED: lambda room: room.begin().initialised().new_version().goes_to(Phase.SUCCEEDED),
    Phase.FAILED: _failed,
    Phase.TERMINATING: _terminating,
}
