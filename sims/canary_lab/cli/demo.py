"""``canary demo``: the article's rollout on this machine, with real requests."""

from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["demo"]


def demo(
    fault: Annotated[
        str,
        typer.Option(metavar="FAULT", help="Of the bad version: error-rate=5%, latency=800ms or crash."),
    ] = "error-rate=5%",
    rate: Annotated[float, typer.Option(min=1, max=1000, help="Requests of users a second.")] = 50.0,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running at the end, until Ctrl-C.")] = False,
    folder: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="For logs and configuration. Absent: a new temporary one.")
    ] = None,
    interval: Annotated[
        int, typer.Option(min=1, max=60, metavar="S", help="Seconds between two looks of the controller.")
    ] = 5,
    stand_ins: Annotated[
        bool, typer.Option("--stand-ins", help="Do without Prometheus and hey, also where they are installed.")
    ] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Lines instead of a screen, also on a terminal.")] = False,
    clusters: Annotated[
        int,
        typer.Option(min=1, max=5, metavar="N", help="Play the waves: one cluster after the other gets each version."),
    ] = 1,
) -> None:
    """Play the article's rollout on this machine: a good version is promoted, a bad one is taken back.

    A Kubernetes API server, Envoy, Prometheus, the load tester and the controller are started as processes; users make
    real requests all the while. Nothing leaves this machine.

    With several clusters, each has all of that, and a small stand-in for Rancher Fleet hands each version on when the
    cluster before is ready: the good one passes through all, the bad one stops in the first.

    Exit codes: 0 it went as it should; 1 it did not; 2 an option cannot be used.
    """
    import signal
    import tempfile

    from rich.console import Console

    from canary_adapters.cli.errors import BadInputError
    from canary_lab.demo.fault import Fault, FaultError
    from canary_lab.demo.run import run, run_waves
    from canary_lab.mesh.laptop import Laptop

    try:
        chosen = Fault.read(fault)
    except FaultError as error:
        raise BadInputError(f"--fault: {error}") from error
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    place = folder if folder is not None else Path(tempfile.mkdtemp(prefix="canary-demo-"))
    console = Console(highlight=False)
    shown: dict[str, Any] = {"console": console, "keep": keep, "plain": plain or not console.is_terminal}
    story: dict[str, Any] = {"fault": chosen, "rate": rate, "interval_s": interval, **shown}
    if clusters == 1:
        raise typer.Exit(run(Laptop(place, stand_ins=stand_ins), **story))
    names = [f"cluster-{number + 1}" for number in range(clusters)]
    laptops = {name: Laptop(place / name, stand_ins=stand_ins) for name in names}
    raise typer.Exit(run_waves(laptops, place, **story))
