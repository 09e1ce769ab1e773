"""Who acts, of several replicas: leader election of the official client over a Lease, and a fence before each write.

The client's election decides when to try; the lock here talks to the API server in raw JSON, remembers until when the
lease is certainly ours, and lets go of it at the end.
"""

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from attrs import frozen
from kubernetes.client.exceptions import ApiException
from kubernetes.leaderelection.electionconfig import Config
from kubernetes.leaderelection.leaderelection import LeaderElection
from kubernetes.leaderelection.leaderelectionrecord import LeaderElectionRecord

from canary_adapters.kubernetes.api import Api
from canary_adapters.kubernetes.resources import LEASES, Obj
from canary_ports import ConflictError, PortError, UnavailableError

__all__ = ["Election", "Fence", "LeaseTimes", "NotLeaderError"]

LEASE_NAME: Final = "flagger-leader-election"
"""As with Flagger, so that the two never act at the same time while one takes over from the other."""
MARGIN: Final = 0.1
"""Share of the lease that is not used: a write that is sent must have arrived before it ends."""
_LONGEST_S: Final = 600
"""Another holder's lease is not believed to last longer, whatever it says."""
_log = structlog.get_logger("canary.election")


class NotLeaderError(UnavailableError):
    """Somebody else may be the leader by now: nothing was sent."""


