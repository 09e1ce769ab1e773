"""``canary simulate``: what a canary's policy would do, without a cluster."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from canary_adapters.cli.errors import BadInputError

if TYPE_CHECKING:
    from canary_adapters.manifests import Canary
    from canary_sims.scenario import Scenario
    from canary_sims.simulation import Run

__all__ = ["canary_of", "simulate"]


def simulate(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Manifests with the Canary to simulate.")],
    scenario: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What happens to the service. Without it: a healthy new revision."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="[NAMESPACE/]NAME", help="Which Canary, if the file holds several.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Of the noise in what is measured.")] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per tick and one for the outcome, a line each.")
    ] = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write table and picture to one HTML file.")
    ] = None,
) -> None:
    """Simulate a rollout: what would this Canary's policy have done?

    The real decision logic runs over a simulated service under virtual time. Nothing is contacted, and no cluster is
    needed.

    Exit codes: 0 the revision was promoted, or there was nothing to do; 1 the rollout failed or did not end;
    2 bad input.
    """
    run = _run(file, scenario, name, seed)
    if html is not None:
        _write(html, run)
    _print(run, as_json=as_json)
    raise typer.Exit(run.exit_code)


def _run(file: Path, scenario: Path | None, name: str | None, seed: int) -> "Run":
    """Read everything, then simulate.

    Raises:
        BadInputError: The file does not hold the one Canary that is asked for.
        ManifestError: A file has mistakes, or the files do not go together.
    """
    from canary_adapters.manifests import policy_of
    from canary_core.messages import Names
    from canary_sims import simulation

    canary = canary_of(file, name)
    target = canary.spec.target_ref
    names = Names(canary=canary.name, namespace=canary.namespace, target=target.name, kind=target.kind)
    return simulation.simulate(policy_of(canary), _scenario(scenario), seed=seed, names=names)


def _scenario(path: Path | None) -> "Scenario":
    from canary_sims.scenario import HEALTHY, read_scenario

    return HEALTHY if path is None else read_scenario(path)


def canary_of(file: Path, name: str | None) -> "Canary":
    """The canary of that name, or the only one.

    Raises:
        BadInputError: The file does not hold the one that is asked for.
        ManifestError: It has mistakes.
    """
    from canary_adapters.manifests import read_file

    found = read_file(file).canaries
    wanted = [each for each in found if name is None or name in {each.name, f"{each.namespace}/{each.name}"}]
    if len(wanted) == 1:
        return wanted[0]
    names = ", ".join(f"{each.namespace}/{each.name}" for each in found)
    if not found:
        raise BadInputError(f"{file}: holds no Canary (apiVersion flagger.app/v1beta1)")
    if not wanted:
        raise BadInputError(f"{file}: holds no Canary {name}; --name must be one of {names}")
    raise BadInputError(f"{file}: holds several Canaries; choose one of them with --name: {names}")


def _write(path: Path, run: "Run") -> None:
    from canary_sims.report import to_html

    try:
        path.write_text(to_html(run), encoding="utf-8")
    except OSError as error:
        raise BadInputError(f"{path}: cannot be written: {error.strerror}") from error


def _print(run: "Run", *, as_json: bool) -> None:
    from canary_sims.report import print_run, to_lines

    if as_json:
        for line in to_lines(run):
            typer.echo(line)
        return
    from rich.console import Console

    print_run(run, Console())
