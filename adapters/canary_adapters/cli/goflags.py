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


def _usual(args: list[str], known: dict[str, Any]) -> list[str]:
    found: list[str] = []
    for position, arg in enumerate(args):
        if arg == "--":
            return found + args[position:]
        name, equals, value = arg.partition("=")
        long = f"-{name}" if name.startswith("-") and not name.startswith("--") and f"-{name}" in known else name
        param = known.get(long)
        if param is not None and equals and getattr(param, "is_flag", False):
            if value in _FALSE:
                continue  # all switches are off by default, or have a --no- form for people
            found.append(long if value in _TRUE else f"{long}={value}")
        else:
            found.append(f"{long}{equals}{value}")
    return found
