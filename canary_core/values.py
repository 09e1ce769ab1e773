"""What all value objects of the core have in common.

attrs writes and compiles the methods of each class when it is imported. With a hundred classes that is most of the time
that importing the core takes; so what is on no hot path is the same for all, and inherited. Classes that are compared
in every step have attrs compile that for them (without ``eq=False``).
"""

from typing import Any

from attrs import fields, frozen

__all__ = ["Bare", "Value"]


class Value:
    """A value object: equal to another one of its class with equal fields."""

    __slots__ = ()

    def __repr__(self) -> str:
        kind: Any = type(self)
        shown = (f"{each.name}={getattr(self, each.name)!r}" for each in fields(kind) if each.repr)
        return f"{kind.__qualname__}({', '.join(shown)})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._compared() == other._compared()

    def __hash__(self) -> int:
        return hash((type(self), self._compared()))

    def _compared(self) -> tuple[Any, ...]:
        kind: Any = type(self)
        return tuple(getattr(self, each.name) for each in fields(kind) if each.eq)


@frozen(eq=False, repr=False)
class Bare(Value):
    """A value without fields: its class says everything, and two of the same class are equal."""
