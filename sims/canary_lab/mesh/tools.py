"""Programs that the laboratory uses where they are installed: Prometheus and hey."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Final

__all__ = ["find_tool", "pod_programs"]

_HEY: Final = '#!/bin/sh\nexec "{hey}" -x "$http_proxy" "$@"\n'
_STAND_IN: Final = '#!/bin/sh\nexec "{python}" -m canary_lab.mesh.hey "$@"\n'


def find_tool(name: str) -> str | None:
    """A program of this environment, or else of the machine. None: it is not installed."""
    own = Path(sys.executable).with_name(name)
    return str(own) if own.is_file() else shutil.which(name)


def pod_programs(folder: Path, *, stand_in: bool = False) -> tuple[Path, bool]:
    """Write the programs that come first in the ``PATH`` of pods.

    That is ``hey``, which in a mesh must send its requests through the proxy: unlike most programs it does not read
    ``http_proxy``. Where it is not installed, a small load generator takes its place.

    Args:
        folder: Where to.
        stand_in: Whether that is so also where it is installed.

    Returns:
        The folder, and whether hey is the real one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    real = None if stand_in else find_tool("hey")
    script = folder / "hey"
    script.write_text(_HEY.format(hey=real) if real else _STAND_IN.format(python=sys.executable))
    script.chmod(0o755)
    return folder, real is not None
