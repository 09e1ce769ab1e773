"""The process: caches that wake rollouts, workers that carry them on, and an orderly end."""

import socket
import threading
import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog
from kubernetes.client import Configuration

from canary_adapters.clock import SystemClock
from canary_adapters.controller.asking import PER_WORKER, Asking, Places
from canary_adapters.controller.assembly import Assembly
from canary_adapters.controller.crew import Crew
from canary_adapters.controller.election import Election, Fence
from canary_adapters.controller.http import StatusServer
from canary_adapters.controller.interests import Claims, Interests, Key
from canary_adapters.controller.options import Options
from canary_adapters.controller.queue import DueQueue
from canary_adapters.controller.reconciler import Reconciler
from canary_adapters.controller.registry import Registry
from canary_adapters.controller.wakeups import Wakeups
from canary_adapters.kubernetes.api import Api
from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.informers import Informers
from canary_adapters.kubernetes.resources import CANARIES, Obj, Resource
from canary_adapters.kubernetes.throttle import Throttle

if TYPE_CHECKING:
    from canary_adapters.controller.page import LivePage

__all__ = ["Controller"]

_log = structlog.get_logger("canary.controller")


class Controller:
    """Serves the canaries of a cluster, or of one namespace, until it is stopped."""

    def __init__(self, options: Options, configuration: Callable[[], Configuration]) -> None:
        """Makes one; `start` begins.

        Args:
            options: The flags.
            configuration: Makes a fresh configuration of the official client: one for each connection pool.

        Raises:
            OSError: The port of the page is taken.
        """
        self._options = options
        self._clock = SystemClock()
        self._fence = Fence() if options.leader_election else None
        throttle = Throttle(options.qps, options.burst)
        may_write = self._fence.check if self._fence is not None else lambda: None
        self._api = Api(configuration(), may_write=may_write, throttle=throttle.wait, connections=options.workers * 2)
        # Nobody waits for an event: a tick must not wait behind a thousand of them.
        self._telling = Api(configuration(), may_write=may_write, throttle=throttle.give_way, connections=1)
        # Leases and watches must not wait behind a thousand writes.
        registry = Registry.load()
        watched = registry.watched(tracks=options.objects.track_configs)
        self._watching = Api(configuration(), connections=len(watched))
        self._electing = Api(configuration(), connections=1) if options.leader_election else None
        self._queue: DueQueue[Key] = DueQueue()
        self._interests, self._claims = Interests(), Claims()
        self._informers = Informers(self._watching, watched, namespace=options.namespace, on_change=self._changed)
        cluster = Cluster(self._api, self._informers)
        self._assembly = Assembly(options, cluster, self._clock, registry, telling=self._telling)
        self._wakeups = Wakeups(
            self._informers,
            self._queue,
            self._interests,
            self._claims,
            self._assembly.digests,
            accepts=self._assembly.reader.accepts,
        )
        self._crew = Crew(self._queue, self._work, size=options.workers)
        self._places = Places(options.workers * PER_WORKER, wake=self._queue.add)
        asking = Asking(self._places, outside=self._crew.outside)
        self._reconciler = Reconciler(
            self._assembly, self._interests, self._claims, gather=asking.of, now_s=self._clock.now_s
        )
        self._show_sizes()
        self._election: Election | None = None
        self._page = _page(options, configuration, self._informers, self._clock)
        self._status: StatusServer | None = None
        self.ended = threading.Event()
        """Set when the process should end: it was stopped, or has lost the lease."""
        self.lost = False
        """Whether the lease was lost."""

    @property
    def port(self) -> int:
        """Where the status server listens."""
        return self._status.port if self._status is not None else 0

    def start(self) -> None:
        """Begin to watch, to answer probes, and, when we may, to act.

        Raises:
            OSError: The port is taken.
        """
        self._status = StatusServer(
            self._options.port, self._assembly.telemetry.registry, healthy=self._healthy, ready=self._ready
        )
        provider, served = self._options.mesh_provider, self._assembly.registry.served.providers
        if provider not in served:
            _log.warning("canaries that name no provider will be refused", mesh_provider=provider, served=served)
        if self._page is not None:
            self._page.start()
        self._informers.start()
        threading.Thread(target=self._begin, name="begin", daemon=True).start()

    def stop(self) -> None:
        """End in order: no new ticks, running ones are waited for, what is to be told is told, the lease is let go."""
        self.ended.set()
        self._queue.close()
        end = time.monotonic() + self._options.shutdown_s
        self._crew.join(self._options.shutdown_s)
        self._assembly.close(max(1.0, end - time.monotonic()))
        if self._election is not None:
            self._election.stop()
        self._assembly.telemetry.is_leader.set(0)
        self._informers.stop()
        if self._page is not None:
            self._page.stop()
        if self._status is not None:
            self._status.stop()
        for api in (self._api, self._telling, self._watching, self._electing):
            if api is not None:
                api.close()
        _log.info("stopped")

    # -- Beginning --------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        while not self._informers.wait(1.0):
            if self.ended.is_set():
                return
        _log.info("the caches are filled", canaries=len(self._informers.list(CANARIES)))
        if self._electing is None or self._fence is None:
            self._act()
            return
        self._election = Election(
            self._electing,
            namespace=self._options.namespace or self._options.leader_election_namespace,
            identity=f"{socket.gethostname()}_{uuid.uuid4()}",
            fence=self._fence,
            on_start=self._act,
            on_lost=self._lose,
            times=self._options.lease,
        )
        self._election.start()

    def _act(self) -> None:
        _log.info("working", workers=self._options.workers)
        self._assembly.telemetry.is_leader.set(1)
        self._crew.start()

    def _lose(self) -> None:
        _log.error("the lease is lost: ending")
        self.lost = True
        self._assembly.telemetry.is_leader.set(0)
        self._queue.close()
        self.ended.set()

    # -- Working ----------------------------------------------------------------------------------------------------

    def _changed(self, resource: Resource, obj: Obj) -> None:
        self._wakeups.changed(resource, obj)
        if self._page is not None:
            self._page.changed(resource, obj)

    def _work(self, key: Key, late_s: float) -> None:
        verdict = self._reconciler.attend(key)
        if verdict.result != "waiting":
            self._assembly.telemetry.ticked(verdict.result, late_s=late_s)
        self._queue.done(key, verdict.again_in_s)

    # -- Telling ----------------------------------------------------------------------------------------------------

    def _show_sizes(self) -> None:
        """Everything here that could grow, so that one can see that it does not."""
        telemetry = self._assembly.telemetry
        sizes: dict[str, Callable[[], int]] = {
            "due": lambda: len(self._queue),
            "worked on": lambda: self._queue.busy,
            "turned away": lambda: self._places.waiting,
        }
        telemetry.sized("canary_queued", "Canaries that have a time, a worker, or no place to ask.", sizes, "state")
        sizes = {"questions": lambda: self._places.open, "unseen writes": lambda: self._assembly.cluster.unseen}
        telemetry.sized("canary_open", "What is waited for: answers, and news of own writes.", sizes, "what")
        cached = {resource.plural: size for resource, size in self._informers.sizes.items()}
        telemetry.sized("canary_cached_objects", "Objects of the cluster in memory, by kind.", cached, "resource")

    # -- Probes -----------------------------------------------------------------------------------------------------

    def _healthy(self) -> bool:
        return self.ended.is_set() or (self._informers.alive and self._crew.is_alive)

    def _ready(self) -> bool:
        return self._informers.synced and not self.ended.is_set()


def _page(
    options: Options, configuration: Callable[[], Configuration], informers: Informers, clock: SystemClock
) -> "LivePage | None":
    """The live page, if it is wanted. What it needs is imported then: most controllers do without."""
    if not options.dashboard_port:
        return None
    from canary_adapters.controller.page import LivePage
    from canary_adapters.dashboard.serving import CONNECTIONS, KERNEL
    from canary_adapters.sockets import listen

    try:
        listener = listen("", options.dashboard_port, backlog=CONNECTIONS, kernel=KERNEL)
    except OSError as error:
        raise OSError(error.errno, error.strerror, "--dashboard-port") from error
    return LivePage(options, configuration, informers, listener, now_s=clock.now_s)
