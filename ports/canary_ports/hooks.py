"""Questions to somebody outside."""

from typing import Protocol

from canary_core import Approved, HookQuestion, Notice, Refused, Unreachable

__all__ = ["Hooks"]


class Hooks(Protocol):
    """Ask and tell the hooks of one rollout.

    No method raises for anything that the outside does. Calls may come from several threads at once.
    """

    def ask(self, question: HookQuestion) -> Approved | Refused | Unreachable:
        """Ask one hook.

        Returns:
            `Approved` or `Refused` if it answered; `Unreachable` if it did not, after the declared retries and time.
        """
        ...

    def tell(self, hook: str, notice: Notice) -> None:
        """Let a hook of type ``event`` know of a notice. Whether it listens is its own business.

        Args:
            hook: `canary_core.Hook.id`.
            notice: What to tell.
        """
        ...
