"""Command lines of the small programs of this package: a mistake is one line and exit code 2."""

import argparse
import sys
from typing import NoReturn

__all__ = ["BAD_INPUT", "OneLineParser", "refuse"]

BAD_INPUT = 2
"""Exit code: what was given cannot be used."""


def refuse(message: str) -> NoReturn:
    """End the process because of what was given."""
    sys.stderr.write(f"error: {' '.join(message.split())}\n")
    sys.exit(BAD_INPUT)


class OneLineParser(argparse.ArgumentParser):
    """Says what is wrong and nothing else."""

    def error(self, message: str) -> NoReturn:
        """End the process."""
        refuse(message)
