"""``canary torture``: rollouts of a canary's policy while everything around the controller fails."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from canary_adapters.cli.errors import FAILED, BadInputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from canary_sims.harness.faults.campaign import Tallies
    from canary_sims.harness.faults.stories import Story
    from canary_sims.harness.faults.trial import Trial

__all__ = ["torture"]


def torture(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Manifests with the Canary to torture.")],
    name: Annotated[
        str | None, typer.Option(metavar="[NAMESPACE/]NAME", help="Which Canary, if the file holds several.")
    ] = None,
    scenario: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What happens meanwhile. Without it: about thirty stories in turn."),
    ] = None,
    runs: Annotated[int, typer.Option(metavar="N", min=1, max=100_000_000, help="How many rollouts.")] = 1000,
    jobs: Annotated[int, typer.Option(metavar="N", min=1, max=256, help="Processes that play them.")] = 1,
    seed: Annotated[int, typer.Option(metavar="N", help="The same seed gives the same faults.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Torture a policy: play its rollouts while port calls fail, time out, conflict, lie and never come back.

    The real decision logic and the real driver run over a simulated service. Each rollout meets other faults: calls
    that fail before or after their effect, arrive late, conflict, or return something old; a controller that dies, is
    paused, or meets another one that believes it is leader; wake-ups that are lost, late or doubled. The invariants are
    checked at every instant, and every rollout must be over soon after its last fault.

    Exit codes: 0 nothing was broken; 1 something was: the shortest way there is printed as a scenario that
    `canary simulate` plays; 2 bad input.
    """
    stories = _stories(file, name, scenario)
    started = time.perf_counter()
    tallies = _played(stories, runs=runs, jobs=min(jobs, os.cpu_count() or 1, runs), seed=seed, quiet=as_json)
    seconds = time.perf_counter() - started
    if as_json:
        typer.echo(json.dumps(_record(tallies, seed, seconds)))
    else:
        _print(tallies, file, seed, seconds)
    if tallies.broken:
        raise typer.Exit(FAILED)


def _stories(file: Path, name: str | None, scenario: Path | None) -> "tuple[Story, ...]":
    """What is to be played.

    Raises:
        BadInputError: The file does not hold the one Canary that is asked for, or the scenario has faults already.
        ManifestError: A file has mistakes, or the files do not go together.
    """
    from canary_adapters.manifests import policy_of
    from canary_sims.cli.simulate import canary_of
    from canary_sims.harness.faults.stories import Story, stories
    from canary_sims.scenario import read_scenario
    from canary_sims.simulation.run import check_hooks

    policy = policy_of(canary_of(file, name))
    if scenario is None:
        return stories(policy)
    found = read_scenario(scenario)
    check_hooks(policy, found)
    if found.faults:
        raise BadInputError(f"{scenario}: faults: must be left out here; `canary simulate` plays them")
    return (Story(name=found.description or str(scenario), policy=policy, scenario=found),)


def _played(stories: "tuple[Story, ...]", *, runs: int, jobs: int, seed: int, quiet: bool) -> "Tallies":
    from canary_sims.harness.faults.campaign import campaign

    with _progress(runs, quiet=quiet) as progress:
        return campaign(stories, runs=runs, seed=seed, jobs=jobs, progress=progress)


@contextmanager
def _progress(runs: int, *, quiet: bool) -> "Iterator[Callable[[Tallies], None]]":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=quiet,
    )
    with bar:
        task = bar.add_task("rollouts", total=runs)

        def progress(tallies: "Tallies") -> None:
            broken = f", {len(tallies.broken)} broken" if tallies.broken else ""
            bar.update(task, completed=tallies.runs, description=f"rollouts{broken}")

        yield progress


def _record(tallies: "Tallies", seed: int, seconds: float) -> dict[str, Any]:
    return {
        "runs": tallies.runs,
        "wake_ups": tallies.turns,
        "calls": tallies.calls,
        "faults": dict(tallies.struck),
        "ends": dict(tallies.ends),
        "most_wake_ups_after_the_last_fault": tallies.slowest,
        "broken": [{"what": trial.broken, "scenario": _scenario(trial)} for trial in tallies.broken],
        "seed": seed,
        "seconds": round(seconds, 3),
    }


def _print(tallies: "Tallies", file: Path, seed: int, seconds: float) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=str(file), show_header=False)
    faults = sum(number for _, number in tallies.struck)
    for name, value in (
        ("rollouts", f"{tallies.runs:,}"),
        ("wake-ups", f"{tallies.turns:,}"),
        ("port calls", f"{tallies.calls:,}"),
        ("faults", f"{faults:,}"),
        *((f"  {kind}", f"{number:,}") for kind, number in tallies.struck),
        *((f"ended in {phase}", f"{number:,}") for phase, number in tallies.ends),
        ("over after the last fault", f"within {tallies.slowest} wake-ups"),
        ("broken", f"{len(tallies.broken)}" if tallies.broken else "nothing"),
        ("seed", str(seed)),
        ("time", f"{seconds:.1f} s"),
    ):
        table.add_row(name, value)
    console = Console()
    console.print(table)
    for trial in tallies.broken:
        _print_broken(console, trial, file, seed)


def _print_broken(console: "Console", trial: "Trial", file: Path, seed: int) -> None:
    for each in trial.broken:
        console.print(each, style="bold red", highlight=False, markup=False, soft_wrap=True)
    console.print(
        f"Write these lines to a file F, and play them with: canary simulate {file} --scenario F --seed {seed}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    typer.echo(_scenario(trial))


def _scenario(trial: "Trial") -> str:
    """The trial as a scenario file, with its faults in words at the head."""
    from attrs import evolve

    from canary_sims.report.words import clock, struck_text
    from canary_sims.scenario import written

    said = [f"{clock(each.at_s)}: {struck_text(each)}" for each in trial.struck if not each.standing]
    return written(evolve(trial.story.scenario, faults=trial.plan), comment="\n".join([*trial.broken, *said]))
