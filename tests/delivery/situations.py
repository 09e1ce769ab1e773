"""A Canary in every situation that tools that wait can meet, brought there by the controller's own ticks."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

from attrs import define, field

from canary_adapters.controller.interests import Key
from canary_adapters.controller.options import Options
from canary_adapters.istio.resources import VIRTUAL_SERVICES
from canary_adapters.kubernetes.resources import CANARIES, Obj
from delivery.argo_scripts import act
from delivery.kstatus import Status
from laboratories.lab import eventually
from laboratories.virtual_cluster import VirtualController
from peers.http_peers import Peer, once

__all__ = ["ANALYSIS", "CLOSED", "OPEN", "SITUATIONS", "Play", "Seen", "at_20", "new", "playing", "succeeded"]

OPEN: Final = once(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
CLOSED: Final = once(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
CHECK: Final = {"name": "request-success-rate", "thresholdRange": {"min": 99}, "interval": "1m"}
ANALYSIS: Final = {"interval": "1m", "threshold": 2, "stepWeights": [20, 50], "metrics": [CHECK]}


@define
class Play:
    """A Canary of the article, and what becomes of it."""

    controller: VirtualController
    gate: Peer
    key: Key = ("shop", "fleet-simple-app")
    _tokens: Iterator[int] = field(factory=itertools.count)

    def deploy(self, hook: str | None = None, **spec: Any) -> None:
        """Make it, with a gate of a type if there is to be one."""
        hooks = [{"name": hook, "type": hook, "url": f"{self.gate.url}/"}] if hook else []
        self.controller.deploy(self.key[0], **{"analysis": {**ANALYSIS, "webhooks": hooks}, **spec})

    def declare(self, **spec: Any) -> None:
        """Change what it declares."""
        self.controller.edit(CANARIES, self.key, lambda obj: obj["spec"].update(spec))
        self.controller.changed(self.key)

    def ask(self, verb: str) -> None:
        """Ask for something, as Argo CD does."""
        wanted = act(verb, self.now)
        request = f"{wanted['metadata']['annotations']['canary-core/request']}-{next(self._tokens)}"
        annotate = {"canary-core/request": request}
        self.controller.edit(CANARIES, self.key, lambda obj: obj["metadata"].update(annotations=annotate))

    def until(self, is_so: Callable[[Obj], bool]) -> None:
        """Let time pass until its status is so."""
        for _ in range(60):
            verdict = self.controller.tick(self.key)
            if is_so(self.now["status"]):
                return
            self.controller.now_s += min(verdict.again_in_s or 0.0, 65.0)
        raise AssertionError(self.now["status"])

    def until_phase(self, phase: str) -> None:
        """Let time pass until a phase is reached."""
        self.until(lambda status: bool(status["phase"] == phase))

    def rest(self) -> None:
        """Let it come to rest."""
        for _ in range(5):
            self.controller.now_s += 65.0
            self.controller.tick(self.key)
        eventually(lambda: not self.controller.assembly.recorder.pending)

    @property
    def now(self) -> Obj:
        """The Canary as it is."""
        found = self.controller.api.cached(CANARIES, *self.key)
        assert found is not None
        return copy.deepcopy(found)


def playing(**options: Any) -> Iterator[Play]:
    """One without anything yet, and a gate that is closed."""
    with VirtualController(Options(**options)) as controller, Peer(CLOSED) as gate:
        yield Play(controller, gate)


# -- Situations -----------------------------------------------------------------------------------------------------


def new(play: Play) -> None:
    """Initialized, and nothing else."""
    play.deploy()
    play.controller.until("Initialized", play.key)


def _under_way(play: Play, **more: Any) -> None:
    play.deploy(**more)
    play.controller.until("Initialized", play.key)
    play.controller.image(play.key, "v2")


def _without_target(play: Play) -> None:
    play.deploy(targetRef={"apiVersion": "apps/v1", "kind": "Deployment", "name": "elsewhere"})
    play.controller.tick(play.key)


def _at_gate(hook: str, phase: str) -> Callable[[Play], None]:
    def reach(play: Play) -> None:
        _under_way(play, hook=hook)
        play.until_phase(phase)

    return reach


def _at_a_step(play: Play) -> None:
    _under_way(play, hook="confirm-traffic-increase")
    play.until(lambda status: bool(status["conditions"][1]["reason"] == "WaitingTrafficIncrease"))


def at_20(play: Play) -> None:
    """At the first step of a rollout."""
    _under_way(play)
    play.until(lambda status: bool(status["canaryWeight"] == 20))


def _paused(play: Play) -> None:
    at_20(play)
    play.ask("pause")
    play.controller.tick(play.key)


def _paused_at_rest(play: Play) -> None:
    new(play)
    play.ask("pause")
    play.controller.tick(play.key)


def _suspended(play: Play) -> None:
    at_20(play)
    play.declare(suspend=True)
    play.controller.tick(play.key)


def _suspended_at_rest(play: Play) -> None:
    new(play)
    play.declare(suspend=True)
    play.controller.tick(play.key)


def succeeded(play: Play) -> None:
    """At rest after a rollout."""
    _under_way(play)
    play.until_phase("Succeeded")
    play.rest()


def _failed(play: Play) -> None:
    _under_way(play)
    play.controller.prometheus.success_rate = 50.0
    play.until_phase("Failed")
    play.rest()


def _reverted(play: Play) -> None:
    """The promoted version is declared again after a failure."""
    _failed(play)
    play.controller.image(play.key, "v1")
    play.rest()


def _aborted(play: Play) -> None:
    at_20(play)
    play.ask("abort")
    play.until_phase("Failed")
    play.rest()


def _invalid(play: Play) -> None:
    play.deploy(analysis={**ANALYSIS, "interval": "soon"})
    play.controller.tick(play.key)


def _invalid_under_way(play: Play) -> None:
    at_20(play)
    play.declare(analysis={**ANALYSIS, "interval": "soon"})
    play.controller.tick(play.key)


def _obstructed(play: Play) -> None:
    """Somebody else's older VirtualService has the host."""
    spec = {"hosts": [play.key[1]], "http": [{"route": [{"destination": {"host": "elsewhere"}}]}]}
    metadata = {"name": "theirs", "creationTimestamp": "2020-01-01T00:00:00Z"}
    play.controller.api.create(VIRTUAL_SERVICES, play.key[0], {"metadata": metadata, "spec": spec})
    play.deploy()
    play.controller.tick(play.key)


