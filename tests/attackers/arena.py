"""One controller, one victim, and attackers beside it: runs them, and keeps everything that came of it."""

from __future__ import annotations

import itertools
import json
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import requests
from attrs import Factory, mutable

from attackers.heartbeat import Heartbeat
from attackers.place import Attacker, Place, Surroundings
from attackers.secrets import forms
from attackers.victim import NAME, Victim, prometheus
from attackers.witness import Witness
from canary_lab.cluster.requests import Entry
from laboratories.lab import AGENT, Controller, Lab
from peers.http_peers import Peer, Seen

__all__ = ["FLAGS", "Record", "run"]

FLAGS: Final = ("-no-cross-namespace-refs", "-kubeconfig-qps=1000", "-kubeconfig-burst=2000")
"""What a cluster of many teams sets, and requests enough that all attackers are soon in operation."""
PROBE_S: Final = 5.0
"""The timeout of the chart's probes."""
PAUSE_S: Final = 0.5
WAVES: Final = 3
WAVE_S: Final = 3.0
"""From one to the next."""
TOO_MUCH: Final = 2**30
"""Bytes of memory at which the run ends: the machine is shared."""
_ROUTES: Final = ("virtualservices.networking.istio.io", "destinationrules.networking.istio.io")
_OWN: Final = (
    "canaries",
    "services",
    "deployments",
    "configmaps",
    "secrets",
    "metrictemplates",
    "alertproviders",
    *_ROUTES,
)


@mutable(kw_only=True, repr=False)
class Record:
    """What happened."""

    places: dict[str, Place] = Factory(dict)
    """By kind of attacker."""
    errors: dict[str, Exception] = Factory(dict)
    """Of attacks that did not go as planned, by kind."""
    ticks: list[float] = Factory(list)
    """Moments at which the victim was measured while the attack lasted, its beginning and its end among them."""
    allowed_s: list[float] = Factory(list)
    """By how much the machine was late between each two of them, seconds."""
    probes: int = 0
    """Health checks that were answered as they should be."""
    unhealthy: list[str] = Factory(list)
    """What the others came to."""
    memory: int = 0
    """The most that the controller had resident, bytes."""
    outputs: dict[str, str] = Factory(dict)
    """What the controller told anybody, by where."""
    received: dict[str, list[Seen]] = Factory(dict)
    """Requests, by whose server it was: a kind of attacker, or the name of somebody else."""
    writes: list[Entry] = Factory(list)
    """Of the controller, to the API server."""
    routes: dict[str, str] = Factory(dict)
    """VirtualServices and DestinationRules at the end, by namespace."""
    changed: dict[str, list[str]] = Factory(dict)
    """Objects that should have been left alone, by kind of attacker."""
    before: Mapping[str, Any] = Factory(dict)
    """The victim's objects before the attack."""
    after: Mapping[str, Any] = Factory(dict)
    """The same at the end."""
    witness: Witness = Factory(Witness)

    def said(self, kind: str) -> list[str]:
        """What people of an attacker's namespace were told, the API server's answers included; without his own name."""
        place = self.places[kind]
        texts = (*place.refusals, *self.witness.messages(place.namespace))
        return [text.replace(kind, "IT") for text in texts]

    def has_struck(self, attacker: Attacker) -> bool:
        """Whether an attack has come to the point: it was refused, or its servers were asked."""
        if attacker.kind in self.errors:
            return True
        if attacker.told:
            return any(re.search(attacker.told, text) for text in self.said(attacker.kind))
        place = self.places[attacker.kind]
        return place.begun and all(server.connections for server in place.servers)

    def leaks(self, kind: str, secret: str) -> list[str]:
        """Where a secret of an attacker, or of the victim, came out, and what stood around it."""
        foreign = {who: _text(seen) for who, seen in self.received.items() if who != kind}
        told = {f"what {where} says": text for where, text in self.outputs.items()}
        told |= {f"requests to {who}": text for who, text in foreign.items()}
        return [
            f"{where}: ...{text[max(0, at - 150) : at + 80]}..."
            for where, text in told.items()
            for form in forms(secret)
            if (at := text.find(form)) >= 0
        ]

    def followed(self, cookie: str, kind: str) -> list[str]:
        """Whose servers were sent a cookie of an attacker."""
        return [who for who, seen in self.received.items() if who != kind and cookie in _text(seen)]

    def strays(self) -> list[Entry]:
        """What was written, and is not of the namespace's team: each calls everything after its namespace."""
        return [each for each in self.writes if not each.dry_run and not _at_home(each)]

    def foreign_routes(self, namespace: str) -> list[str]:
        """What routes of a namespace say of the victim's."""
        return re.findall(rf"[^ ]*\b{NAME}\b[^ ]*", self.routes.get(namespace, ""))


def _at_home(write: Entry) -> bool:
    owner = write.namespace.removeprefix("by-")
    return bool(owner) and (write.name or owner).startswith(owner)


def _text(seen: Iterable[Seen]) -> str:
    return "\n".join(f"{each.line}\n{each.headers}\n{each.body.decode('utf-8', 'replace')}" for each in seen)


