"""``canary explore``: every reachable state of a canary's policy, invariants checked in each."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from canary_adapters.cli.errors import FAILED, BadInputError

if TYPE_CHECKING:
    from rich.console import Console

    from canary_adapters.manifests import Canary
    from canary_sims.harness.explore import Exploration

__all__ = ["explore"]


def explore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Manifests with the Canary to explore.")],
    name: Annotated[
        str | None, typer.Option(metavar="[NAMESPACE/]NAME", help="Which Canary; without it, all of the file.")
    ] = None,
    thorough: Annotated[
        bool,
        typer.Option("--thorough", help="Not only crashes: hand edits, deletions and requests of people, too."),
    ] = False,
    mermaid: Annotated[
        bool, typer.Option("--mermaid", help="Print the diagram of the phases and nothing else.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per Canary, a line each.")] = False,
) -> None:
    """Explore a policy: visit every state that its rollouts can reach, and check every invariant there.

    Numbers are made small first (two steps, a threshold of two, ...): what is true of two is true of ten. Pods fail
    and recover, revisions come and go, checks and hooks answer in every way, and the controller crashes between any
    two of its writes. From each state it is also checked that the rollout ends if the world behaves.

    Exit codes: 0 all invariants hold; 1 one does not: the shortest way there is printed; 2 bad input.
    """
    holds = True
    for canary in _canaries(file, name):
        found, seconds = _explored(canary, thorough=thorough, quiet=mermaid or as_json)
        holds = holds and found.holds
        if mermaid:
            typer.echo(_diagram(found), nl=False)
        elif as_json:
            typer.echo(json.dumps(_record(canary, found, seconds)))
        else:
            _print(canary, found, seconds)
        if mermaid and not found.holds:
            typer.echo(str(found.counterexamples[0]), err=True)
    if not holds:
        raise typer.Exit(FAILED)


def _canaries(file: Path, name: str | None) -> "Sequence[Canary]":
    from canary_adapters.manifests import read_file

    found = read_file(file).canaries
    if not found:
        raise BadInputError(f"{file}: holds no Canary (apiVersion flagger.app/v1beta1)")
    wanted = [each for each in found if name is None or name in {each.name, f"{each.namespace}/{each.name}"}]
    if not wanted:
        names = ", ".join(f"{each.namespace}/{each.name}" for each in found)
        raise BadInputError(f"{file}: holds no Canary {name}; --name must be one of {names}")
    return wanted


def _explored(canary: "Canary", *, thorough: bool, quiet: bool) -> "tuple[Exploration, float]":
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from canary_adapters.manifests import policy_of
    from canary_sims.harness.explore import explore as visit

    started = time.perf_counter()
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=quiet,
    )
    with bar:
        task = bar.add_task(f"exploring {canary.name}", total=None)

        def progress(visited: int, known: int) -> None:
            bar.update(task, description=f"exploring {canary.name}: {visited} of {known} known states")

        found = visit(policy_of(canary), people=thorough, progress=progress)
    return found, time.perf_counter() - started


def _diagram(found: "Exploration") -> str:
    from canary_sims.harness.diagram import mermaid

    return mermaid(found.edges)


def _record(canary: "Canary", found: "Exploration", seconds: float) -> dict[str, Any]:
    from canary_sims.harness.diagram import untaken_edges
    from canary_sims.laws.invariants import INVARIANTS

    return {
        "canary": f"{canary.namespace}/{canary.name}",
        "holds": found.holds,
        "states": found.states,
        "transitions": found.transitions,
        "phases": sorted(phase.value for phase in found.phases),
        "edges": sorted([source.value, target.value] for source, target in found.edges),
        "edges_not_taken": [[source.value, target.value] for source, target in untaken_edges(found.edges)],
        "invariants": [invariant.__name__ for invariant in INVARIANTS.values()],
        "counterexamples": [{"broken": each.broken, "path": each.path} for each in found.counterexamples],
        "seconds": round(seconds, 3),
    }


def _print(canary: "Canary", found: "Exploration", seconds: float) -> None:
    from rich.console import Console
    from rich.table import Table

    from canary_core import EDGES, Phase
    from canary_sims.laws.invariants import INVARIANTS

    edges = sum(len(targets) for targets in EDGES.values())
    table = Table(title=f"{canary.namespace}/{canary.name}", show_header=False)
    for name, value in (
        ("states", f"{found.states:,}"),
        ("transitions", f"{found.transitions:,}"),
        ("phases", f"{len(found.phases)} of {len(Phase)}"),
        ("edges taken", f"{len(found.edges)} of {edges}"),
        ("invariants", f"{len(INVARIANTS)}, {'all hold' if found.holds else 'broken'}"),
        ("time", f"{seconds:.1f} s"),
    ):
        table.add_row(name, value)
    console = Console()
    console.print(table)
    _print_counterexamples(console, found)


def _print_counterexamples(console: "Console", found: "Exploration") -> None:
    for each in found.counterexamples:
        console.print("The shortest way to break it:", style="bold red")
        console.print(str(each), highlight=False, markup=False, soft_wrap=True)
