"""A controller as a process of its own over many canaries, against the embedded cluster in this process.

A fleet is made by having the controller initialise one canary, whose objects are then multiplied in the storage of
the cluster: what is measured is the controller, not how fast a stand-in for an API server makes pods.
"""

import json
import re
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from attrs import frozen

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))  # the laboratory of the end-to-end tests

from applications.demo_app import App
from canary_lab.cluster import Timing
from laboratories.lab import AGENT, Controller, Lab, eventually

__all__ = ["Fleet", "Idle", "Process", "Rollouts", "fleet", "idle", "rollouts"]

SEED = "fleet-000000"
INTERVAL_S = 10.0
PARTS = 50
"""In so many parts the revisions of a fleet are declared, over one interval."""
TICKS_PER_S = 100
"""Of CPU time in /proc."""
_LATE = re.compile(r'canary_tick_lateness_seconds_bucket\{le="([^"]+)"\} (\S+)')


@frozen
class Process:
    """What a process has used up to now."""

    cpu_s: float
    rss_mb: float
    threads: int

    @classmethod
    def of(cls, pid: int) -> "Process":
        """As /proc tells it."""
        ticks = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        return cls(
            cpu_s=(int(ticks[11]) + int(ticks[12])) / TICKS_PER_S,
            rss_mb=int(status["VmRSS"].split()[0]) / 1024,
            threads=int(status["Threads"]),
        )


@frozen(kw_only=True)
class Idle:
    """What a fleet costs that has nothing to do."""

    canaries: int
    ready_s: float
    """From the start of the process until every canary has been looked at."""
    start_cpu_s: float
    cpu_share: float
    """Of one core."""
    process: Process
    requests: int
    """In the idle time, watches that are opened anew aside."""
    noticed_s: float
    """From the change of one Deployment to the phase of its canary."""


@frozen(kw_only=True)
class Rollouts:
    """What it costs when all canaries of a fleet are rolled out at the same time."""

    canaries: int
    took_s: float
    cpu_s: float
    process: Process
    requests: Counter[str]
    """By kind."""
    late: dict[float, float]
    """Share of the ticks that were at most so late, seconds."""

    @property
    def each(self) -> float:
        """Requests of one rollout."""
        return self.requests.total() / self.canaries


class Fleet:
    """Canaries that have come to rest, each in a namespace of its own."""

    def __init__(self, lab: Lab, size: int) -> None:
        self.lab, self.size = lab, size
        self.names = [f"fleet-{number:06}" for number in range(size)]
        self.app = App(lab, SEED)
        with lab.controller():
            self.app.deploy(analysis={"interval": f"{INTERVAL_S:g}s"})
            self.app.until("Initialized")
            eventually(lambda: self.app.replicas() == 0)
        self._multiply()

    def _multiply(self) -> None:
        store = self.lab.cluster._server.store
        seeds = [
            (place, json.dumps(obj)) for place, key, obj in store.everything() if SEED in key and place != "events"
        ]
        uids = {uid for _, text in seeds for uid in re.findall(r'"uid": "([^"]+)"', text)}

        def run() -> None:
            for number, name in enumerate(self.names[1:], start=1):
                for place, seed in seeds:
                    text = seed.replace(f'"{SEED}"', f'"{name}"')
                    for uid in uids:
                        text = text.replace(uid, f"{uid[:24]}{number:012x}")
                    store.put(place, json.loads(text))
            store.forget_history()

        self.lab.cluster._do(run)
        self.settle()

    def settle(self) -> None:
        """Wait until the cluster itself has nothing to do."""
        before = -1.0
        while (now := time.process_time()) - before > 0.05:
            before = now
            time.sleep(0.5)

    def declare(self, tag: str, names: list[str]) -> None:
        """Another revision for each of these, all at once."""
        api = self.lab.cluster._server.api

        def edit(deployment: dict) -> None:
            deployment["spec"]["template"]["spec"]["containers"][0]["image"] = f"example.com/app:{tag}"

        def run() -> None:
            for name in names:
                api.change(("apps", "v1", "deployments"), name, self.app.name, edit, manager="bench")

        self.lab.cluster._do(run)

    def phases(self) -> Counter[str]:
        """How many canaries are in which phase."""
        store = self.lab.cluster._server.store
        return Counter(store.get("flagger.app/canaries", name, self.app.name)["status"]["phase"] for name in self.names)

    @contextmanager
    def controller(self) -> Iterator[Controller]:
        """A controller with the defaults of an installation."""
        with self.lab.controller("-minimum-interval=10s", "-log-level=info") as found:
            yield found

    def requests(self) -> Counter[str]:
        """What the controller has asked for, by kind, watches aside."""
        found = self.lab.cluster.requests.matching(agent=AGENT)
        return Counter(f"{each.verb} {each.resource}" for each in found if each.verb != "watch")


