"""Flags as Go programs take them, for commands that stand in for one: ``-name=value``, ``-name value``, ``-name``."""

from collections.abc import Iterator
from typing import Any, Final

import typer
from typer.core import TyperCommand

__all__ = ["GoFlagsCommand"]

_TRUE: Final = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "false", "FALSE", "False"})
_HELP: Final = frozenset({"-h", "--h"})


class GoFlagsCommand(TyperCommand):
    """A command whose long options may have one dash, and whose switches may be given ``=true`` or ``=false``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse them after they were put into the usual form."""
        known = {opt: param for param in self.params for opt in (*param.opts, *param.secondary_opts)}
        return super().parse_args(ctx, list(_usual(iter(args), known)))


def _switch(param: Any, name: str, value: str) -> list[str]:
    if value in _TRUE:
        return [name]
    if value in _FALSE:
        return list(param.secondary_opts[:1])  # a switch that cannot be turned off is off unless it is given
    raise typer.BadParameter(f"{value!r}: must be true or false", param_hint=name)


def _usual(args: Iterator[str], known: dict[str, Any]) -> Iterator[str]:
    for arg in args:
        if arg == "--":
            yield arg
            yield from args
            return
        name, equals, value = arg.partition("=")
        # Unknown ones, too: a message should name the whole of it, and not the letter after the dash.
        long = f"-{name}" if name.startswith("-") and not name.startswith("--") and len(name) > 1 else name
        param = known.get(long)
        if param is not None and getattr(param, "is_flag", False):
            yield from _switch(param, long, value) if equals else [long]
        elif param is not None and not equals:
            yield from (long, *_next(args))
        else:
            yield "--help" if long in _HELP else f"{long}{equals}{value}"


def _next(args: Iterator[str]) -> Iterator[str]:
    """The value of a flag, whatever it begins with; none if the line ends here."""
    for arg in args:
        yield arg
        return
