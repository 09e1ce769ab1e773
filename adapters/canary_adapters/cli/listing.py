"""``canary list``: where all rollouts stand."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from canary_adapters.cli.steering import Context, Kubeconfig, Namespace, at_desk, check_format, printed

if TYPE_CHECKING:
    from canary_adapters.steering.desk import Desk
    from canary_adapters.steering.pages import Columns

__all__ = ["list_canaries"]

_LOOK_S = 2.0


def list_canaries(
    namespace: Namespace = "",
    all_namespaces: Annotated[bool, typer.Option("--all-namespaces", "-A", help="Canaries of all namespaces.")] = False,
    output: Annotated[str, typer.Option("--output", "-o", metavar="FORMAT", help="wide, json, yaml or name.")] = "",
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Go on, and print each Canary that changes, until Ctrl-C.")
    ] = False,
    context: Context = "",
    kubeconfig: Kubeconfig = None,
) -> None:
    """List canaries: phase, weight, failed checks, and why a rollout stands still.

    Exit codes: 0 listed; 1 forbidden; 2 bad input; 3 no answer from the API server.
    """
    from canary_adapters.steering.pages import Columns

    check_format(output, "wide", "json", "yaml", "name")
    with at_desk(kubeconfig, context, namespace) as place:
        chosen = None if all_namespaces else place.namespace
        if output in {"json", "yaml"} and not watch:
            whole = {
                "apiVersion": "v1",
                "kind": "List",
                "items": [_whole(each) for each in place.desk.canaries(chosen)],
            }
            typer.echo(printed(whole, output))
            return
        columns = Columns(with_namespace=all_namespaces, wide=output == "wide")
        _Printer(columns, output).run(place.desk, chosen, watch=watch)


class _Printer:
    """Prints each Canary when it has changed."""

    def __init__(self, columns: "Columns", output: str) -> None:
        from rich.console import Console

        self._columns, self._output = columns, output
        self._console = Console(highlight=False, soft_wrap=True)
        self._widths: list[int] = []
        self._shown: dict[tuple[str, str], str] = {}

    def run(self, desk: "Desk", namespace: str | None, *, watch: bool) -> None:
        import time

        from canary_adapters.cli.announce import announce
        from canary_adapters.steering.desk import UnansweredError

        items = desk.canaries(namespace)
        if not items and self._output != "name":
            place = f"in namespace {namespace}" if namespace is not None else "in any namespace"
            announce(f"No canaries {place}.")
        self._show(items, first=True)
        while watch:
            time.sleep(_LOOK_S)
            try:
                self._show(desk.canaries(namespace), first=False)
            except UnansweredError:
                continue  # the next look will tell

    def _show(self, items: list[dict[str, Any]], *, first: bool) -> None:
        import time

        from rich.text import Text

        from canary_adapters.steering.pages import row, rows

        changed = list(self._changed(items))
        if self._output in {"json", "yaml"}:
            for obj in changed:
                typer.echo(("---\n" if self._output == "yaml" else "") + printed(_whole(obj), self._output))
            return
        views = [self._view(obj) for obj in changed]
        if self._output == "name":
            for view in views:
                typer.echo(view.full)
            return
        lines = [row(view, self._columns, time.time()) for view in views]
        heading = [[Text(name) for name in self._columns.names]] if first and lines else []
        for line in rows([*heading, *lines], self._widths):
            self._console.print(line)

    @staticmethod
    def _view(obj: dict[str, Any]) -> Any:
        from canary_adapters.steering.view import CanaryView

        return CanaryView.of(obj)

    def _changed(self, items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for obj in items:
            metadata = obj["metadata"]
            key = metadata["namespace"], metadata["name"]
            if self._shown.get(key) != metadata["resourceVersion"]:
                self._shown[key] = metadata["resourceVersion"]
                yield obj


def _whole(obj: dict[str, Any]) -> dict[str, Any]:
    """An object of a list, which says nothing of its kind."""
    from canary_adapters.kubernetes.resources import CANARIES

    return {"apiVersion": CANARIES.api_version, "kind": CANARIES.kind, **obj}
