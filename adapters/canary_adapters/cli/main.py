"""``canary``: finds its subcommands, runs one, and turns what it raises into an exit code.

0: done, promoted. 1: the rollout failed, or a check did not hold. 2: bad input, one message on stderr for each fault.

A subcommand is an entry point of the group ``canary.commands``: a function annotated for typer, or a whole
`typer.Typer`. Its module is imported when it is called or when its help is shown; it should import what it needs
inside the function, so that ``canary --help`` stays quick. Commands that cannot be imported say so when called.
"""

import os
import sys
from functools import cache
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from io import TextIOWrapper
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from canary_adapters.cli.announce import announce
from canary_adapters.cli.errors import BAD_INPUT, BadInputError

__all__ = ["COMPLETE", "GROUP", "main"]

GROUP: Final = "canary.commands"
COMPLETE: Final = "_CANARY_COMPLETE"
"""Environment variable by which a shell asks for its script, or for completions."""
_DISTRIBUTION: Final = "canary-core"
_SETTINGS: Final = {"help_option_names": ["-h", "--help"]}
"""For all commands, which inherit it."""
_OF_THE_FRAMEWORK: Final = frozenset({"install_completion", "show_completion"})
"""Options that would write files of the user: `canary completion` prints the script instead."""


class _Commands(TyperGroup):
    """A group whose commands are imported one at a time."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the framework's signature
        return sorted(_found())

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        point = _found().get(cmd_name)
        return None if point is None else _loaded(cmd_name, point)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        # The framework suggests similar names from here; it would only know those loaded already.
        if args and args[0] not in _found():
            self.commands = {name: command for name in _found() if (command := self.get_command(ctx, name))}
        return super().resolve_command(ctx, args)


@cache
def _found() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def _loaded(name: str, point: EntryPoint) -> Any:
    try:
        loaded = point.load()
    except Exception as error:  # noqa: BLE001 - somebody else's module must not take the other commands down
        return _unavailable(name, error)
    if isinstance(loaded, typer.Typer):
        return typer.main.get_command(loaded)
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.command(name)(loaded)
    return typer.main.get_command(alone)


def _unavailable(name: str, error: Exception) -> Any:
    """A command that only says why there is none, whatever it is given."""
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)

    @alone.command(name, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
    def command() -> None:
        """Not installed."""
        raise BadInputError(f"canary {name} cannot be used here: {error}; is an extra of {_DISTRIBUTION} missing?")

    return typer.main.get_command(alone)


def _print_version(wanted: bool) -> None:
    if wanted:
        try:
            typer.echo(f"canary {version(_DISTRIBUTION)}")
        except PackageNotFoundError:
            typer.echo("canary (not installed as a package)")
        raise typer.Exit


def _application() -> Any:
    app = typer.Typer(
        cls=_Commands,
        add_completion=COMPLETE in os.environ,  # makes the framework know its shells
        no_args_is_help=True,
        rich_markup_mode=None,
        context_settings=_SETTINGS,
    )

    @app.callback()
    def canary(
        _version: Annotated[
            bool, typer.Option("--version", "-V", callback=_print_version, is_eager=True, help="Print the version.")
        ] = False,
    ) -> None:
        """Progressive delivery with a brain that can be tested."""

    found: Any = typer.main.get_command(app)
    found.params = [each for each in found.params if each.name not in _OF_THE_FRAMEWORK]
    return found


def main(name: str = "canary") -> None:
    """Run the command line, and end the process with its exit code.

    Args:
        name: Of the program, for messages.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # Names and values come from the user's files; a terminal that cannot show them is no reason to fail.
            stream.reconfigure(errors="backslashreplace")
    try:
        _application()(prog_name=name, complete_var=COMPLETE)
    except BadInputError as error:
        sys.exit(_refuse(error.messages))
    except ValueError as error:
        sys.exit(_refuse(_messages(error)))
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("canary_"):
            raise
        why = f"needs {missing.name}, which is not installed"
        sys.exit(_refuse((f'{why}: pip install "{_DISTRIBUTION}[all]" brings all that any command needs',)))
    except OSError as error:
        # A file that a command was told to read or write; what it knows of files itself, it says better.
        place = f"{error.filename}: " if error.filename else ""
        sys.exit(_refuse((f"{place}{error.strerror or error}",)))
    finally:
        _let_go_of_stderr()


def _let_go_of_stderr() -> None:
    """Messages that could not be written do not change the exit code, as they would at the end of the interpreter."""
    try:
        sys.stderr.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _messages(error: ValueError) -> tuple[str, ...]:
    """The lines for an error that is the fault of a manifest or policy; any other error is raised again."""
    from canary_adapters.manifests import ManifestError
    from canary_core.errors import PolicyError

    if isinstance(error, ManifestError):
        return tuple(map(str, error.mistakes))
    if isinstance(error, PolicyError):
        return (str(error),)
    raise error


def _refuse(messages: tuple[str, ...]) -> int:
    for message in messages:
        announce(f"error: {message}")
    return BAD_INPUT


if __name__ == "__main__":
    main()
