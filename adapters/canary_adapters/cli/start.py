"""The console scripts: each says what to install where only the core is installed."""

import sys
from importlib import import_module

__all__ = ["complete", "main", "plugin"]


def main() -> None:
    """Run the `canary` command, if what it needs is there."""
    _run("main", "main")


def plugin() -> None:
    """Run it as a plugin of kubectl."""
    _run("plugin", "run")


def complete() -> None:
    """Complete its command line for kubectl."""
    _run("plugin", "complete")


def _run(module: str, function: str) -> None:
    try:
        run = getattr(import_module(f"canary_adapters.cli.{module}"), function)
    except ModuleNotFoundError as missing:
        why = f"canary: needs {missing.name}, which is not installed"
        sys.stderr.write(f'{why}: pip install "canary-core[cli]", or [sims] to simulate\n')
        raise SystemExit(2) from None
    run()
