"""Credentials that are replaced under a running process: the token that stands in a file.

The kubelet writes a new token of the account long before the old one ends, and from then on the old one may be refused
at any time: https://kubernetes.io/docs/concepts/storage/projected-volumes/#serviceaccounttoken
"""

from pathlib import Path
from typing import Any, Final

from kubernetes.client import Configuration
from kubernetes.config import ConfigException
from kubernetes.config.kube_config import KUBE_CONFIG_DEFAULT_LOCATION, KubeConfigMerger

__all__ = ["TokenFile", "follow_token", "token_file_of"]

_LARGEST: Final = 64 * 1024
"""Bytes of a token. Headers of HTTP are not longer either."""


class TokenFile:
    """Puts the token that stands in a file into each request; a hook of the official client's configuration.

    The file is read for each request: it is in memory where a kubelet writes it, and whoever kept what it said would
    have to find out when that has ended. While it is empty or missing, what it said last goes on.
    """

    def __init__(self, path: Path) -> None:
        """Makes one; nothing is read yet.

        Args:
            path: The file.
        """
        self._path = path

    def __call__(self, configuration: Configuration) -> None:
        """Have the next request carry the token."""
        token = self._read()
        if token:
            configuration.api_key["BearerToken"] = f"Bearer {token}"

    def _read(self) -> str:
        try:
            with self._path.open("rb") as file:
                return file.read(_LARGEST).decode("ascii").strip()
        except (OSError, ValueError):
            return ""


def follow_token(configuration: Configuration, path: Path) -> None:
    """Have a configuration take its token from a file from now on.

    Raises:
        kubernetes.config.ConfigException: There is none in it now.
    """
    hook = TokenFile(path)
    configuration.api_key.pop("BearerToken", None)
    hook(configuration)
    if "BearerToken" not in configuration.api_key:  # the client would not ask the hook either
        raise ConfigException(f"{path}: holds no token")
    changed: Any = configuration  # the client says that it has no hook, ever
    changed.refresh_api_key_hook = hook


def token_file_of(kubeconfig: Path | None, context: str = "") -> Path | None:
    """The ``tokenFile`` of the user of a kubeconfig that the official client has loaded; it wins over ``token``.

    Args:
        kubeconfig: None: what ``KUBECONFIG`` names, or the usual place.
        context: Empty: the current one.
    """
    merger: Any = KubeConfigMerger
    whole = merger(str(kubeconfig or KUBE_CONFIG_DEFAULT_LOCATION)).config
    chosen = whole["contexts"].get_with_name(context or whole["current-context"]).safe_get("context") or {}
    user = whole["users"].get_with_name(chosen.get("user"), safe=True)
    given = (user.safe_get("user") or {}).get("tokenFile") if user is not None else None
    # A path that is not absolute begins where the file that names it is.
    return Path(user.path).absolute().parent / given if given else None
