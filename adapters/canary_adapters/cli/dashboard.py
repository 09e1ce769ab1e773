"""``canary dashboard``: a live page of rollouts on this machine, with the rights of the kubeconfig."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from canary_adapters.cli.steering import Context, Kubeconfig, Namespace

if TYPE_CHECKING:
    from socket import socket

    from canary_adapters.dashboard.callers import OwnKey
    from canary_adapters.dashboard.service import Settings

__all__ = ["dashboard"]

_HOST: Final = "127.0.0.1"
_FIRST_S: Final = 10.0
"""For the first list of canaries; the page is served all the same if it takes longer."""


def dashboard(
    namespace: Namespace = "",
    all_namespaces: Annotated[bool, typer.Option("--all-namespaces", "-A", help="Canaries of all namespaces.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="On 127.0.0.1; 0: any free one.")] = 0,
    read_only: Annotated[
        bool,
        typer.Option("--read-only/--verbs", help="Whether the page only shows, or has buttons for pause, abort, ..."),
    ] = True,
    context: Context = "",
    kubeconfig: Kubeconfig = None,
) -> None:
    """Serve a live page of rollouts on this machine, until Ctrl-C.

    The address that is printed has a key in it, which is new each time: whoever has it sees what you may see and, with
    --verbs, does what you may do. Nobody on another machine can reach it.

    Exit codes: 0 stopped; 1 forbidden; 2 bad input; 3 no answer from the API server.
    """
    from canary_adapters.cli.steering import at_desk
    from canary_adapters.dashboard.callers import OwnKey
    from canary_adapters.dashboard.service import Settings
    from canary_adapters.dashboard.serving import CONNECTIONS, KERNEL
    from canary_adapters.sockets import listen
    from canary_adapters.telemetry import configure_logging

    configure_logging("warn", encoding="console")
    with at_desk(kubeconfig, context, namespace) as place:
        chosen = None if all_namespaces else place.namespace
        place.desk.canaries(chosen)  # says at once what is wrong
        try:
            listener = listen(_HOST, port, backlog=CONNECTIONS, kernel=KERNEL)
        except OSError as error:
            raise typer.BadParameter(f"{port}: {error.strerror or error}", param_hint="--port") from error
        own = listener.getsockname()[1]
        hosts = frozenset({f"{_HOST}:{own}", f"localhost:{own}"})
        settings = Settings(verbs=not read_only, namespace=chosen, hosts=hosts)
        door = OwnKey(place.desk, context or "the current context")
        _serve(settings, door, listener, kubeconfig, context)


def _serve(settings: "Settings", door: "OwnKey", listener: "socket", kubeconfig: Path | None, context: str) -> None:
    """Serve until a signal comes."""
    import threading

    from canary_adapters.cli.connection import connection
    from canary_adapters.clock import SystemClock
    from canary_adapters.dashboard.serving import Dashboard
    from canary_adapters.kubernetes.api import Api
    from canary_adapters.kubernetes.informers import Informers
    from canary_adapters.kubernetes.resources import CANARIES
    from canary_adapters.signals import heard

    ended = threading.Event()
    api = Api(connection(kubeconfig, context=context), user_agent="canary", connections=1)
    informers = Informers(api, [CANARIES], namespace=settings.namespace, on_change=lambda _, obj: served.changed(obj))
    served = Dashboard(settings, door, informers, listener, now_s=SystemClock().now_s)
    with heard(lambda _: ended.set()):
        informers.start()
        informers.wait(_FIRST_S)
        served.start()
        typer.echo(f"http://{_HOST}:{served.port}/#key={door.key}")
        ended.wait()
        informers.stop()
        served.stop()
        api.close()
