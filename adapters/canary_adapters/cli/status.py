"""``canary status``: one page on one canary."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from canary_adapters.cli.steering import (
    Context,
    Kubeconfig,
    Name,
    Namespace,
    Place,
    at_desk,
    bare_name,
    check_format,
    printed,
)

if TYPE_CHECKING:
    from rich.text import Text

    from canary_adapters.steering.pages import EventView

__all__ = ["status"]

_LOOK_S = 2.0


def status(
    name: Name,
    namespace: Namespace = "",
    output: Annotated[str, typer.Option("--output", "-o", metavar="FORMAT", help="wide, json, yaml or name.")] = "",
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Go on, and print the page again when it changes, until Ctrl-C.")
    ] = False,
    context: Context = "",
    kubeconfig: Kubeconfig = None,
) -> None:
    """Show a canary on one page: phase, weights, why it stands, what it waits for, open requests and events.

    Exit codes: 0 shown; 1 not found or forbidden; 2 bad input; 3 no answer from the API server.
    """
    import time

    from canary_adapters.steering.desk import UnansweredError

    check_format(output, "wide", "json", "yaml", "name")
    with at_desk(kubeconfig, context, namespace) as place:
        version = _show(place, bare_name(name), output, "")
        while watch:
            time.sleep(_LOOK_S)
            try:
                version = _show(place, bare_name(name), output, version)
            except UnansweredError:
                continue  # the next look will tell


def _show(place: Place, name: str, output: str, version: str) -> str:
    """Show a canary if it is not the version that was shown, and return which it is."""
    from rich.console import Console

    obj = place.desk.canary(place.namespace, name)
    found: str = obj["metadata"]["resourceVersion"]
    if found == version:
        return version
    if version and output != "name":
        typer.echo("---")
    if output in {"json", "yaml"}:
        typer.echo(printed(obj, output))
        return found
    console = Console(highlight=False, soft_wrap=True)
    for line in _page(place, obj, output):
        console.print(line)
    return found


def _page(place: Place, obj: dict[str, Any], output: str) -> "list[Text]":
    import time

    from rich.text import Text

    from canary_adapters.steering.pages import page
    from canary_adapters.steering.view import CanaryView

    view = CanaryView.of(obj)
    if output == "name":
        return [Text(view.full)]
    return page(view, _images(place, view.target_kind, view.target), _events(place, view.name), time.time())


def _images(place: Place, kind: str, target: str) -> dict[str, str]:
    from canary_adapters.steering.desk import SteeringError
    from canary_adapters.steering.pages import image_of

    if kind != "Deployment":
        return {}
    try:
        sides = {"primary": f"{target}-primary", "canary": target}
        found = {side: image_of(place.desk.deployment(place.namespace, name)) for side, name in sides.items()}
    except SteeringError:  # whoever may see the canary need not be allowed to see its Deployments
        return {}
    return {side: image for side, image in found.items() if image}


def _events(place: Place, name: str) -> "list[EventView] | str":
    from canary_adapters.steering.desk import SteeringError
    from canary_adapters.steering.pages import EventView

    try:
        return [EventView.of(each) for each in place.desk.events(place.namespace, name)]
    except SteeringError as error:
        return error.message
