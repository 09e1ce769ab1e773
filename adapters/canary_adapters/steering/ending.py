"""When a wait for a rollout is over, and how it has ended. Decides from what is seen, and from nothing else."""

from collections.abc import Sequence
from typing import Final

from attrs import define, field, frozen

from canary_adapters.steering.view import CanaryView
from canary_core import Outcome, Phase

__all__ = ["GRACE_S", "End", "Ending", "Goal"]

GRACE_S: Final = 10.0
"""For how long a rollout that is over at the first look may be that of before: controllers notice a change at once."""
_FAILED: Final = 1
_PRIMARY_CHANGES: Final = frozenset({Phase.INITIALIZING.value, Phase.PROMOTING.value, Phase.FINALISING.value})
_PRIMARY_FAILED: Final = frozenset({Outcome.PROMOTION, Outcome.INITIALIZATION})


@frozen(kw_only=True)
class Goal:
    """What is to be promoted; at most one of these. Nothing: whatever is being rolled out."""

    revision: str = ""
    """Fingerprint as ``canary status`` shows it, or its beginning."""
    image: str = ""
    """Of any container of the target."""
    generation: int | None = None
    """Of the Canary: the controller is to have acted on this one or a later one."""


@frozen
class End:
    """How it has ended."""

    code: int
    """Exit code: 0 promoted, 1 failed or withdrawn."""
    text: str


@define
class Ending:
    """Judges one look after the other."""

    goal: Goal
    _first: tuple[str, str] | None = field(default=None, init=False)
    _began_s: float = field(default=0.0, init=False)
    _moved: bool = field(default=False, init=False)
    _seen: bool = field(default=False, init=False)

    def of(
        self, view: CanaryView, now_s: float, *, target: Sequence[str] = (), primary: Sequence[str] = ()
    ) -> End | None:
        """How it has ended. None: it goes on.

        Args:
            view: The canary.
            now_s: Any clock that goes on.
            target: Images of the target, for a goal that names one.
            primary: Images of the primary.
        """
        state = view.phase, view.applied
        if self._first is None:
            self._first, self._began_s = state, now_s
        self._moved = self._moved or state != self._first or not view.is_over
        certain = self._moved or now_s - self._began_s >= GRACE_S
        if self.goal.revision:
            return self._of_revision(view)
        if self.goal.image:
            return self._of_image(view, target, primary, certain=certain)
        if self.goal.generation is not None:
            certain = (view.observed_generation or 0) >= self.goal.generation
        return self._of_rollout(view) if certain and view.is_over else None

    def _of_revision(self, view: CanaryView) -> End | None:
        wanted = self.goal.revision
        if _is(view.promoted, wanted):
            return End(0, f"{view.full}: revision {wanted} promoted")
        if _is(view.applied, wanted):
            self._seen = True
            return _failed(view) if view.phase == Phase.FAILED.value else None
        return End(_FAILED, f"{view.full}: revision {wanted} withdrawn") if self._seen else None

    def _of_image(
        self, view: CanaryView, target: Sequence[str], primary: Sequence[str], *, certain: bool
    ) -> End | None:
        wanted = self.goal.image
        if view.target_kind == "Service":
            return End(_FAILED, f"{view.full}: its target is a Service, which has no image: wait by --revision")
        unsure = view.phase in _PRIMARY_CHANGES or not view.phase
        if wanted in primary and not unsure and view.outcome not in _PRIMARY_FAILED:
            return End(0, f"{view.full}: image {wanted} promoted")
        if wanted in target:
            self._seen = True
            return _failed(view) if certain and view.phase == Phase.FAILED.value else None
        return End(_FAILED, f"{view.full}: image {wanted} withdrawn") if self._seen and not unsure else None

    def _of_rollout(self, view: CanaryView) -> End:
        if view.phase == Phase.FAILED.value:
            return _failed(view)
        if view.outcome is Outcome.WITHDRAWN and self._moved:
            return End(_FAILED, f"{view.full}: withdrawn, the promoted revision was declared again")
        done = "initialised" if view.phase == Phase.INITIALIZED.value else "promoted"
        return End(0, f"{view.full}: {done}" if view.phase != Phase.TERMINATED.value else f"{view.full}: terminated")


def _is(fingerprint: str, wanted: str) -> bool:
    """With or without the scheme before the colon."""
    return fingerprint.startswith(wanted) or fingerprint.partition(":")[2].startswith(wanted)


def _failed(view: CanaryView) -> End:
    how = f" ({view.outcome.value})" if view.outcome is not None else ""
    return End(_FAILED, f"{view.full}: failed{how}: {view.message}")
