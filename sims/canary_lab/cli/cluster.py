"""``canary cluster``: an embedded Kubernetes API server, for trying things out without a cluster."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["cluster"]


def cluster(
    port: Annotated[int, typer.Option(metavar="N", help="Where to listen on 127.0.0.1; 0 is any free port.")] = 0,
    kubeconfig: Annotated[
        Path, typer.Option(metavar="FILE", help="Where to write the kubeconfig for kubectl and other clients.")
    ] = Path("cluster.kubeconfig"),
    play_pods: Annotated[
        bool,
        typer.Option(
            "--play-pods/--no-play-pods",
            help="Pods become ready by themselves; or `canary mesh` runs them.",
        ),
    ] = True,
) -> None:
    """Run a Kubernetes API server in memory, until Ctrl-C.

    It behaves like a real one for what a canary rollout touches: Deployments roll out, Services get endpoints, custom
    resources are validated. Pods become ready though nothing runs in them. All is forgotten at the end.

    Exit codes: 0 it was ended; 2 the port is taken, or the kubeconfig cannot be written.
    """
    import threading

    from canary_adapters.signals import heard
    from canary_lab.cluster import EmbeddedCluster

    ended = threading.Event()
    running = EmbeddedCluster(port=port, play_pods=play_pods)
    with heard(lambda _: ended.set()):
        try:
            running.start()
        except OSError as error:
            raise typer.BadParameter(f"{port}: {error.strerror or error}", param_hint="--port") from error
        try:
            running.kubeconfig(kubeconfig)
        except OSError as error:
            running.stop()
            raise typer.BadParameter(f"{kubeconfig}: {error.strerror}", param_hint="--kubeconfig") from error
        typer.echo(f"export KUBECONFIG={kubeconfig.resolve()}")
        ended.wait()
        running.stop()
