"""Everything that was written in a namespace, moment by moment, and what must hold at each of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

from attrs import frozen

from canary_lab.cluster import EmbeddedCluster, Event
from delivery.merging import Obj
from laboratories.lab import PATIENCE_S

State: TypeAlias = dict[tuple[str, str], Obj]
"""The objects of a namespace, by resource ("apps/deployments") and name."""

PODS: Final = "core/pods"
SERVICES: Final = "core/services"
ROUTES: Final = "networking.istio.io/virtualservices"
CANARIES: Final = "flagger.app/canaries"
OURS: Final = "canary-core"
SETTLED: Final = frozenset({"Initialized", "Succeeded", "Failed"})


@frozen
class Moment:
    """What a namespace holds right after a write."""

    event: Event
    state: State
    """Changes with the next moment."""

    def get(self, resource: str, name: str) -> Obj | None:
        """An object."""
        return self.state.get((resource, name))

    @property
    def writer(self) -> str:
        """Who wrote: of the managers that the object tells of, the one that came, or got fields or a time.

        Times have seconds only; and who loses fields to the writer has another entry, too.
        """
        entries = self.event.obj["metadata"].get("managedFields") or []
        before = {
            _manager(each): each for each in (self.event.old or {"metadata": {}})["metadata"].get("managedFields", [])
        }
        for entry in entries:
            old = before.get(_manager(entry))
            if old is None or old.get("time") != entry.get("time") or len(str(entry)) > len(str(old)):
                return str(entry["manager"])
        return ""

    def told(self) -> str:
        """For people: the write, and where the rollout stands."""
        canary = next((obj for (resource, _), obj in self.state.items() if resource == CANARIES), {})
        status = canary.get("status") or {}
        where = f"{status.get('phase')} {status.get('canaryWeight')}"
        return f"after {self.event.type} {self.event.store} {self.event.key[1]} by {self.writer} ({where})"


def _manager(entry: Obj) -> tuple[str, str, str]:
    return entry["manager"], entry["operation"], entry.get("subresource", "")


class History:
    """The writes in a cluster since a moment, none left out. Written by the cluster's thread, read by any."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._came = threading.Condition()

    def add(self, event: Event) -> None:
        """One more write."""
        with self._came:
            self._events.append(event)
            self._came.notify_all()

    @property
    def events(self) -> list[Event]:
        """All writes so far, in all namespaces."""
        return list(self._events)

    def moments(self, namespace: str) -> Iterator[Moment]:
        """Each write in a namespace so far; it must have been empty when this began."""
        return _played(list(self._events), namespace, {})

    def until(self, namespace: str, true: Callable[[Moment], bool], seconds: float = PATIENCE_S) -> Moment:
        """Wait for something to be true right after a write in a namespace, unless it was already; return that moment.

        Raises:
            AssertionError: It was not for so long.
        """
        state: State = {}
        end = time.monotonic() + seconds
        done = 0
        moment: Moment | None = None
        while True:
            with self._came:
                left = end - time.monotonic()
                came = self._came.wait_for(lambda: len(self._events) > done, max(0.0, left))  # noqa: B023 - right now
                events = self._events[done:]
            done += len(events)
            for moment in _played(events, namespace, state):
                if true(moment):
                    return moment
            assert came, f"never became true: {true}; {moment.told() if moment else 'nothing was written'}"

    def until_phase(self, phase: str, name: str, namespace: str) -> Moment:
        """Wait for the first time that a Canary is in a phase."""
        return self.until(namespace, lambda moment: phase_of(moment, name) == phase)


def _played(events: Iterable[Event], namespace: str, state: State) -> Iterator[Moment]:
    for event in events:
        if event.key[0] != namespace:
            continue
        place = (event.store, event.key[1])
        if event.type == "DELETED":
            state.pop(place, None)
        else:
            state[place] = event.obj
        yield Moment(event, state)


@contextmanager
def recorded(cluster: EmbeddedCluster) -> Iterator[History]:
    """The history of a cluster from now on."""
    history = History()
    end = cluster.subscribe(history.add)
    yield history
    end()


Law: TypeAlias = Callable[[Moment, str], str]
"""What is wrong at a moment with the app of this name; empty if nothing is."""


def broken(moments: Iterable[Moment], name: str, *laws: Law) -> list[str]:
    """All that is wrong at any moment."""
    found = []
    for moment in moments:
        found += [f"{what} {moment.told()}" for what in (law(moment, name) for law in laws) if what]
    return found


def weights_of(moment: Moment, name: str) -> dict[str, int]:
    """The split that is in force, by the Service that it goes to."""
    routes = moment.get(ROUTES, name)
    if routes is None:
        return {}
    return {each["destination"]["host"]: each["weight"] for each in routes["spec"]["http"][-1]["route"]}


def phase_of(moment: Moment, name: str) -> str:
    """The phase of the Canary; empty before there is one."""
    return str(((moment.get(CANARIES, name) or {}).get("status") or {}).get("phase", ""))


def ready_pods(moment: Moment, selector: dict[str, str]) -> int:
    """Pods that a Service with this selector reaches."""
    found = 0
    for (resource, _), pod in moment.state.items():
        labels = pod["metadata"].get("labels") or {}
        if resource == PODS and selector.items() <= labels.items() and not pod["metadata"].get("deletionTimestamp"):
            conditions = (pod.get("status") or {}).get("conditions") or ()
            found += any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return found


def weights_sum_to_100(moment: Moment, name: str) -> str:
    """Every request goes somewhere."""
    weights = weights_of(moment, name)
    return "" if not weights or sum(weights.values()) == 100 else f"weights are {weights}"


def traffic_meets_pods(moment: Moment, name: str) -> str:
    """No weight on a Service without a ready pod behind it."""
    for host, weight in weights_of(moment, name).items():
        service = moment.get(SERVICES, host)
        selector: dict[str, str] = (service or {"spec": {}})["spec"].get("selector") or {}
        if weight > 0 and not ready_pods(moment, selector):
            return f"{weight} % go to {host}, where nobody is ready"
    return ""


def apex_is_with_primary(moment: Moment, name: str) -> str:
    """Who does not come through the mesh reaches the primary, once there is one in operation."""
    service = moment.get(SERVICES, name)
    if service is None or phase_of(moment, name) in {"", "Initializing"}:
        return ""
    selector = service["spec"].get("selector") or {}
    return "" if all(value.endswith("-primary") for value in selector.values()) else f"the apex selects {selector}"


TRAFFIC_LAWS: Final[tuple[Law, ...]] = (weights_sum_to_100, traffic_meets_pods, apex_is_with_primary)


def live_objects(moment: Moment) -> Iterator[Obj]:
    """What a namespace holds."""
    return iter(moment.state.values())


def steps_while(moments: Iterable[Moment], name: str, law: Law) -> list[str]:
    """Where a rollout took a second step, phase or weight, although a law was broken.

    The first one may have been decided before the law was broken, and stored right after it.
    """
    found: list[str] = []
    before: Any = None
    steps = 0
    bad = False
    for moment in moments:
        status = (moment.get(CANARIES, name) or {}).get("status") or {}
        now = (status.get("phase"), status.get("canaryWeight"))
        if bad and before != now and now[0] not in SETTLED:
            steps += 1
            if steps > 1:
                found.append(f"from {before} to {now} {moment.told()}")
        before, bad = now, bool(law(moment, name))
        steps = steps if bad else 0
    return found
