"""What an installation decides: the flags of ``canary loadtester``, as values."""

import re
from pathlib import Path
from typing import Final

from attrs import frozen

from canary_adapters.denied_addresses import DEFAULT, DeniedAddresses

__all__ = ["DEFAULT_PROGRAMS", "Options"]

DEFAULT_PROGRAMS: Final = ("hey", "ghz", "curl", "grpc_health_probe")
"""Without wrk: it runs Lua scripts, and so whatever curl has written to some place before."""


@frozen(kw_only=True)
class Options:
    """Defaults are Flagger's, where it has the flag."""

    host: str = ""
    """The address to listen at. Empty: all addresses."""
    port: int = 9090
    """0 is any free port."""
    timeout_s: float = 3600.0
    """For one command, from its start."""
    namespaces: re.Pattern[str] | None = None
    """Found in the namespace of a payload, or the payload is refused. None: all namespaces."""
    programs: frozenset[str] = frozenset(DEFAULT_PROGRAMS)
    """Bare names of what may be run."""
    enable_shell: bool = False
    """Whether commands of type cmd go through ``sh -c``, and so may be any program."""
    enable_bash: bool = False
    """Whether commands of type bash are run."""
    denied: DeniedAddresses = DEFAULT
    """A command that names a host there is not started."""
    gate_token_file: Path | None = None
    """Fingerprints of the tokens that open and close gates, read at each request. None: no token is needed."""
    most_running: int = 64
    """Commands at the same time; one namespace alone may have half of them."""
    most_waiting: int = 64
    """Commands that may wait for others to end, shared in the same way; beyond that, requests are turned away."""
    passed_on: tuple[str, ...] = ()
    """Names of further environment variables that commands get."""
    grace_s: float = 5.0
    """Between the request to end and the end by force, seconds."""
    handover_s: float = 5.0
    """A load that is asked for while it runs is started again if it ends within so many seconds."""
