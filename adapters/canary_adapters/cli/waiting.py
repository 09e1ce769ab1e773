"""``canary wait`` and ``canary watch``: one look after the other, for pipelines and for people."""

import math
from typing import TYPE_CHECKING, Annotated

import typer

from canary_adapters.cli.steering import Context, Kubeconfig, Name, Namespace, at_desk, bare_name, duration

if TYPE_CHECKING:
    from canary_adapters.steering.ending import End
    from canary_adapters.steering.following import Look

__all__ = ["wait", "watch"]


def wait(
    name: Name,
    namespace: Namespace = "",
    revision: Annotated[
        str, typer.Option(metavar="FINGERPRINT", help="Of the revision, or its beginning, as `canary status` shows it.")
    ] = "",
    image: Annotated[str, typer.Option(metavar="IMAGE", help="Of a container of the revision.")] = "",
    generation: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Of the Canary that the controller is to have acted on.")
    ] = None,
    timeout: Annotated[str, typer.Option(metavar="DURATION", help="How long to wait.")] = "10m",
    context: Context = "",
    kubeconfig: Kubeconfig = None,
) -> None:
    """Wait until a revision is promoted, has failed or is withdrawn, and print a line for each change.

    Without --revision, --image and --generation: until the rollout that is under way or begins within 10 seconds is
    over.

    Exit codes: 0 promoted; 1 failed, withdrawn, not found or forbidden; 2 bad input; 3 not over in time.
    """
    from rich.console import Console

    from canary_adapters.cli.announce import announce
    from canary_adapters.steering.asking import Patience
    from canary_adapters.steering.ending import Ending, Goal
    from canary_adapters.steering.following import Lines, follow, looks_at

    if sum(map(bool, (revision, image, generation))) > 1:
        raise typer.BadParameter("one of --revision, --image and --generation at most", param_hint="--revision")
    patience = Patience(duration(timeout, "--timeout"))
    ending, lines, console = Ending(Goal(revision=revision, image=image, generation=generation)), Lines(), Console()

    def ends(look: "Look") -> "End | None":
        return ending.of(look.view, patience.now_s(), target=look.canary.images, primary=look.primary.images)

    def show(look: "Look") -> None:
        for line in lines.of(look):
            console.print(line, markup=False, highlight=False, soft_wrap=True)

    with at_desk(kubeconfig, context, namespace) as place:
        look = looks_at(place.desk, place.namespace, bare_name(name), workloads=bool(image))
        end = follow(look, ends=ends, shows=show, patience=patience)
    if end.code:
        announce(f"error: {end.text}")
    else:
        typer.echo(end.text)
    raise typer.Exit(end.code)


def watch(
    name: Name,
    namespace: Namespace = "",
    until_over: Annotated[
        bool, typer.Option("--until-over", help="End with the rollout that is under way or begins within 10 seconds.")
    ] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Lines instead of a screen, also on a terminal.")] = False,
    context: Context = "",
    kubeconfig: Kubeconfig = None,
) -> None:
    """Watch a canary on the whole screen, or line by line where there is none, until Ctrl-C.

    Exit codes: 0 promoted; 1 failed, withdrawn, not found or forbidden; 2 bad input; 130 ended by Ctrl-C.
    """
    from rich.console import Console

    from canary_adapters.steering.asking import Patience
    from canary_adapters.steering.ending import Ending, Goal
    from canary_adapters.steering.following import follow, looks_at
    from canary_adapters.steering.screen import shown

    console, patience, ending = Console(highlight=False), Patience(math.inf), Ending(Goal())

    def ends(look: "Look") -> "End | None":
        return ending.of(look.view, patience.now_s()) if until_over else None

    with at_desk(kubeconfig, context, namespace) as place:
        look = looks_at(place.desk, place.namespace, bare_name(name), workloads=True, events=True, lenient=True)
        with shown(console, plain=plain or not console.is_terminal) as show:
            end = follow(look, ends=ends, shows=show, patience=patience)
        console.print(end.text, markup=False, soft_wrap=True)
    raise typer.Exit(end.code)
