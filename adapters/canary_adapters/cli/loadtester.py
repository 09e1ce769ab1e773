"""``canary loadtester``: the webhook server that makes traffic and keeps gates. Flags carry Flagger's names."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from canary_adapters.cli.goflags import GoFlagsCommand
from canary_adapters.denied_addresses import DEFAULT_WORD, DeniedAddresses, DeniedAddressesError
from canary_adapters.loadtester.options import DEFAULT_PROGRAMS, Options

if TYPE_CHECKING:
    import re

__all__ = ["loadtester"]

loadtester: Final = typer.Typer(add_completion=False, rich_markup_mode=None)
_ACCEPTED: Final = "Accepted, so that a Flagger command line works; it has no effect."


@loadtester.command("loadtester", cls=GoFlagsCommand)
def run(
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="Where to listen; 0: any free port.")] = 9090,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen. Empty: all addresses.")] = "",
    timeout: Annotated[str, typer.Option(metavar="D", help="For one command, from its start.")] = "1h",
    namespace_regexp: Annotated[
        str, typer.Option(metavar="RE", help="Serve only canaries in whose namespace it is found. Empty: all.")
    ] = "",
    allow_programs: Annotated[
        str, typer.Option(metavar="P,...", help="What commands may run: bare names, found on the PATH.")
    ] = ",".join(DEFAULT_PROGRAMS),
    enable_shell: Annotated[
        bool, typer.Option("--enable-shell", help="Run commands of type cmd by sh -c, as Flagger: any program.")
    ] = False,
    enable_bash: Annotated[bool, typer.Option("--enable-bash", help="Run commands of type bash: any program.")] = False,
    max_commands: Annotated[int, typer.Option(min=1, max=10_000, metavar="N", help="Commands at the same time.")] = 64,
    max_waiting: Annotated[
        int, typer.Option(min=0, max=10_000, metavar="N", help="Commands that may wait for others to end.")
    ] = 64,
    deny_addresses: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS,...",
            help="Commands must not name hosts there, also networks (10.0.0.0/8). default: metadata of clouds.",
        ),
    ] = DEFAULT_WORD,
    gate_token_file: Annotated[
        str,
        typer.Option(metavar="FILE", help="Who may open and close gates: fingerprints of tokens. Empty: everybody."),
    ] = "",
    pass_env: Annotated[
        str, typer.Option(metavar="NAME,...", help="Further environment variables that commands get.")
    ] = "",
    log_level: Annotated[str, typer.Option(help="debug, info, warn, error, fatal or panic.")] = "info",
    zap_encoding: Annotated[str, typer.Option(help="json or console.")] = "json",
    zap_replace_globals: Annotated[bool, typer.Option("--zap-replace-globals", hidden=True, help=_ACCEPTED)] = False,
) -> None:
    """Run the load of a rollout, its checks and its gates when a webhook asks, until SIGTERM.

    Without a shell, unless asked for: a command is one of the allowed programs with its arguments.

    Exit codes: 0 it was ended; 2 a flag cannot be used.
    """
    del zap_replace_globals
    options = Options(
        host=host,
        port=port,
        timeout_s=_seconds(timeout),
        namespaces=_pattern(namespace_regexp),
        programs=_programs(allow_programs),
        enable_shell=enable_shell,
        enable_bash=enable_bash,
        denied=_denied(deny_addresses),
        gate_token_file=Path(gate_token_file) if gate_token_file else None,
        most_running=max_commands,
        most_waiting=max_waiting,
        passed_on=_listed(pass_env),
    )
    _serve(options, log_level, "console" if zap_encoding == "console" else "json")


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _seconds(text: str) -> float:
    from canary_adapters.manifests.durations import duration_s

    found = duration_s(text)
    if not found:
        raise typer.BadParameter(f"{text!r} is not a duration above zero, such as 10s or 1m30s", param_hint="--timeout")
    return found


def _pattern(text: str) -> "re.Pattern[str] | None":
    import re

    try:
        return re.compile(text) if text else None
    except (re.error, OverflowError, RecursionError) as error:
        raise typer.BadParameter(f"{text!r}: {error}", param_hint="--namespace-regexp") from error


def _programs(text: str) -> frozenset[str]:
    found = frozenset(_listed(text))
    for name in found:
        if "/" in name:
            raise typer.BadParameter(f"{name!r}: a bare name, without /", param_hint="--allow-programs")
    return found


def _denied(text: str) -> DeniedAddresses:
    try:
        return DeniedAddresses.parse(text)
    except DeniedAddressesError as error:
        raise typer.BadParameter(str(error), param_hint="--deny-addresses") from error


def _serve(options: Options, log_level: str, encoding: str) -> None:
    import asyncio

    from canary_adapters.cli.announce import announce
    from canary_adapters.cli.errors import BadInputError

    try:
        from canary_adapters.loadtester.service import BACKLOG, serve
        from canary_adapters.sockets import listen
        from canary_adapters.telemetry.logs import configure_logging
    except ModuleNotFoundError as missing:
        why = f'canary loadtester needs {missing.name}, which is not installed: pip install "canary-core[loadtester]"'
        raise BadInputError(why) from missing
    configure_logging(log_level, encoding=encoding)
    try:
        listener = listen(options.host, options.port, backlog=BACKLOG)
    except OSError as error:
        where = f"{options.host}:{options.port}"
        raise typer.BadParameter(f"{where}: {error.strerror or error}", param_hint="--port") from error
    port = listener.getsockname()[1]
    with listener:
        _isolate()
        _check_gate_tokens(options)
        asyncio.run(serve(options, listener, ready=lambda: announce(f"listening on port {port}")))


def _isolate() -> None:
    """When the port is taken: one below 1024 may need a capability."""
    import sys

    import structlog

    from canary_adapters.cli.errors import BadInputError
    from canary_adapters.loadtester.isolation import isolate

    try:
        isolate()
    except OSError as error:
        if sys.platform == "linux":
            why = f"the load tester cannot keep commands from reading its memory: {error.strerror or error}"
            raise BadInputError(why) from error
        structlog.get_logger("canary.loadtester").warning("commands can read the memory of the load tester: not Linux")


def _check_gate_tokens(options: Options) -> None:
    """The file is read at each request; a mistake should be seen before the first one. As the user that remains."""
    from canary_adapters.loadtester.gate_tokens import GateTokens, GateTokensError

    if options.gate_token_file is not None:
        try:
            GateTokens.read(options.gate_token_file)
        except GateTokensError as error:
            raise typer.BadParameter(f"{options.gate_token_file}: {error}", param_hint="--gate-token-file") from error
