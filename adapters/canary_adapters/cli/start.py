"""The console script: says what to install where only the core is installed."""

import sys

__all__ = ["main"]


def main() -> None:
    """Run the `canary` command, if what it needs is there."""
    try:
        from canary_adapters.cli.main import main as run
    except ModuleNotFoundError as missing:
        print(  # noqa: T201 - there is nothing else to say it with
            f'canary: needs {missing.name}, which is not installed: pip install "canary-core[cli]", or [sims] to simulate',
            file=sys.stderr,
        )
        raise SystemExit(2) from None
    run()
