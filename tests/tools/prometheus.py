"""Where Prometheus's own programs are: in the folder of this Python, else on the PATH."""

import shutil
import sys
from pathlib import Path

__all__ = ["program"]


def program(name: str) -> str:
    """Path of ``promtool`` or ``prometheus``.

    Raises:
        FileNotFoundError: It is not installed.
    """
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.is_file() else shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"{name} is neither in {beside.parent} nor on the PATH: install the package prometheus")
    return found
