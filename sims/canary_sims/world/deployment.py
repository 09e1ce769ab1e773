"""A Deployment in memory: just enough of a rolling update to be waited for."""

from attrs import define, evolve, field, frozen

from canary_core import Workload

__all__ = ["Deployment", "Version"]


@frozen(kw_only=True)
class Version:
    """How a revision of the app behaves."""

    revision: str
    error_rate: float = 0.0
    """Share of requests that are answered with a server error, 0-1."""
    latency_ms: float = 20.0
    """99th percentile of the time to answer."""
    ready_after_s: float | None = 5.0
    """From a pod's start to its readiness. None: never ready."""


@define(kw_only=True)
class Deployment:
    """Pods of one template, and those of the one before that go on until the new ones are ready."""

    version: Version
    replicas: int
    changed_s: float
    """When the template, or the number of pods from zero, last changed."""
    deadline_s: float = 600.0
    """The Deployment's own progress deadline."""
    source: str | None = None
    """Of a primary: fingerprint of the target that it was made from."""
    old: Version | None = None
    """What ran, available, when the template changed."""
    crashing: bool = field(default=False)
    """All pods crash, whatever their version."""
    reachable: bool = True
    """Whether its Service leads to its pods."""
    rigid: bool = False
    """Of a primary: whether its template cannot be changed in place."""
    written: Version | None = None
    """Of a primary: what it ran before somebody edited its template. None: nobody has."""
    fewer: int | None = None
    """While an autoscaler's additional pods start: how many there were before."""
    grown_s: float = 0.0
    """When those began to start."""
    wishes: tuple[tuple[float, int], ...] = ()
    """What its autoscaler has wanted of late, and when."""

    def update(self, version: Version, now_s: float) -> None:
        """Roll to another version. Pods that are available now stay until the new ones are ready."""
        self.written = None
        if version.revision == self.version.revision:
            return
        self.old = self.running(now_s)
        self.version = version
        self.changed_s = now_s
        self.fewer = None

    def edit(self, version: Version, now_s: float) -> None:
        """Somebody edits the template by hand."""
        written = self.written or self.version
        self.update(version, now_s)
        self.written = written

    def restore(self, now_s: float) -> None:
        """Roll back to what was written, if somebody has edited it."""
        if self.written is not None:
            self.update(self.written, now_s)

    def scale(self, replicas: int, now_s: float) -> None:
        """Ask for another number of pods. From zero, they have to start first."""
        if self.replicas == 0 and replicas > 0:
            self.changed_s, self.old = now_s, None
        if replicas == 0:
            self.old = None
        self.replicas = replicas
        self.fewer = None

    def autoscale(self, replicas: int, now_s: float) -> None:
        """Ask for another number of pods, neither from nor to none. Additional ones have to start first."""
        ready = self._ready(now_s)
        if replicas > self.replicas:
            self.fewer, self.grown_s = ready, now_s
        elif replicas <= ready:
            self.fewer = None
        self.replicas = replicas

    def settle(self, now_s: float) -> None:
        """Forget how pods have come, once they are there."""
        if self.fewer is not None and self._ready(now_s) == self.replicas:
            self.fewer, self.grown_s = None, 0.0

    def _ready(self, now_s: float) -> int:
        """How many pods are there for long enough, if any can be ready at all."""
        after = self.version.ready_after_s
        growing = self.fewer is not None and (after is None or now_s - self.grown_s < after)
        return self.fewer if self.fewer is not None and growing else self.replicas

    def available(self, now_s: float) -> int:
        """How many pods answer requests."""
        if self.serving(now_s) is None:
            return 0
        return self._ready(now_s) if self.is_up(now_s) else self.replicas

    def is_up(self, now_s: float) -> bool:
        """Whether pods of the newest template are ready."""
        after = self.version.ready_after_s
        return not self.crashing and self.replicas > 0 and after is not None and now_s - self.changed_s >= after

    def serving(self, now_s: float) -> Version | None:
        """The version that answers requests. None: nobody does."""
        return self.running(now_s) if self.reachable else None

    def running(self, now_s: float) -> Version | None:
        """The version whose pods are ready, whether a Service leads to them or not. None: no pod is."""
        if self.crashing or self.replicas == 0:
            return None
        return self.version if self.is_up(now_s) else self.old

    def observe(self, now_s: float, revision: str | None) -> Workload:
        """As its status, and its Service, would tell it."""
        edited = self.written is not None
        return evolve(self._status(now_s, revision), reachable=self.reachable, rigid=self.rigid, edited=edited)

    def _status(self, now_s: float, revision: str | None) -> Workload:
        asked = self.replicas
        if asked == 0:
            return Workload(revision=revision)
        if self.is_up(now_s):
            ready = self._ready(now_s)
            return Workload(revision=revision, replicas=asked, updated=asked, total=asked, available=ready)
        late = now_s - self.changed_s > self.deadline_s and not self.crashing
        if self.crashing or self.old is None:
            return Workload(revision=revision, replicas=asked, updated=asked, total=asked, stalled=late)
        return Workload(revision=revision, replicas=asked, updated=1, total=asked + 1, available=asked, stalled=late)