@frozen(kw_only=True)
class LeaseTimes:
    """Times of the election, whole seconds: duration > deadline > 1.2 x retry >= 1.2."""

    duration_s: int = 60
    """For how long others leave a lease alone that is not renewed."""
    deadline_s: int = 15
    """For how long a leader tries to renew it before it gives up."""
    retry_s: int = 5
    """Time between two attempts."""

    @classmethod
    def of(cls, duration_s: int) -> "LeaseTimes":
        """Times in Flagger's proportions for a lease of this length, at least 3 s."""
        retry_s = max(1, duration_s // 12)
        return cls(duration_s=duration_s, deadline_s=max(2, duration_s // 4, 2 * retry_s), retry_s=retry_s)


def _awake_or_asleep() -> float:
    """A clock that also counts while the machine is suspended, where the system has one."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Fence:
    """Says before each write whether the lease is certainly still ours.

    It counts from before the request that renewed the lease was sent, on a clock that goes on while the process is
    stopped, so a process that slept through its lease finds the fence closed.
    """

    def __init__(self, clock: Callable[[], float] = _awake_or_asleep) -> None:
        """Makes a closed one.

        Args:
            clock: Seconds that never step back and never stand still.
        """
        self.clock = clock
        self._until = 0.0

    def open_until(self, until: float) -> None:
        """The lease is ours until then, on `clock`."""
        self._until = until

    def close(self) -> None:
        """The lease is not ours (any more)."""
        self._until = 0.0

    @property
    def is_open(self) -> bool:
        """Whether writing is safe."""
        return self.clock() < self._until

    def check(self) -> None:
        """Let a write pass.

        Raises:
            NotLeaderError: It must not be made.
        """
        if not self.is_open:
            raise NotLeaderError("not the leader: the lease has not been renewed in time")


class _StoppedError(Exception):
    """Takes the election out of its loop."""


class Election:
    """Takes part in the election until it is stopped or the lease is lost."""

    def __init__(
        self,
        api: Api,
        *,
        namespace: str,
        identity: str,
        fence: Fence,
        on_start: Callable[[], None],
        on_lost: Callable[[], None],
        name: str = LEASE_NAME,
        times: LeaseTimes | None = None,
    ) -> None:
        """Makes one; `start` begins it.

        Args:
            api: A way to the API server of its own, that no other traffic holds up and no fence closes.
            namespace: Where the Lease is.
            identity: Who we are; unique.
            fence: Kept open while we lead.
            on_start: Called once when we lead, in a thread of its own.
            on_lost: Called when we have led and do no longer; the process should end.
            name: Of the Lease.
            times: Flagger's by default.
        """
        self._times = times or LeaseTimes()
        self._lock = _LeaseLock(api, name, namespace, identity, fence, self._times)
        self._on_start, self._on_lost = on_start, on_lost
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, in the background."""
        self._thread = threading.Thread(target=self._run, name="election", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, and let go of the lease, so that somebody else can lead at once."""
        self._lock.stopped.set()
        self._lock.release()

    def _run(self) -> None:
        times = self._times
        config: Any = Config(self._lock, times.duration_s, times.deadline_s, times.retry_s, self._on_start, self._lost)
        election: Any = LeaderElection(config)
        try:
            election.run()
        except _StoppedError:
            return
        except Exception:  # noqa: BLE001 - whatever it was
            # Nobody would ever act here any more, nor would anybody be told: better an end and a fresh start.
            _log.exception("the election has failed")
            self._lost()

    def _lost(self) -> None:
        if not self._lock.stopped.is_set():
            self._on_lost()


class _LeaseLock:
    """The lock that the official client's election asks for: get, create, update."""

    def __init__(self, api: Api, name: str, namespace: str, identity: str, fence: Fence, times: LeaseTimes) -> None:
        self.name, self.namespace, self.identity = name, namespace, identity
        self.stopped = threading.Event()
        self._api, self._fence, self._times = api, fence, times
        self._lease: Obj | None = None
        self._held = False
        self._version, self._seen = "", 0.0
        """The version of the Lease that was seen last, and when it was seen first, on the clock of the fence."""
        self._writing = threading.Lock()
        """So that the end does not meet a renewal half-way."""

    def get(self, name: str, namespace: str) -> tuple[bool, Any]:
        """The record in the Lease, or (False, error) as the election wants it."""
        if self.stopped.is_set():
            raise _StoppedError
        try:
            lease = self._api.read(LEASES, namespace, name)
        except PortError as error:
            _log.warning("cannot read the lease", error=str(error))
            return False, _failure(503, str(error))
        if lease is None:
            return False, _failure(404, "not found")
        self._lease = lease
        if lease["metadata"]["resourceVersion"] != self._version:
            self._version, self._seen = lease["metadata"]["resourceVersion"], self._fence.clock()
        spec = _spec_of(lease)
        if spec.get("holderIdentity") != self.identity:
            self._fence.close()  # also before its time: somebody's clock, or a person, may have moved the lease
        return True, _record(spec)

    def create(self, name: str, namespace: str, election_record: Any) -> bool:  # noqa: ARG002 - the election's signature
        """Make the Lease, held by us."""
        return self._hold(
            lambda: self._api.create(LEASES, namespace, {"metadata": {"name": name}, "spec": self._spec({})})
        )

    def update(self, name: str, namespace: str, updated_record: Any) -> bool:  # noqa: ARG002
        """Renew or take over the Lease, if nobody else has since it was read."""
        lease = self._lease
        if lease is None or not self._may_take(_spec_of(lease)):
            return False
        return self._hold(lambda: self._api.replace(LEASES, {**lease, "spec": self._spec(_spec_of(lease))}))

    def release(self) -> None:
        """Let go, if it is held."""
        with self._writing:
            self._fence.close()
            lease = self._lease
            if lease is None or not self._held:
                return
            spec = {**_spec_of(lease), "holderIdentity": "", "leaseDurationSeconds": 1}
            try:
                self._lease = self._api.replace(LEASES, {**lease, "spec": spec})
            except PortError as error:
                _log.info("the lease could not be released", error=str(error))

    def _may_take(self, spec: Obj) -> bool:
        """Whether a lease is ours or over. The election reckons with wall-clock time, which may jump; this does not."""
        holder = spec.get("holderIdentity")
        if not holder or holder == self.identity:
            return True
        declared_s = min(_LONGEST_S, _whole(spec.get("leaseDurationSeconds")))
        return self._fence.clock() >= self._seen + max(self._times.duration_s, declared_s)

    def _hold(self, write: Callable[[], Obj]) -> bool:
        with self._writing:
            if self.stopped.is_set():
                raise _StoppedError
            return self._written(write)

    def _written(self, write: Callable[[], Obj]) -> bool:
        sent = self._fence.clock()
        try:
            self._lease = write()
        except ConflictError:
            return False
        except PortError as error:
            _log.warning("cannot write the lease", error=str(error))
            return False
        self._held = True
        self._fence.open_until(sent + self._times.duration_s * (1 - MARGIN))
        return True

    def _spec(self, old: Obj) -> Obj:
        now = datetime.fromtimestamp(time.time(), UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        ours = old.get("holderIdentity") == self.identity
        turns = _whole(old.get("leaseTransitions"))
        return {
            **old,
            "holderIdentity": self.identity,
            "leaseDurationSeconds": self._times.duration_s,
            "acquireTime": old.get("acquireTime", now) if ours else now,
            "renewTime": now,
            "leaseTransitions": turns if ours or not old else turns + 1,
        }


def _spec_of(lease: Obj) -> Obj:
    spec = lease.get("spec")
    return spec if isinstance(spec, dict) else {}


def _whole(given: object) -> int:
    return given if isinstance(given, int) and given > 0 else 0


def _failure(status: int, message: str) -> ApiException:
    """An error in the form from which the election reads the code."""
    error = ApiException(status=status, reason=message)
    error.body = json.dumps({"code": status})
    return error


def _record(spec: Obj) -> LeaderElectionRecord:
    """None where a lease was released, which the election takes as free."""
    record: Any = LeaderElectionRecord
    holder = spec.get("holderIdentity") or None
    duration = spec.get("leaseDurationSeconds")
    found: LeaderElectionRecord = record(
        holder, str(duration) if duration else None, spec.get("acquireTime"), spec.get("renewTime")
    )
    return found
