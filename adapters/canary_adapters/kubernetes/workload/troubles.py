"""Why pods do not run, as they say themselves: crash loops, images that cannot be pulled, no node that has room.

A Deployment says how many of its pods are ready, and not why the others are not. Pods are not watched, for there are
many of them and hardly anybody needs to know: they are listed only while a workload has not been ready for some time, a
page of them, and a few times.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

import structlog
from attrs import evolve, frozen

from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.resources import PODS, Obj
from canary_core import Trouble, Workload
from canary_ports import Clock, PortError, RefusedError

__all__ = ["Troubles", "trouble_of"]

FIRST_S: Final = 10.0
"""A pod that starts is none in trouble. The second look comes 20 s after the first one, the third one after 40 s."""
LOOKS: Final = 5
"""At the pods of one revision, within five minutes in all: what is settled must not cost a request for ever."""
FORBIDDEN_S: Final = 600.0
"""Whoever may not list pods is not asked again at once."""
MOST: Final = 50
"""Pods that are looked at: those in trouble are alike."""
_LONGEST: Final = 160
_REMEMBERED: Final = 4096
_WORDS: Final[Mapping[str, str]] = {
    "CrashLoopBackOff": "CrashLoopBackOff",
    "ImagePullBackOff": "ImagePullBackOff",
    "ErrImagePull": "ImagePullBackOff",
    "ErrImageNeverPull": "ImagePullBackOff",
    "InvalidImageName": "ImagePullBackOff",
    "RegistryUnavailable": "ImagePullBackOff",
    "CreateContainerConfigError": "CreateContainerConfigError",
    "CreateContainerError": "CreateContainerError",
    "RunContainerError": "RunContainerError",
}
"""What a container may wait for that will not come by itself, and how it is called here: one that comes and goes with
another is called the same, so that people are told once."""
REASONS: Final = (*dict.fromkeys(_WORDS.values()), "Unschedulable", "FailedCreate")
"""All that may be said, the worst first."""
_log = structlog.get_logger("canary.workload")


def trouble_of(deployment: Obj, pods: Iterable[Obj]) -> Trouble | None:
    """The worst that keeps the pods of a Deployment from running; of what is equally bad, the first by name."""
    found = [*_of_pods(pods), *_of_deployment(deployment)]
    return min(found, key=lambda trouble: (REASONS.index(trouble.reason), trouble.message), default=None)


def _of_pods(pods: Iterable[Obj]) -> Iterator[Trouble]:
    for pod in pods:
        name, status = pod["metadata"]["name"], _mapping(pod.get("status"))
        for part in ("initContainerStatuses", "containerStatuses"):
            for container in _list(status.get(part)):
                yield from _of_container(name, container)
        for condition in _list(status.get("conditions")):
            if condition.get("type") == "PodScheduled" and condition.get("reason") == "Unschedulable":
                yield Trouble(reason="Unschedulable", message=f"pod {name}: {_short(condition.get('message'))}")


def _of_container(pod: str, container: Mapping[str, Any]) -> Iterator[Trouble]:
    waiting = _mapping(_mapping(container.get("state")).get("waiting"))
    word = _WORDS.get(str(waiting.get("reason")))
    if word is None:
        return
    where = f"container {container.get('name')} of pod {pod}"
    if word == "CrashLoopBackOff":
        last = _mapping(_mapping(container.get("lastState")).get("terminated"))
        code, why = last.get("exitCode"), last.get("reason")
        ended = "" if code is None else f" with exit code {code}"
        named = f" ({why})" if why and why != "Error" else ""
        restarts = container.get("restartCount") or 0
        yield Trouble(reason=word, message=f"{where} ended{ended}{named}, restarted {restarts} times")
    elif word == "ImagePullBackOff":
        yield Trouble(reason=word, message=f"{where}: image {_short(container.get('image'))} cannot be pulled")
    else:
        yield Trouble(reason=word, message=f"{where}: {_short(waiting.get('message') or waiting.get('reason'))}")


def _of_deployment(deployment: Obj) -> Iterator[Trouble]:
    """Quotas and policies keep pods from being made at all."""
    for condition in _list(_mapping(deployment.get("status")).get("conditions")):
        if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
            yield Trouble(reason="FailedCreate", message=_short(condition.get("message")))


def _short(text: object) -> str:
    """On one line."""
    words = " ".join(str(text or "").split())
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]}..."


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


_Place: TypeAlias = tuple[str, str]


@frozen(kw_only=True)
class _Watch:
    """A workload that is not ready, and what is known of it."""

    generation: object
    next_s: float
    """When its pods are looked at next."""
    looks: int = 0
    trouble: Trouble | None = None


class Troubles:
    """Looks for them. One for all canaries; safe for many threads."""

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        """Makes one.

        Args:
            cluster: Lists pods.
            clock: For how long a workload has not been ready.
        """
        self._cluster, self._clock = cluster, clock
        self._lock = threading.Lock()
        self._watches: OrderedDict[_Place, _Watch] = OrderedDict()
        self._not_before_s = float("-inf")

    def explained(self, deployment: Obj, workload: Workload) -> Workload:
        """A workload with what keeps its pods from running, if it has not been ready for some time."""
        place = (deployment["metadata"]["namespace"], deployment["metadata"]["name"])
        if workload.all_ready or workload.replicas == 0:
            with self._lock:
                self._watches.pop(place, None)
            return workload
        found = self._trouble(place, deployment)
        return workload if found is None else evolve(workload, trouble=found)

    def _trouble(self, place: _Place, deployment: Obj) -> Trouble | None:
        now_s, generation = self._clock.now_s(), deployment["metadata"].get("generation")
        with self._lock:
            known = self._watches.get(place)
            if known is None or known.generation != generation:
                known = _Watch(generation=generation, next_s=now_s + FIRST_S)
            asks = known.looks < LOOKS and now_s >= max(known.next_s, self._not_before_s)
            if asks:
                looks = known.looks + 1
                known = evolve(known, looks=looks, next_s=now_s + FIRST_S * 2.0**looks)
            self._remember(place, known)
        if asks:
            known = evolve(known, trouble=trouble_of(deployment, self._pods(deployment)))
            with self._lock:
                self._remember(place, known)
        return known.trouble

    def _remember(self, place: _Place, watch: _Watch) -> None:
        self._watches[place] = watch
        self._watches.move_to_end(place)
        if len(self._watches) > _REMEMBERED:
            self._watches.popitem(last=False)

    def _pods(self, deployment: Obj) -> list[Obj]:
        """Those that it selects. None, if nobody can be asked: what people are told is no reason to stop."""
        labels = _mapping(_mapping(deployment["spec"].get("selector")).get("matchLabels"))
        selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
        namespace = deployment["metadata"]["namespace"]
        try:
            return self._cluster.api.list(PODS, namespace, label_selector=selector, most=MOST).items
        except RefusedError as error:
            _log.info("pods cannot be listed, so nobody is told why they do not run", error=error.message)
            self._not_before_s = self._clock.now_s() + FORBIDDEN_S
        except PortError as error:
            _log.debug("pods could not be listed", error=str(error))
        return []
