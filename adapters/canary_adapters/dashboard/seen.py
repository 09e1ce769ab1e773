"""What a server has seen of each rollout since it runs: weights over time, where the status keeps none."""

import threading
from collections import OrderedDict, deque
from typing import Final

from attrs import define, field, frozen

from canary_adapters.steering.view import CanaryView

__all__ = ["Point", "Seen"]

POINTS: Final = 500
"""Of one canary."""
CANARIES: Final = 2_000
"""Those that have changed last."""


@frozen(kw_only=True)
class Point:
    """A state that a rollout came into."""

    at_s: float
    """Seconds since the epoch."""
    phase: str
    weight: int
    """Share of the canary, percent."""
    failed: int
    """Failed checks."""

    def same_as(self, other: "Point") -> bool:
        """Whether nothing has happened between the two."""
        return (self.phase, self.weight, self.failed) == (other.phase, other.weight, other.failed)


@define
class _Course:
    uid: str
    applied: str
    points: deque[Point] = field(factory=lambda: deque(maxlen=POINTS))


class Seen:
    """The present or last rollout of each canary, bounded in every direction. Safe for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._courses: OrderedDict[tuple[str, str], _Course] = OrderedDict()

    def look(self, view: CanaryView, now_s: float) -> None:
        """Take in what a canary is like now."""
        key = (view.namespace, view.name)
        point = Point(at_s=now_s, phase=view.phase, weight=view.weight, failed=view.failed)
        with self._lock:
            course = self._courses.get(key)
            if course is None or course.uid != view.uid:
                course = self._courses[key] = _Course(view.uid, view.applied)
            elif course.applied != view.applied:  # another revision: what was before is another rollout
                course.applied = view.applied
                course.points.clear()
            if not course.points or not course.points[-1].same_as(point):
                course.points.append(point)
            self._courses.move_to_end(key)
            while len(self._courses) > CANARIES:
                self._courses.popitem(last=False)

    def forget(self, namespace: str, name: str) -> None:
        """A canary is gone."""
        with self._lock:
            self._courses.pop((namespace, name), None)

    def points(self, namespace: str, name: str) -> tuple[Point, ...]:
        """The states of a rollout, oldest first."""
        with self._lock:
            course = self._courses.get((namespace, name))
            return tuple(course.points) if course is not None else ()
