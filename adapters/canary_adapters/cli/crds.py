"""``canary crds``: the CustomResourceDefinitions, for ``kubectl apply -f -``."""

from typing import Annotated

import typer

__all__ = ["crds"]


def crds(
    output: Annotated[str, typer.Option("--output", "-o", metavar="FORMAT", help="yaml or json.")] = "yaml",
) -> None:
    """Print the CustomResourceDefinitions of Canary, MetricTemplate and AlertProvider.

    They take all objects that Flagger's own definitions take.
    """
    import json

    import yaml

    from canary_adapters.kubernetes.crds import definitions

    if output == "json":
        whole = {"apiVersion": "v1", "kind": "List", "items": definitions()}
        typer.echo(json.dumps(whole, indent=2))
    elif output == "yaml":
        dumper = type("Dumper", (yaml.SafeDumper,), {"ignore_aliases": lambda *_: True})
        typer.echo(
            yaml.dump_all(definitions(), Dumper=dumper, sort_keys=False, explicit_start=True, width=120), nl=False
        )
    else:
        raise typer.BadParameter(f"{output}: must be yaml or json", param_hint="--output")
