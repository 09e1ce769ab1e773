"""What of a rollout is not tried again for some time because it was refused. All else of it goes on meanwhile."""

from collections.abc import Callable, Mapping

from canary_core import Decision
from canary_ports import RefusedError

__all__ = ["Attempts"]


class Attempts:
    """Carries out the decisions of one tick: a `canary_ports.Attempt`."""

    def __init__(self, known: Mapping[Decision, RefusedError]) -> None:
        """Makes one for a tick.

        Args:
            known: Decisions that are refused as they were the last time, without being tried.
        """
        self._known = known
        self.refused: dict[Decision, RefusedError] = {}
        """What was refused, tried or not."""
        self.tried = False
        """Whether anything was refused when it was tried."""

    def __call__(self, decision: Decision, act: Callable[[], None]) -> None:
        """Carry out a decision.

        Raises:
            PortError: As the function that carries it out says, or has said.
        """
        known = self._known.get(decision)
        if known is not None:
            self.refused[decision] = known
            raise RefusedError(known.reason, known.message)
        try:
            act()
        except RefusedError as error:
            self.refused[decision], self.tried = error, True
            raise
