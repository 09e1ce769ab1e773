"""What the core raises. The class tells whose fault it is: the policy's author, or the caller's."""

from typing import Any

__all__ = ["CanaryCoreError", "IllegalTransitionError", "PolicyError"]


class CanaryCoreError(Exception):
    """Base of all errors of the core."""


class PolicyError(CanaryCoreError, ValueError):
    """A policy cannot be built from this value: bad input, to be mended by who wrote it.

    Attributes:
        path: The field, dotted, relative to the object that was to be built (``strategy.weights[2]``).
        value: What was given.
        allowed: What would have been accepted, in words.
    """

    def __init__(self, path: str, value: Any, allowed: str) -> None:
        self.path = path
        self.value = value
        self.allowed = allowed
        super().__init__(f"{path}: {value!r} is not allowed, must be {allowed}")


class IllegalTransitionError(CanaryCoreError):
    """The machine tried an edge that its table does not have: a bug in the core, never bad input.

    Attributes:
        source: Name of the phase that was to be left.
        target: Name of the phase that was to be entered.
    """

    def __init__(self, source: str, target: str) -> None:
        self.source = source
        self.target = target
        super().__init__(f"no edge from {source} to {target}")
