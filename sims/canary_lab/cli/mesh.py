"""``canary mesh``: run the pods of an embedded cluster as local processes behind a real Envoy."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["mesh"]


def mesh(
    kubeconfig: Annotated[Path, typer.Option(metavar="FILE", help="Of a cluster that `canary cluster` runs.")] = Path(
        "cluster.kubeconfig"
    ),
    folder: Annotated[
        Path, typer.Option(metavar="FOLDER", help="For configuration, logs and mesh.json, which says where all is.")
    ] = Path("mesh"),
    programs: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Comes first in the PATH of the pods.")
    ] = None,
) -> None:
    """Run the pods of a cluster on this machine, and route between them as its VirtualServices say, until Ctrl-C.

    Each pod is a process of the demo application, or of `canary` for images whose name begins so. Envoy follows
    Services, VirtualServices and DestinationRules. A client reaches them by name through the forward proxy of its
    namespace: `curl -x PROXY http://NAME.NAMESPACE:PORT/`.

    Exit codes: 0 it was ended; 2 the cluster cannot be reached, or Envoy does not run here.
    """
    import logging
    import threading

    from canary_adapters.cli.errors import BadInputError
    from canary_adapters.signals import heard
    from canary_lab.mesh.envoy import EnvoyError
    from canary_lab.mesh.mesh import Mesh
    from canary_ports import PortError

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    ended = threading.Event()
    if not kubeconfig.is_file():
        raise BadInputError(f"--kubeconfig: {kubeconfig}: no such file; `canary cluster --no-play-pods` writes one")
    running = Mesh(kubeconfig, folder.resolve(), programs=programs)
    with heard(lambda _: ended.set()):
        try:
            running.start()
            typer.echo(f"the mesh runs; {folder / 'mesh.json'} says where", err=True)
            ended.wait()
        except EnvoyError as error:
            raise BadInputError(f"envoy: {error}") from error
        except PortError as error:
            raise BadInputError(f"--kubeconfig: {kubeconfig}: {error}") from error
        finally:
            running.stop()
