"""How commands reach the API server, as the official client finds it."""

from pathlib import Path
from typing import Any

__all__ = ["connection", "contexts", "namespace_of"]


def connection(kubeconfig: Path | None, *, master: str = "", context: str = "") -> Any:
    """How to reach the API server: a `kubernetes.client.Configuration`.

    Args:
        kubeconfig: None: what ``KUBECONFIG`` names, the cluster that this runs in, or the usual place.
        master: Address that is used in the place of the one that is found. Empty: that one.
        context: Of the kubeconfig. Empty: the current one.

    Raises:
        BadInputError: There is no such configuration, or it cannot be read.
    """
    import os

    from kubernetes import config
    from kubernetes.client import Configuration
    from kubernetes.config import incluster_config as inside
    from yaml import YAMLError

    from canary_adapters.cli.errors import BadInputError
    from canary_adapters.kubernetes.credentials import follow_token, token_file_of

    found = Configuration()
    load: Any = config
    try:
        if kubeconfig is None and master:
            found.host = master
        elif (
            kubeconfig is None
            and not context
            and os.environ.get("KUBERNETES_SERVICE_HOST")
            and not os.environ.get("KUBECONFIG")
        ):
            load.load_incluster_config(client_configuration=found, try_refresh_token=False)
            follow_token(found, Path(inside.SERVICE_TOKEN_FILENAME))
        else:
            load.load_kube_config(
                str(kubeconfig) if kubeconfig else None, context=context or None, client_configuration=found
            )
            token = token_file_of(kubeconfig, context)
            if token is not None:
                follow_token(found, token)
    except YAMLError as error:
        # Its text shows what stands there, which may be a token.
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        place = "" if line is None else f" (line {line + 1})"
        raise BadInputError(f"--kubeconfig: {kubeconfig or 'KUBECONFIG'}: is no YAML{place}") from None
    except (config.ConfigException, OSError, ValueError, TypeError) as error:
        raise BadInputError(_told(kubeconfig, context, error)) from error
    if master:
        found.host = master
    return found


def _own_namespace() -> str:
    """That of the Pod in which this runs, as kubectl takes it."""
    from kubernetes.config import incluster_config as inside

    try:
        return Path(inside.SERVICE_TOKEN_FILENAME).with_name("namespace").read_text(encoding="utf-8").strip()
    except OSError:
        return "default"


def _told(kubeconfig: Path | None, context: str, error: Exception) -> str:
    """What is wrong with a configuration."""
    import os

    from kubernetes.config import ConfigException

    try:
        known = contexts(kubeconfig)
    except (ConfigException, OSError, ValueError, TypeError):
        known = []
    if context and known and context not in known:
        return f"--context: there is no context {context}: must be one of {', '.join(known)}"
    usual = os.environ.get("KUBECONFIG") or "~/.kube/config"
    return f"--kubeconfig: {kubeconfig or usual}: {error}"


def contexts(kubeconfig: Path | None) -> list[str]:
    """The names of the contexts of a kubeconfig.

    Raises:
        Exception: It cannot be read: what the official client raises.
    """
    from kubernetes import config

    load: Any = config
    found, _ = load.list_kube_config_contexts(str(kubeconfig) if kubeconfig else None)
    return [str(each["name"]) for each in found]


def namespace_of(kubeconfig: Path | None, context: str) -> str:
    """The namespace for objects that name none, as kubectl takes it from a kubeconfig that can be read."""
    from kubernetes import config

    load: Any = config
    try:
        known, current = load.list_kube_config_contexts(str(kubeconfig) if kubeconfig else None)
    except config.ConfigException:
        return _own_namespace()
    chosen = next((each for each in known if each["name"] == context), current) if context else current
    return (chosen.get("context") or {}).get("namespace") or "default"
