"""What the commands for people in the middle of a rollout share: options, the connection, errors and output."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from attrs import frozen

from canary_adapters.cli.names import canary_names, context_names, namespace_names

if TYPE_CHECKING:
    from canary_adapters.steering.desk import Desk

__all__ = [
    "Context",
    "Kubeconfig",
    "Name",
    "Namespace",
    "Place",
    "at_desk",
    "bare_name",
    "check_format",
    "duration",
    "printed",
]

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the Canary.", autocompletion=canary_names)]
Namespace = Annotated[
    str,
    typer.Option(
        "--namespace",
        "-n",
        metavar="NAMESPACE",
        help="Namespace of the Canary. Default: that of the kubeconfig's context.",
        autocompletion=namespace_names,
    ),
]
Context = Annotated[
    str,
    typer.Option(
        metavar="NAME", help="Context of the kubeconfig. Default: the current one.", autocompletion=context_names
    ),
]
Kubeconfig = Annotated[
    Path | None, typer.Option(metavar="FILE", help="How to reach the API server. Default: as kubectl.")
]
_INTERRUPTED = 130
"""Exit code of a program that Ctrl-C has ended, as shells have it."""
_PREFIXES = ("canary/", "canaries/", "canary.flagger.app/", "canaries.flagger.app/")


@frozen
class Place:
    """Where a command looks."""

    desk: "Desk"
    namespace: str


@contextmanager
def at_desk(kubeconfig: Path | None, context: str, namespace: str) -> Iterator[Place]:
    """A connection; what goes wrong in the block is printed as one line, and ends the command with its exit code.

    Raises:
        BadInputError: There is no such configuration or context.
    """
    from canary_adapters.cli.announce import announce
    from canary_adapters.cli.connection import connection, namespace_of
    from canary_adapters.kubernetes.api import Api
    from canary_adapters.steering.desk import Desk, SteeringError

    found = connection(kubeconfig, context=context)
    api = Api(found, user_agent="canary", field_manager="canary", connections=2)
    try:
        yield Place(Desk(api, str(found.host)), namespace or namespace_of(kubeconfig, context))
    except SteeringError as error:
        announce(f"error: {error.message}")
        raise typer.Exit(error.code) from None
    except KeyboardInterrupt:
        raise typer.Exit(_INTERRUPTED) from None
    finally:
        api.close()


def bare_name(name: str) -> str:
    """A name as it is given: also as ``canary/NAME``, which other commands print."""
    return next((name.removeprefix(prefix) for prefix in _PREFIXES if name.startswith(prefix)), name)


def duration(text: str, option: str) -> float:
    """Seconds of an option such as ``90s`` or ``10m``.

    Raises:
        typer.BadParameter: It is no duration.
    """
    from canary_adapters.manifests.durations import duration_s

    found = duration_s(text)
    if found is None or found < 0:
        raise typer.BadParameter(f"{text}: must be a duration such as 30s or 10m", param_hint=option)
    return found


def check_format(output: str, *formats: str) -> None:
    """Refuse a format of ``--output`` that there is not.

    Raises:
        typer.BadParameter: It is none of these.
    """
    if output and output not in formats:
        allowed = f"{', '.join(formats[:-1])} or {formats[-1]}" if formats[1:] else formats[0]
        raise typer.BadParameter(f"{output}: must be {allowed}", param_hint="--output")


def printed(value: Any, output: str) -> str:
    """An object as JSON or YAML.

    Args:
        value: What was read.
        output: ``json`` or ``yaml``.
    """
    import json

    import yaml

    if output == "json":
        return json.dumps(value, indent=4)
    return str(yaml.safe_dump(value, sort_keys=False, width=120)).rstrip("\n")
