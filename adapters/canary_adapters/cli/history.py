"""``canary history``: how the last rollouts ended, and what each check of the last one came to."""

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
    printed,
)

__all__ = ["history"]


def history(
    name: Name,
    namespace: Namespace = "",
    output: Annotated[str, typer.Option("--output", "-o", metavar="FORMAT", help="json or yaml.")] = "",
    context: Context = "",
    kubeconfig: Kubeconfig = None,
) -> None:
    """Show how the last ten rollouts ended, and of the last one each check with its value and what was wanted.

    It stands in the status of the Canary, as the controller has written it.

    Exit codes: 0 shown; 1 not found or forbidden; 2 bad input; 3 no answer from the API server.
    """
    import time

    from rich.console import Console

    from canary_adapters.kubernetes.store.record import written_record
    from canary_adapters.steering.history import checks_of, rollouts_of
    from canary_adapters.steering.view import remembered

    check_format(output, "json", "yaml")
    with at_desk(kubeconfig, context, namespace) as place:
        obj = place.desk.canary(place.namespace, bare_name(name))
    record = remembered(obj.get("status"))
    if output:
        typer.echo(printed(written_record(record), output))
        return
    console = Console(highlight=False, soft_wrap=True)
    if record.now is None:
        console.print("No rollout is recorded yet.")
        return
    for line in rollouts_of(record, time.time()):
        console.print(line)
    if record.rounds:
        console.print("\nChecks of the last one:")
        for line in checks_of(record):
            console.print(line)