def _changed_at_rest(play: Play) -> None:
    """What is declared has changed a moment ago."""
    succeeded(play)
    play.declare(progressDeadlineSeconds=601)


Seen: TypeAlias = tuple[Status, str, str]
"""By kstatus, by Argo CD, and the reason of Ready."""
IN_PROGRESS, FAILED, CURRENT = Status.IN_PROGRESS, Status.FAILED, Status.CURRENT
SITUATIONS: Final[dict[str, tuple[Callable[[Play], None], Seen]]] = {
    "initialized": (new, (CURRENT, "Healthy", "Initialized")),
    "no target": (_without_target, (IN_PROGRESS, "Progressing", "TargetNotFound")),
    "gate before": (_at_gate("confirm-rollout", "Waiting"), (IN_PROGRESS, "Suspended", "Waiting")),
    "gate of a step": (_at_a_step, (IN_PROGRESS, "Suspended", "WaitingTrafficIncrease")),
    "gate after": (_at_gate("confirm-promotion", "WaitingPromotion"), (IN_PROGRESS, "Suspended", "WaitingPromotion")),
    "progressing": (at_20, (IN_PROGRESS, "Progressing", "Progressing")),
    "paused": (_paused, (IN_PROGRESS, "Suspended", "Paused")),
    "paused at rest": (_paused_at_rest, (IN_PROGRESS, "Suspended", "Paused")),
    "suspended": (_suspended, (IN_PROGRESS, "Suspended", "Suspended")),
    "suspended at rest": (_suspended_at_rest, (CURRENT, "Suspended", "Suspended")),
    "succeeded": (succeeded, (CURRENT, "Healthy", "Succeeded")),
    "failed": (_failed, (FAILED, "Degraded", "Failed")),
    "reverted": (_reverted, (CURRENT, "Healthy", "Reverted")),
    "aborted": (_aborted, (FAILED, "Degraded", "Failed")),
    "invalid": (_invalid, (FAILED, "Degraded", "InvalidSpec")),
    "invalid under way": (_invalid_under_way, (FAILED, "Degraded", "InvalidSpec")),
    "obstructed": (_obstructed, (FAILED, "Degraded", "VirtualServiceShadowed")),
    "changed at rest": (_changed_at_rest, (IN_PROGRESS, "Progressing", "Succeeded")),
}
