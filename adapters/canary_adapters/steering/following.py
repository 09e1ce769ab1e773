"""A canary looked at again and again, until something has ended or the patience is over."""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from attrs import frozen

from canary_adapters.kubernetes.resources import Obj
from canary_adapters.steering.asking import Patience
from canary_adapters.steering.desk import NO_ANSWER, Desk, SteeringError, UnansweredError
from canary_adapters.steering.ending import End
from canary_adapters.steering.pages import EventView
from canary_adapters.steering.view import CanaryView

__all__ = ["Lines", "Look", "Workload", "follow", "looks_at"]

_LOOK_S: Final = 1.0
_Read = TypeVar("_Read")


@frozen(kw_only=True)
class Workload:
    """One of the two workloads."""

    name: str
    images: tuple[str, ...] = ()
    ready: int = 0
    wanted: int = 0


@frozen(kw_only=True)
class Look:
    """What is seen at one moment."""

    view: CanaryView
    primary: Workload
    canary: Workload
    events: tuple[EventView, ...] = ()
    unanswered: str = ""
    """Why this is what was seen before: the API server does not answer at present."""


def looks_at(
    desk: Desk, namespace: str, name: str, *, workloads: bool = False, events: bool = False, lenient: bool = False
) -> Callable[[], Look]:
    """What looks at a canary.

    Args:
        desk: Reads.
        namespace: Of the canary.
        name: Of the canary.
        workloads: Whether its workloads are looked at, too.
        events: Whether its events are.
        lenient: Whether it is enough to see the canary, where workloads or events may not be read.
    """

    def allowed(read: Callable[[], _Read], otherwise: _Read) -> _Read:
        try:
            return read()
        except UnansweredError:
            raise
        except SteeringError:
            if lenient:
                return otherwise
            raise

    def side(view: CanaryView, of: str) -> Workload:
        is_read = workloads and view.target_kind == "Deployment"
        return _side(of, allowed(lambda: desk.deployment(namespace, of), None) if is_read else None)

    def look() -> Look:
        view = CanaryView.of(desk.canary(namespace, name))
        found = allowed(lambda: desk.events(namespace, name), list[Obj]()) if events else []
        return Look(
            view=view,
            primary=side(view, f"{view.target}-primary"),
            canary=side(view, view.target),
            events=tuple(map(EventView.of, found)),
        )

    return look


def follow(
    look: Callable[[], Look], *, ends: Callable[[Look], End | None], shows: Callable[[Look], object], patience: Patience
) -> End:
    """Look and show, until something has ended. An API server that does not answer is asked again.

    Args:
        look: Looks.
        ends: What has ended by a look.
        shows: Shows a look.
        patience: For all of it.

    Raises:
        SteeringError: There is no such canary, or it cannot be read.
    """
    end_s, last = patience.now_s() + patience.seconds, look()
    uid = last.view.uid
    while True:
        shows(last)
        found = ends(last) if not last.unanswered else None
        if found is not None:
            return found
        left_s = end_s - patience.now_s()
        if left_s <= 0:
            view = last.view
            told = f"{view.full}: not over after {patience.seconds:g} s, {_state(view)}; waits for {view.waits_for}"
            return End(NO_ANSWER, f"{told}; {last.unanswered}" if last.unanswered else told)
        patience.sleep(min(_LOOK_S, left_s))
        last = _again(look, last, uid)


def _again(look: Callable[[], Look], last: Look, uid: str) -> Look:
    try:
        found = look()
    except UnansweredError as error:
        return Look(
            view=last.view, primary=last.primary, canary=last.canary, events=last.events, unanswered=error.message
        )
    if found.view.uid != uid:
        raise SteeringError(f"canary {last.view.name} was deleted meanwhile")
    return found


def _side(name: str, found: Obj | None) -> Workload:
    deployment: Any = found or {}
    spec, status = deployment.get("spec") or {}, deployment.get("status") or {}
    containers: Sequence[Any] = ((spec.get("template") or {}).get("spec") or {}).get("containers") or ()
    return Workload(
        name=name,
        images=tuple(str(each.get("image") or "") for each in containers),
        ready=int(status.get("readyReplicas") or 0),
        wanted=int(spec.get("replicas") or 0),
    )


class Lines:
    """Looks as lines: one for each change."""

    def __init__(self) -> None:
        self._said = ""
        self._told: set[EventView] | None = None

    def of(self, look: Look) -> list[str]:
        """What is new."""
        view = look.view
        said = look.unanswered or f"{view.full}: {_state(view)}{_why(view)}"
        found = [] if said == self._said else [said]
        self._said = said
        before = self._told if self._told is not None else set(look.events)  # what happened before is no news
        new = [event for event in look.events if event not in before]
        self._told = before | set(new)
        return found + [f"  {event.text}" for event in new]


def _state(view: CanaryView) -> str:
    checks = f", failed checks {view.failed}/{view.threshold}" if view.failed else ""
    return f"{view.phase or 'no status yet'}, canary {view.weight} %{checks}"


def _why(view: CanaryView) -> str:
    return f" ({view.reason}: waits for {view.waits_for})" if view.reason not in {view.phase, ""} else ""