def run(lab: Lab, attackers: Sequence[Attacker], *, seconds: float, longest_s: float) -> Record:
    """Have attackers do what they do.

    Args:
        lab: A laboratory without a controller.
        attackers: All begin, in waves.
        seconds: For how long all of them do it, once the last one has come to it.
        longest_s: For how long that is waited for.
    """
    record, over, observed = Record(), threading.Event(), lab.observed
    with ExitStack() as stack:
        stack.enter_context(observed.heard(record.witness.hear))
        platform, collector = (stack.enter_context(Peer(prometheus())) for _ in range(2))
        controller = lab.start(*FLAGS, f"-metrics-server={platform.url}", f"-event-webhook={platform.url}/events")
        victim = stack.enter_context(Victim(lab))
        victim.deploy()
        around = Surroundings(
            api=observed.url,
            session=observed.session,
            status_port=controller.port,
            victim=NAME,
            collector=collector.url.replace("127.0.0.1", "localhost"),
            witness=record.witness,
            over=over,
        )
        record.places = {each.kind: stack.enter_context(Place(each.kind, around)) for each in attackers}
        record.before = _belongings(lab)
        began = time.monotonic()
        with Heartbeat(controller.process.pid) as heartbeat, _watched(record, controller, over):
            threads = _begun(record, attackers, over)
            while time.monotonic() < began + longest_s and not over.wait(1.0):
                if all(record.has_struck(each) for each in attackers):
                    break
            over.wait(seconds)
            ended = time.monotonic()
            record.outputs["the port"] = _fetched(controller, "metrics")
        over.set()
        record.ticks = [began, *(at for at in victim.ticks if began < at < ended), ended]
        record.allowed_s = [heartbeat.late_s(*gap) for gap in itertools.pairwise(record.ticks)]
        for each in threads:
            each.join()
        record.writes = observed.writes(AGENT)
        _collect(record, lab, controller)
        record.received = {
            NAME: _all(victim.servers),
            "the platform": _all([platform]),
            "the collector": _all([collector]),
            **{kind: _all(place.servers) for kind, place in record.places.items()},
        }
        controller.kill()
    return record


def _begun(record: Record, attackers: Sequence[Attacker], over: threading.Event) -> list[threading.Thread]:
    threads = []
    for wave in range(WAVES):
        for each in attackers[wave::WAVES]:
            thread = threading.Thread(target=_attack, args=(record, each), name=each.kind, daemon=True)
            thread.start()
            threads.append(thread)
        over.wait(WAVE_S)
    return threads


def _attack(record: Record, attacker: Attacker) -> None:
    try:
        attacker.attack(record.places[attacker.kind])
    except Exception as error:  # noqa: BLE001 - the test of this attacker reports it
        record.errors[attacker.kind] = error


@contextmanager
def _watched(record: Record, controller: Controller, over: threading.Event) -> Iterator[None]:
    """Health and memory are looked at all the time."""
    ended = threading.Event()

    def watch() -> None:
        status = Path(f"/proc/{controller.process.pid}/status")
        while not ended.wait(PAUSE_S):
            record.memory = max(record.memory, _peak(status.read_text()))
            if controller.process.poll() is not None or record.memory > TOO_MUCH:
                record.unhealthy.append(f"ended with {record.memory} bytes, exit code {controller.process.poll()}")
                controller.process.kill()
                over.set()
                return

    def probe() -> None:
        while not ended.wait(PAUSE_S):
            answer = _fetched(controller, "healthz")
            if answer == "OK":
                record.probes += 1
            else:
                record.unhealthy.append(answer)

    threads = [threading.Thread(target=each, daemon=True) for each in (watch, probe)]
    for each in threads:
        each.start()
    try:
        yield
    finally:
        ended.set()
        for each in threads:
            each.join()


def _peak(status: str) -> int:
    """Peak resident set size in bytes; see proc_pid_status(5). A process that has ended has none."""
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:")), 0)


def _fetched(controller: Controller, path: str) -> str:
    try:
        answer = requests.get(f"http://127.0.0.1:{controller.port}/{path}", timeout=PROBE_S)
    except requests.RequestException as error:
        return f"no answer: {type(error).__name__}"
    return answer.text if answer.ok else f"status {answer.status_code}"


def _belongings(lab: Lab) -> dict[str, Any]:
    """The victim's objects, without what its own rollout changes."""
    items = json.loads(lab.kubectl("get", ",".join(_OWN), "-n", NAME, "-o", "json"))["items"]
    return {f"{each['kind']} {each['metadata']['name']}": _lasting(each) for each in items}


def _lasting(obj: dict[str, Any]) -> dict[str, Any]:
    found = {key: value for key, value in obj.items() if key not in {"metadata", "status"}}
    found["labels"] = obj["metadata"].get("labels")
    found["owners"] = obj["metadata"].get("ownerReferences")
    if obj["kind"] == "VirtualService":
        for route in found["spec"]["http"]:
            for each in route["route"]:
                each.pop("weight", None)
    return found


def _collect(record: Record, lab: Lab, controller: Controller) -> None:
    record.outputs["the log"] = controller.text()
    for namespace in record.witness.namespaces:
        record.outputs[f"{namespace} (events and statuses)"] = record.witness.told(namespace)
    record.after = _belongings(lab)
    record.changed = {kind: place.changed() for kind, place in record.places.items()}
    for kind in _ROUTES:
        for each in json.loads(lab.kubectl("get", kind, "-A", "-o", "json"))["items"]:
            namespace = each["metadata"]["namespace"]
            record.routes[namespace] = record.routes.get(namespace, "") + json.dumps(each["spec"])


def _all(servers: Iterable[Peer]) -> list[Seen]:
    return [seen for each in servers for seen in tuple(each.requests)]
