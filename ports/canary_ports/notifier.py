"""People who want to know."""

from typing import Protocol

from canary_core import Notice, Rollout

__all__ = ["Notifier"]


class Notifier(Protocol):
    """Tell people, and machines that count, of notices.

    It never raises for anything that the outside does, and never takes long: what is slow is put off.
    """

    def tell(self, notice: Notice, rollout: Rollout) -> None:
        """Tell of one notice. Calls come in the order in which things happened.

        Args:
            notice: What happened.
            rollout: The rollout as it was stored with it.
        """
        ...
