"""The demo's story: a good version is delivered and promoted, a bad one is delivered and taken back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from attrs import frozen

from canary_lab.demo import manifests
from canary_lab.demo.fault import Fault
from canary_lab.demo.view import NAME, NAMESPACE, Observer, View
from canary_lab.mesh.laptop import Laptop
from canary_lab.mesh.load import Load, Summary, summary
from canary_lab.mesh.processes import CommandError, until

__all__ = ["Chapter", "Outcome", "Show", "Story", "deliver_application", "deliver_version", "until_meshed"]

Show: TypeAlias = Callable[[View], object]
"""Takes a view, twice a second."""
_SHORTEST_WINDOW_S: Final = 5
_DEADLINE_S: Final = 20
_LOOK_S: Final = 0.5
_PATIENCE_S: Final = 60.0
_LONGEST_S: Final = 150.0
_STILL_S: Final = 4.0
"""For how long the beginning and the end of a chapter are shown."""


@frozen(kw_only=True)
class Chapter:
    """What became of one version."""

    version: str
    told: str
    expected: str
    """The phase that its rollout was to end in."""
    phase: str
    """The phase that it has ended in."""
    users: Summary
    """What users met meanwhile."""
    took_s: float

    @property
    def ok(self) -> bool:
        """Whether it ended as it was to."""
        return self.phase == self.expected


@frozen(kw_only=True)
class Outcome:
    """How it all went."""

    chapters: tuple[Chapter, ...]

    @property
    def ok(self) -> bool:
        """Whether every version ended as it was to."""
        return all(chapter.ok for chapter in self.chapters)


def deliver_application(laptop: Laptop, interval_s: int) -> None:
    """Start the controller, and apply the load tester, the application and its Canary.

    Args:
        laptop: Everything else runs.
        interval_s: Between two looks of the controller.

    Raises:
        CommandError: Something does not come up.
    """
    laptop.start_controller("-minimum-interval=1s", "-include-label-prefix=dummy")
    laptop.kubectl("apply", "-f", "-", stdin=manifests.load_tester())
    laptop.kubectl("apply", "-f", "-", stdin=manifests.application())
    window_s = max(_SHORTEST_WINDOW_S, 2 * interval_s)
    canary = manifests.canary(interval=f"{interval_s}s", window=f"{window_s}s", deadline_s=_DEADLINE_S)
    laptop.kubectl("apply", "-f", "-", stdin=canary)
    laptop.kubectl("rollout", "status", "deployment/flagger-loadtester", "-n", "loadtester", "--timeout=25s")


def until_meshed(laptop: Laptop) -> None:
    """Wait until requests reach the application.

    Raises:
        CommandError: They do not.
    """
    until(lambda: NAMESPACE in laptop.addresses.proxies, _PATIENCE_S, "the mesh does not know the application")


def deliver_version(laptop: Laptop, version: str, environment: Mapping[str, str]) -> None:
    """Change the image, and all that it is told by its environment.

    Raises:
        CommandError: The API server refuses.
    """
    container = "/spec/template/spec/containers/0"
    variables = [{"name": name, "value": value} for name, value in environment.items()]
    patch = [
        {"op": "replace", "path": f"{container}/image", "value": f"example.com/{NAME}:{version}"},
        {"op": "add", "path": f"{container}/env", "value": variables},
    ]
    laptop.kubectl("patch", "deployment", NAME, "-n", NAMESPACE, "--type=json", "-p", json.dumps(patch))


class Story:
    """Plays on a laptop that runs already."""

    def __init__(self, laptop: Laptop, *, fault: Fault, rate: float, interval_s: int, show: Show) -> None:
        """Makes one.

        Args:
            laptop: Everything but the controller runs.
            fault: What is wrong with the bad version.
            rate: Requests of users a second.
            interval_s: Between two looks of the controller; the article's is a minute.
            show: Draws.
        """
        self._laptop, self._fault, self._rate, self._show = laptop, fault, rate, show
        self._interval_s = interval_s
        self._observer = Observer(laptop)

    def play(self) -> Outcome:
        """Deliver the article's application, and two versions of it.

        Raises:
            CommandError: Something does not come up, or a rollout does not come to an end.
        """
        try:
            self._prepare()
            return self._play()
        finally:
            self._observer.close()

    def _prepare(self) -> None:
        """Start the controller and apply the manifests, until the canary is initialised."""
        deliver_application(self._laptop, self._interval_s)
        self._watch("The article's application is delivered", self._is_initialised, _PATIENCE_S)
        until(self._is_initialised, 0, "the canary is not initialised")
        until_meshed(self._laptop)

    def _play(self) -> Outcome:
        url, proxy = f"http://{NAME}.{NAMESPACE}:8080/", self._laptop.addresses.proxies[NAMESPACE]
        with Load(url, proxy=proxy, rate=self._rate) as users:
            self._observer.users = users
            self._watch("Version v1 is in operation", lambda: False, _STILL_S)
            good = self._deliver("v2", {}, "Version v2 is delivered: a good one", "Succeeded", users)
            fault = {self._fault.variable: self._fault.value}
            bad = self._deliver("v3", fault, f"Version v3 is delivered: it {self._fault.told}", "Failed", users)
        return Outcome(chapters=(good, bad))

    def _deliver(self, version: str, environment: dict[str, str], told: str, expected: str, users: Load) -> Chapter:
        began_s, first = time.monotonic(), len(users.answers)
        deliver_version(self._laptop, version, environment)
        self._watch(told, lambda: self._observer.phase() not in {"Succeeded", "Failed", "Initialized"}, _PATIENCE_S)
        ended = self._watch(told, lambda: self._observer.phase() in {"Succeeded", "Failed"}, _LONGEST_S)
        if not ended:
            raise CommandError(f"the rollout of {version} does not come to an end")
        took_s, phase = time.monotonic() - began_s, self._observer.phase()
        ending = "promoted" if phase == "Succeeded" else "taken back"
        self._watch(f"Version {version} was {ending}", lambda: False, _STILL_S)
        return Chapter(
            version=version,
            told=told,
            expected=expected,
            phase=phase,
            users=summary(users.since(first)),
            took_s=took_s,
        )

    def _is_initialised(self) -> bool:
        return self._observer.phase() == "Initialized"

    def _watch(self, chapter: str, ended: Callable[[], bool], seconds: float) -> bool:
        """Show the view until something is true or the time is over; which of the two."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._show(self._observer.look(chapter))
            if ended():
                return True
            time.sleep(_LOOK_S)
        return False
