"""Flags as Go programs take them, for commands that stand in for one: ``-name=value``, ``-name value``, ``-name``."""

from typing import Any

from typer.core import TyperCommand

__all__ = ["GoFlagsCommand"]

_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})


class GoFlagsCommand(TyperCommand):
    """A command whose long options may have one dash, and whose switches may be given ``=true`` or ``=false``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse them after they were put into the usual form."""
        known = {opt: param for param in self.params for opt in (*param.opts, *param.secondary_opts)}
        return super().parse_args(ctx, _usual(args, known))


def _switch(param: Any, name: str, value: str) -> list[str]:
    if value in _TRUE:
        return [name]
    if value in _FALSE:
        return list(param.secondary_opts[:1])  # a switch that cannot be turned off is off unless it is given
    return [f"{name}={value}"]


def _usual(args: list[str], known: dict[str, Any]) -> list[str]:
    found: list[str] = []
    for position, arg in enumerate(args):
        if arg == "--":
            return found + args[position:]
        name, equals, value = arg.partition("=")
        long = f"-{name}" if name.startswith("-") and not name.startswith("--") and f"-{name}" in known else name
        param = known.get(long)
        if param is not None and equals and getattr(param, "is_flag", False):
            found += _switch(param, long, value)
        else:
            found.append(f"{long}{equals}{value}")
    return found
