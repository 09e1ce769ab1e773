"""``canary replay``: what is recorded of a rollout, decided once more."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from canary_adapters.cli.steering import Context, Kubeconfig, Namespace, at_desk, bare_name

if TYPE_CHECKING:
    from canary_adapters.steering.again import Replay

__all__ = ["replay"]


def replay(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="Name of a Canary in the cluster.")] = "",
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", metavar="FILE", help="A Canary, as kubectl get -o yaml prints it, in its place."),
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The log of a controller: its rounds, in place of those in the status."),
    ] = None,
    namespace: Namespace = "",
    context: Context = "",
    kubeconfig: Kubeconfig = None,
) -> None:
    """Decide once more what is recorded of a rollout: the same decisions, or the first that differs.

    By the policy that the Canary declares now: what was decided by another one may differ.

    Exit codes: 0 the same; 1 a difference, not found or forbidden; 2 bad input; 3 no answer from the API server.
    """
    from canary_adapters.steering.again import replayed, rounds_logged
    from canary_adapters.steering.outlook import policy_declared
    from canary_adapters.steering.view import remembered

    if bool(name) == (file is not None):
        raise typer.BadParameter("give the name of a Canary, or a file", param_hint="NAME or --file")
    if file is not None:
        obj = _canary_in(file)
    else:
        with at_desk(kubeconfig, context, namespace) as place:
            obj = place.desk.canary(place.namespace, bare_name(name))
    rounds = remembered(obj.get("status")).rounds
    if log is not None:
        metadata = obj["metadata"]
        with log.open(encoding="utf-8", errors="replace") as lines:
            rounds = tuple(rounds_logged(lines, metadata.get("namespace", "default"), metadata["name"]))
    _tell(replayed(policy_declared(obj), rounds))


def _canary_in(file: Path) -> dict[str, Any]:
    """The only Canary of a file, as it stands there.

    Raises:
        ManifestError: It cannot be read.
        BadInputError: There is none in it, or there are several.
    """
    from canary_adapters.cli.errors import BadInputError
    from canary_adapters.manifests import read_file
    from canary_adapters.manifests.documents import documents

    count = len(read_file(file).canaries)
    contents = [each.content for each in documents(file.read_text(encoding="utf-8-sig"))]
    found = [each for each in contents if isinstance(each, dict) and each.get("kind") == "Canary"]
    if count != 1 or len(found) != 1:
        raise BadInputError(f"{file}: must hold one Canary, has {count}")
    return found[0]


def _tell(found: "Replay") -> None:
    if not found.rounds and not found.difference:
        typer.echo("Nothing is recorded that could be decided once more.")
        return
    more = f"; {found.passed_over} more are not whole" if found.passed_over else ""
    typer.echo(f"{found.rounds} rounds: the same decisions{more}." if found.rounds else "The first round differs.")
    if found.difference:
        typer.echo(found.difference)
        raise typer.Exit(1)