@contextmanager
def fleet(size: int) -> Iterator[Fleet]:
    """A fleet in a cluster of its own."""
    with TemporaryDirectory() as folder, Lab(Path(folder), timing=Timing(start=0.5, stop=0.5)) as lab:
        yield Fleet(lab, size)


def _metrics(controller: Controller) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{controller.port}/metrics", timeout=60) as answer:
        return answer.read().decode()


def _late(text: str) -> dict[float, float]:
    return {float(bound): float(count) for bound, count in _LATE.findall(text)}


def _since(started: float, true: Callable[[], object], *, seconds: float = 600.0, pause_s: float = 0.05) -> float:
    eventually(true, seconds, pause_s)
    return time.monotonic() - started


def idle(found: Fleet, *, seconds: float = 20.0) -> Idle:
    """Start a controller over a fleet at rest, and leave it alone."""
    started = time.monotonic()
    with found.controller() as controller:
        pid = controller.process.pid

        def looked() -> bool:
            return _metrics(controller).count("canary_phase_start_time_seconds{") == found.size

        ready_s = _since(started, looked, pause_s=0.25)
        start = Process.of(pid)
        found.settle()
        found.lab.cluster.requests.clear()
        before, began = Process.of(pid), time.monotonic()
        time.sleep(seconds)
        after, share_s = Process.of(pid), time.monotonic() - began
        requests = found.requests().total()
        last = found.names[-1]
        began = time.monotonic()
        found.declare("noticed", [last])
        noticed_s = _since(began, lambda: found.phases()["Progressing"] == 1, pause_s=0.01)
        return Idle(
            canaries=found.size,
            ready_s=ready_s,
            start_cpu_s=start.cpu_s,
            cpu_share=(after.cpu_s - before.cpu_s) / share_s,
            process=after,
            requests=requests,
            noticed_s=noticed_s,
        )


def rollouts(found: Fleet, *, patience_s: float = 900.0) -> Rollouts:
    """Declare a new revision for all canaries of a fleet within an interval, and wait until all are promoted."""
    with found.controller() as controller:
        pid = controller.process.pid
        eventually(lambda: _metrics(controller).count("canary_phase_start_time_seconds{") == found.size, 300.0, 0.25)
        found.settle()
        found.lab.cluster.requests.clear()
        before, late = Process.of(pid), _late(_metrics(controller))
        started = time.monotonic()
        for part in range(PARTS):
            found.declare("v2", found.names[part::PARTS])
            time.sleep(INTERVAL_S / PARTS)
        took_s = _since(started, lambda: found.phases() == {"Succeeded": found.size}, seconds=patience_s, pause_s=0.5)
        found.settle()
        after, now = Process.of(pid), _late(_metrics(controller))
        ticks = now[float("inf")] - late[float("inf")]
        return Rollouts(
            canaries=found.size,
            took_s=took_s,
            cpu_s=after.cpu_s - before.cpu_s,
            process=after,
            requests=found.requests(),
            late={bound: (now[bound] - late[bound]) / ticks for bound in now},
        )
