"""What a server says on stderr when it listens."""

from contextlib import suppress

import typer

__all__ = ["announce"]


def announce(text: str) -> None:
    """Say it, if that is possible: a server works also where nobody can read."""
    with suppress(OSError):
        typer.echo(text, err=True)
