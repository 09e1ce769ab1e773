"""``canary pause | resume | abort | retry | promote``: a request to the machine, and what it answers."""

from pathlib import Path
from typing import Annotated

import typer

from canary_adapters.cli.steering import Context, Kubeconfig, Name, Namespace, at_desk, bare_name, duration, printed

__all__ = ["abort", "pause", "promote", "resume", "retry"]

Timeout = Annotated[str, typer.Option(metavar="DURATION", help="How long to wait for the answer.")]
Output = Annotated[
    str, typer.Option("--output", "-o", metavar="FORMAT", help="Print the Canary as json, yaml or name.")
]
_FORMATS = ("", "json", "yaml", "name")
_TIMEOUT = "30s"


def pause(
    name: Name,
    namespace: Namespace = "",
    timeout: Timeout = _TIMEOUT,
    output: Output = "",
    context: Context = "",
    kubeconfig: Kubeconfig = None,
) -> None:
    """Hold a rollout where it is, and let none begin. Checks go on, and can roll back.

    Exit codes: 0 accepted; 1 refused, not found or forbidden; 2 bad input; 3 no answer in time.
    """
    _ask("pause", name, namespace, timeout, output, context, kubeconfig)


def resume(
    name: Name,
    namespace: Namespace = "",
    timeout: Timeout = _TIMEOUT,
    output: Output = "",
    context: Context = "",
    kubeconfig: Kubeconfig = None,
) -> None:
    """Let a paused rollout go on.

    Exit codes: 0 accepted; 1 refused, not found or forbidden; 2 bad input; 3 no answer in time.
    """
    _ask("resume", name, namespace, timeout, output, context, kubeconfig)


def abort(
    name: Name,
    namespace: Namespace = "",
    timeout: Timeout = _TIMEOUT,
    output: Output = "",
    context: Context = "",
    kubeconfig: Kubeconfig = None,
) -> None:
    """Roll back now. Refused once the primary has begun to change.

    Exit codes: 0 accepted; 1 refused, not found or forbidden; 2 bad input; 3 no answer in time.
    """
    _ask("abort", name, namespace, timeout, output, context, kubeconfig)


def retry(
    name: Name,
    namespace: Namespace = "",
    timeout: Timeout = _TIMEOUT,
    output: Output = "",
    context: Context = "",
    kubeconfig: Kubeconfig = None,
) -> None:
    """Try a failed revision, promotion or initialisation again.

    Exit codes: 0 accepted; 1 refused, not found or forbidden; 2 bad input; 3 no answer in time.
    """
    _ask("retry", name, namespace, timeout, output, context, kubeconfig)


def promote(
    name: Name,
    namespace: Namespace = "",
    timeout: Timeout = _TIMEOUT,
    output: Output = "",
    context: Context = "",
    kubeconfig: Kubeconfig = None,
) -> None:
    """Leave out the rest of the analysis, and a closed gate, and promote. Refused for a revision that has failed.

    Exit codes: 0 accepted; 1 refused, not found or forbidden; 2 bad input; 3 no answer in time.
    """
    _ask("promote", name, namespace, timeout, output, context, kubeconfig)


def _ask(
    verb: str, name: str, namespace: str, timeout: str, output: str, context: str, kubeconfig: Path | None
) -> None:
    from canary_adapters.cli.announce import announce
    from canary_adapters.steering.asking import Patience, ask, new_request
    from canary_core import Verb

    if output not in _FORMATS:
        raise typer.BadParameter(f"{output}: must be json, yaml or name", param_hint="--output")
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
