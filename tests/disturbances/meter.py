"""What users lose, added up: a pure tally, and the thread that looks again and again."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Final

from attrs import define, field

from canary_adapters.istio.resources import VIRTUAL_SERVICES
from canary_adapters.kubernetes.informers import Informers
from canary_adapters.kubernetes.resources import SERVICES
from canary_lab.mesh.snapshot import PODS
from disturbances.routing import NOBODY, Obj, Objects, Request, shares

__all__ = ["EVERY_S", "Meter", "Tally"]

EVERY_S: Final = 0.2
"""Between two looks."""


@define
class Tally:
    """What came of looks at one host; each counts until the next one."""

    shares: dict[str, float] = field(factory=dict)
    """As last seen; see `routing.shares`."""
    lost: float = 0.0
    """Percent-seconds: a second in which nobody is reached is 100 of them."""
    longest_s: float = 0.0
    """The longest time without a break in which requests were lost."""
    looks: int = 0
    _begun_s: float = 0.0
    """When what is seen now, a loss or none, was seen first."""
    _last_s: float = 0.0

    @property
    def losing(self) -> float:
        """The share that is lost, as last seen."""
        return self.shares.get(NOBODY, 0.0)

    @property
    def quiet_s(self) -> float:
        """For how long nothing has been lost."""
        return self._last_s - self._begun_s if self.looks and not self.losing else 0.0

    def saw(self, shares: dict[str, float], now_s: float) -> None:
        """A look.

        Args:
            shares: What was seen.
            now_s: When, in seconds of a clock that never steps back.
        """
        was, is_first = self.losing, self.looks == 0
        if was and not is_first:
            self.lost += was * (now_s - self._last_s)
            self.longest_s = max(self.longest_s, now_s - self._begun_s)
        self.shares, self._last_s, self.looks = shares, now_s, self.looks + 1
        if is_first or bool(was) != bool(self.losing):
            self._begun_s = now_s


class Meter(threading.Thread):
    """Looks at all hosts that it is given, from caches, until it is stopped."""

    def __init__(self, caches: Informers) -> None:
        """Makes one; `start` begins.

        Args:
            caches: They have Pods, Services and VirtualServices.
        """
        super().__init__(name="meter", daemon=True)
        self._caches, self._ended = caches, threading.Event()
        self._lock = threading.Lock()
        self._watched: dict[str, tuple[Callable[[], Request], Tally]] = {}
        self.seconds = 0.0
        """Seconds for which it has looked. They stand still while looks are late: so is what people wait for."""

    def watch(self, namespace: str, request: Callable[[], Request]) -> Tally:
        """Look at what becomes of a request from now on.

        Args:
            namespace: Where it is made.
            request: Asked at each look.
        """
        tally = Tally()
        with self._lock:
            self._watched[namespace] = request, tally
        return tally

    def forget(self, namespace: str) -> None:
        """Look no more."""
        with self._lock:
            self._watched.pop(namespace, None)

    def stop(self) -> None:
        """End it."""
        self._ended.set()
        self.join()

    def run(self) -> None:
        """Until it is stopped."""
        due_s = time.monotonic()
        while not self._ended.wait(max(0.0, due_s - time.monotonic())):
            with self._lock:
                watched = dict(self._watched)
            now_s = time.monotonic()
            due_s = now_s + EVERY_S
            self.seconds += EVERY_S
            kinds = [_by_namespace(self._caches.list(kind)) for kind in (SERVICES, PODS, VIRTUAL_SERVICES)]
            for namespace, (request, tally) in watched.items():
                services, pods, routes = (kind.get(namespace, []) for kind in kinds)
                objects = Objects(namespace=namespace, services=services, pods=pods, virtual_services=routes)
                tally.saw(shares(objects, request()), now_s)


def _by_namespace(objects: list[Obj]) -> dict[str, list[Obj]]:
    found: defaultdict[str, list[Obj]] = defaultdict(list)
    for each in objects:
        found[each["metadata"]["namespace"]].append(each)
    return found
