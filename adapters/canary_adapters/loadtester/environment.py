"""The environment that commands get: little, so that no secret of ours is in it."""

from collections.abc import Iterable, Mapping
from typing import Final

__all__ = ["environment_for"]

_PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_KEPT: Final = (
    *("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"),
    *_PROXIES,
    *map(str.lower, _PROXIES),
    # By these kubectl and helm find the API server of their cluster.
    *("KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"),
)


def environment_for(own: Mapping[str, str], passed_on: Iterable[str]) -> dict[str, str]:
    """What commands get.

    Args:
        own: Our environment.
        passed_on: Names of further variables.
    """
    return {name: own[name] for name in (*_KEPT, *passed_on) if name in own}
