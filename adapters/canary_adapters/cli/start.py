"""The console script: says what to install where only the core is installed."""

import sys

__all__ = ["main"]


def main() -> None:
    """Run the `canary` command, if what it needs is there."""
    try:
        from canary_adapters.cli.main import main as run
    except ModuleNotFoundError as missing:
        why = f"canary: needs {missing.name}, which is not installed"
        sys.stderr.write(f'{why}: pip install "canary-core[cli]", or [sims] to simulate\n')
        raise SystemExit(2) from None
    run()
