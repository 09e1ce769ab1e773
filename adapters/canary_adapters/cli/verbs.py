"""``canary pause | resume | abort | retry | promote``: a request to the machine, and what it answers."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from canary_adapters.cli.steering import (
    Context,
    Kubeconfig,
    Name,
    Namespace,
    at_desk,
    bare_name,
    check_format,
    duration,
    printed,
)

__all__ = ["abort", "pause", "promote", "resume", "retry"]

Timeout = Annotated[str, typer.Option(metavar="DURATION", help="How long to wait for the answer.")]
Output = Annotated[
    str, typer.Option("--output", "-o", metavar="FORMAT", help="Print the Canary as json, yaml or name.")
]
_CODES = "Exit codes: 0 accepted; 1 refused, not found or forbidden; 2 bad input; 3 no answer in time."


def _asks(verb: str, what: str) -> Callable[..., None]:
    """The command for a verb; ``what`` it asks for is its help."""

    def command(
        name: Name,
        namespace: Namespace = "",
        timeout: Timeout = "30s",
        output: Output = "",
        context: Context = "",
        kubeconfig: Kubeconfig = None,
    ) -> None:
        _ask(verb, name, namespace, timeout, output, context, kubeconfig)

    command.__doc__ = f"{what}\n\n{_CODES}"
    return command


def _ask(
    verb: str, name: str, namespace: str, timeout: str, output: str, context: str, kubeconfig: Path | None
) -> None:
    from canary_adapters.cli.announce import announce
    from canary_adapters.steering.asking import Patience, ask, new_request
    from canary_core import Verb

    check_format(output, "json", "yaml", "name")
    patience = Patience(duration(timeout, "--timeout"))
    with at_desk(kubeconfig, context, namespace) as place:
        answer = ask(place.desk, place.namespace, bare_name(name), new_request(Verb(verb)), patience)
        if answer.code:
            announce(f"error: {answer.text}")
        if output == "name":
            typer.echo(answer.view.full)
        elif output:
            typer.echo(printed(place.desk.canary(place.namespace, answer.view.name), output))
        elif not answer.code:
            typer.echo(answer.text)
    raise typer.Exit(answer.code)


pause = _asks("pause", "Hold a rollout where it is, and let none begin. Checks go on, and can roll back.")
resume = _asks("resume", "Let a paused rollout go on.")
abort = _asks("abort", "Roll back now. Refused once the primary has begun to change.")
retry = _asks("retry", "Try a failed revision, promotion or initialisation again.")
promote = _asks(
    "promote",
    "Leave out the rest of the analysis, and a closed gate, and promote. Refused for a revision that has failed.",
)
