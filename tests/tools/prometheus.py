"""Where Prometheus's own programs are."""

from canary_lab.mesh.tools import find_tool

__all__ = ["program"]


def program(name: str) -> str:
    """Path of ``promtool`` or ``prometheus``.

    Raises:
        FileNotFoundError: It is not installed.
    """
    found = find_tool(name)
    if found is None:
        raise FileNotFoundError(f"{name} is neither beside this Python nor on the PATH: install the package prometheus")
    return found
