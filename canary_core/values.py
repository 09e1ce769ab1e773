"""What all value objects of the core have in common.

attrs writes and compiles the methods of each class when it is imported. With a hundred classes that is most of the time
that importing the core takes; so what is the same for all, and on no hot path, is inherited.
"""

from typing import Any

from attrs import fields, frozen

__all__ = ["Bare", "Value"]


class Value:
    """A value object. Its text is made when somebody wants to see it, which is seldom."""

    __slots__ = ()

    def __repr__(self) -> str:
        kind: Any = type(self)
        shown = (f"{each.name}={getattr(self, each.name)!r}" for each in fields(kind) if each.repr)
        return f"{kind.__qualname__}({', '.join(shown)})"


@frozen(repr=False)
class Bare(Value):
    """A value without fields: its class says everything, and two of the same class are equal."""
