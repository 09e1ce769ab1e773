"""Everything that was written in a namespace, moment by moment, and what must hold at each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

from attrs import frozen

from canary_sims.cluster import EmbeddedCluster, Event
from gitops.merging import Obj

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
        """Who wrote last to the object that this is about."""
        entries = self.event.obj["metadata"].get("managedFields") or [{}]
        return str(max(entries, key=lambda each: each.get("time", "")).get("manager", ""))

    def told(self) -> str:
        """For people: the write, and where the rollout stands."""
        canary = next((obj for (resource, _), obj in self.state.items() if resource == CANARIES), {})
        status = canary.get("status") or {}
        where = f"{status.get('phase')} {status.get('canaryWeight')}"
        return f"after {self.event.type} {self.event.store} {self.event.key[1]} by {self.writer} ({where})"


class History:
    """The writes in a cluster since a moment, none left out."""

    def __init__(self) -> None:
        self._events: list[Event] = []

    def moments(self, namespace: str) -> Iterator[Moment]:
        """Each write in a namespace; it must have been empty when this began."""
        state: State = {}
        for event in list(self._events):
            if event.key[0] != namespace:
                continue
            place = (event.store, event.key[1])
            if event.type == "DELETED":
                state.pop(place, None)
            else:
                state[place] = event.obj
            yield Moment(event, state)

    def __len__(self) -> int:
        return len(self._events)


@contextmanager
def recorded(cluster: EmbeddedCluster) -> Iterator[History]:
    """The history of a cluster from now on."""
    history = History()
    end = cluster.subscribe(history._events.append)
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
