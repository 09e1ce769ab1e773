"""The story of the waves: a good version passes through all clusters, a bad one stops in the first."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from contextlib import ExitStack
from typing import Any, Final, TypeAlias

from attrs import define, field, frozen

from canary_lab.demo.fault import Fault
from canary_lab.demo.story import deliver_application, deliver_version, until_meshed
from canary_lab.demo.view import NAME, NAMESPACE, Observer
from canary_lab.fleet import BundleState, Member, Partition, Strategy, judged, to_update
from canary_lab.mesh.laptop import Laptop
from canary_lab.mesh.load import Load
from canary_lab.mesh.processes import CommandError

__all__ = ["LABEL", "STRATEGY", "Lane", "Outcome", "ShowWaves", "Waves", "WavesView"]

LABEL: Final = "wave"
"""Label of clusters."""
STRATEGY: Final = Strategy(
    max_unavailable=1,
    partitions=(
        Partition(name="pilot", labels={LABEL: "pilot"}),
        Partition(name="rest", labels={LABEL: "rest"}),
    ),
)
"""That of examples/fleet/waves."""
_LOOK_S: Final = 0.5
_SEEN_AFTER_S: Final = 3.0
"""Before that, a Canary may tell of the rollout before. Fleet, too, needs some seconds to see a change."""
_STILL_S: Final = 8.0
"""For how long it is shown that nothing more happens."""
_LONGEST_S: Final = 200.0


@frozen(kw_only=True)
class Lane:
    """A cluster, as it is shown."""

    name: str
    wave: str
    bundle: BundleState
    version: str
    """That it was given last."""
    waits: bool
    """Whether there is a newer one."""
    phase: str
    weight: int
    requests: int
    failures: int


@frozen(kw_only=True)
class WavesView:
    """All clusters at one moment."""

    elapsed_s: float
    chapter: str
    lanes: tuple[Lane, ...]


ShowWaves: TypeAlias = Callable[[WavesView], object]


@frozen(kw_only=True)
class Outcome:
    """How it all went."""

    good: Mapping[str, float]
    """After how many seconds each cluster was ready with the good version, in the order in which they were."""
    stopped_in: tuple[str, ...]
    """Clusters in which the bad version arrived."""
    lanes: tuple[Lane, ...]
    """All clusters at the end, the pilot first."""

    @property
    def ok(self) -> bool:
        """Whether the good version has passed through all, one by one, and the bad one has stopped in the first."""
        names, times = [lane.name for lane in self.lanes], [*self.good.values()]
        passed = [*self.good] == names and times == sorted(times)
        return passed and self.stopped_in == (names[0],) and all(lane.bundle.is_ready for lane in self.lanes)


@define
class _Cluster:
    """A cluster, and what the stand-in for Fleet knows of it."""

    name: str
    wave: str
    laptop: Laptop
    observer: Observer
    version: str = "v1"
    given_s: float = 0.0
    object: dict[str, Any] = field(factory=dict)

    def member(self, newest: str) -> Member:
        """It, for whoever decides what comes next."""
        state = judged(self.object or None)
        known = time.monotonic() - self.given_s >= _SEEN_AFTER_S
        labels = {LABEL: self.wave}
        return Member(name=self.name, labels=labels, is_new=self.version == newest, is_ready=state.is_ready and known)


class Waves:
    """Plays on laptops that run already, each of which is a cluster."""

    def __init__(
        self, laptops: Mapping[str, Laptop], *, fault: Fault, rate: float, interval_s: int, show: ShowWaves
    ) -> None:
        """Makes one.

        Args:
            laptops: By name; the first in the order of names is the pilot. All but the controllers runs.
            fault: What is wrong with the bad version.
            rate: Requests of users a second, in each cluster.
            interval_s: Between two looks of the controllers.
            show: Draws.
        """
        self._fault, self._rate, self._interval_s, self._show = fault, rate, interval_s, show
        names = sorted(laptops)
        self._clusters = [
            _Cluster(name, "rest" if number else "pilot", laptops[name], Observer(laptops[name]))
            for number, name in enumerate(names)
        ]
        self._newest = "v1"
        self._began_s = time.monotonic()

    def play(self, pool: Executor) -> Outcome:
        """Deliver the application everywhere, then two versions by waves, then take the bad one back.

        Args:
            pool: Starts the controllers, which end with its threads.

        Raises:
            CommandError: Something does not come up, or does not come to an end.
        """
        try:
            list(pool.map(lambda each: deliver_application(each.laptop, self._interval_s), self._clusters))
            self._until("The application is delivered everywhere", self._all_ready, "it is not initialised everywhere")
            with ExitStack() as stack:
                for each in self._clusters:
                    until_meshed(each.laptop)
                    url, proxy = f"http://{NAME}.{NAMESPACE}:8080/", each.laptop.addresses.proxies[NAMESPACE]
                    each.observer.users = stack.enter_context(Load(url, proxy=proxy, rate=self._rate))
                return self._play()
        finally:
            for each in self._clusters:
                each.observer.close()

    def _play(self) -> Outcome:
        good = self._good()
        self._newest = "v3"
        fault = {self._fault.variable: self._fault.value}
        told = f"v3 is committed: it {self._fault.told}"
        self._until(told, self._any_error, "v3 does not fail", fault)
        self._for(_STILL_S, "v3 has failed in the first cluster, and goes no further", fault)
        stopped = tuple(each.name for each in self._clusters if each.version == "v3")
        self._newest = "v2"
        self._until("The commit is reverted", self._all_ready, "it is not taken back")
        return Outcome(good=good, stopped_in=stopped, lanes=self._look("").lanes)

    def _good(self) -> dict[str, float]:
        self._newest, began_s, ready = "v2", time.monotonic(), dict[str, float]()

        def all_ready() -> bool:
            for each in self._clusters:
                member = each.member("v2")
                if member.is_new and member.is_ready:
                    ready.setdefault(each.name, time.monotonic() - began_s)
            return len(ready) == len(self._clusters)

        self._until("v2 is committed: a good one", all_ready, "v2 does not reach all clusters")
        return ready

    # -- The stand-in for Fleet -------------------------------------------------------------------------------------

    def _deliver(self, environment: Mapping[str, str]) -> None:
        """Give the newest version to whom it is due by now."""
        due = to_update(STRATEGY, [each.member(self._newest) for each in self._clusters])
        for each in self._clusters:
            if each.name in due:
                deliver_version(each.laptop, self._newest, environment)
                each.version, each.given_s = self._newest, time.monotonic()

    def _all_ready(self) -> bool:
        members = [each.member(self._newest) for each in self._clusters]
        return all(each.is_new and each.is_ready for each in members)

    def _any_error(self) -> bool:
        return any(judged(each.object or None).is_error for each in self._clusters if each.version == self._newest)

    # -- Showing ----------------------------------------------------------------------------------------------------

    def _until(
        self, chapter: str, ended: Callable[[], bool], wrong: str, environment: Mapping[str, str] | None = None
    ) -> None:
        end = time.monotonic() + _LONGEST_S
        while time.monotonic() < end:
            self._step(chapter, environment or {})
            if ended():
                return
            time.sleep(_LOOK_S)
        raise CommandError(wrong)

    def _for(self, seconds: float, chapter: str, environment: Mapping[str, str]) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._step(chapter, environment)
            time.sleep(_LOOK_S)

    def _step(self, chapter: str, environment: Mapping[str, str]) -> None:
        view = self._look(chapter)
        self._deliver(environment)
        self._show(view)

    def _look(self, chapter: str) -> WavesView:
        return WavesView(
            elapsed_s=time.monotonic() - self._began_s,
            chapter=chapter,
            lanes=tuple(self._lane(each) for each in self._clusters),
        )

    def _lane(self, each: _Cluster) -> Lane:
        each.object = each.observer.canary() or each.object
        requests, failures = each.observer.counted()
        status = each.object.get("status") or {}
        return Lane(
            name=each.name,
            wave=each.wave,
            bundle=judged(each.object or None),
            version=each.version,
            waits=each.version != self._newest,
            phase=status.get("phase") or "",
            weight=int(status.get("canaryWeight") or 0),
            requests=requests,
            failures=failures,
        )
