"""What is wrong with the demo's bad version."""

from __future__ import annotations

from typing import Final, Self

from attrs import frozen

from canary_lab.mesh.app import seconds, share

__all__ = ["Fault", "FaultError"]

_ALLOWED: Final = "error-rate=5%, latency=800ms or crash"


class FaultError(ValueError):
    """There is no such fault."""


@frozen(kw_only=True)
class Fault:
    """A fault as the demo app takes it."""

    variable: str
    """Of the environment."""
    value: str
    told: str
    """In words."""

    @classmethod
    def read(cls, text: str) -> Self:
        """From ``error-rate=5%``, ``latency=800ms`` or ``crash``.

        Raises:
            FaultError: It is none of these.
        """
        kind, _, value = text.partition("=")
        try:
            match kind:
                case "error-rate" if share(value) > 0:
                    return cls(variable="ERROR_RATE", value=value, told=f"fails {value} of its requests")
                case "latency" if seconds(value) > 0:
                    return cls(variable="LATENCY", value=value, told=f"takes {value} for each answer")
                case "crash" if not value:
                    return cls(variable="CRASH", value="true", told="crashes when it starts")
        except ValueError as error:
            raise FaultError(f"{text!r}: {error}; such as {_ALLOWED}") from error
        raise FaultError(f"{text!r}: must be {_ALLOWED}")
