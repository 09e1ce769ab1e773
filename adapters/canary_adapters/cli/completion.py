"""``canary completion``: the script by which a shell completes commands, options and the names of canaries."""

from typing import Annotated

import typer

__all__ = ["completion"]

_SHELLS = ("bash", "zsh", "fish")


def completion(shell: Annotated[str, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")]) -> None:
    """Print the completion script of a shell: source <(canary completion bash), canary completion fish | source.

    Names of canaries come from the cluster, within two seconds or not at all.
    """
    import os

    from canary_adapters.cli.main import COMPLETE, main

    if shell not in _SHELLS:
        raise typer.BadParameter(f"{shell}: must be bash, zsh or fish", param_hint="SHELL")
    os.environ[COMPLETE] = f"source_{shell}"
    main()
