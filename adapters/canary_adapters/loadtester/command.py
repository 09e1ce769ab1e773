"""What a payload asks to be run, and whether that is allowed. Nothing is run here."""

import shutil
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

from attrs import field, frozen

from canary_adapters.loadtester.options import Options
from canary_adapters.loadtester.words import NotPlainError, split

__all__ = ["Command", "RefusedError", "command_for", "shown"]

_OWN_PROGRAMS: Final = ("helm", "helmv3", "kubectl")
"""Types that name the program; their ``cmd`` is what comes after it."""
_SHELLS: Final = frozenset({"sh", "bash"})
_UNSERVED: Final = ("concord", "ngrinder")
_TYPES: Final = ("cmd", "bash", *_OWN_PROGRAMS)
_TRUE: Final = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "false", "FALSE", "False"})
_SHOWN: Final = 64


class RefusedError(Exception):
    """A request is not served.

    Attributes:
        status: Of the answer.
        text: What is wrong, and what to do.
    """

    def __init__(self, status: HTTPStatus, text: str) -> None:
        self.status, self.text = status, text
        super().__init__(text)


@frozen(kw_only=True)
class Command:
    """A program with its arguments, as it is started."""

    program: str
    """Bare name."""
    argv: tuple[str, ...] = field(repr=False)
    """The first is the file that is run. The others may hold secrets."""
    text: str = field(repr=False)
    """``cmd`` as declared; may hold secrets."""
    blocking: bool
    """Whether the answer waits for the end."""
    is_script: bool = False
    """Whether a shell reads it, and makes of it what nobody knows before."""
    log_output: bool = False
    return_output: bool = False


def command_for(
    metadata: Mapping[str, str] | None, options: Options, *, find: Callable[[str], str | None] = shutil.which
) -> Command:
    """The command that a payload asks for.

    Args:
        metadata: Of the payload.
        options: What is allowed.
        find: The file of a program, by its bare name; None: there is none.

    Raises:
        RefusedError: It cannot or must not be run.
    """
    if metadata is None:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "metadata not found in payload")
    kind = metadata.get("type", "cmd")
    if kind in _UNSERVED:
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"type {kind} is not served; allowed: {', '.join(_TYPES)}")
    if kind not in _TYPES:
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"type {shown(kind)} is unknown; allowed: {', '.join(_TYPES)}")
    if "cmd" not in metadata:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "cmd not found in metadata")
    text = metadata["cmd"]
    if not text.strip():
        raise RefusedError(HTTPStatus.BAD_REQUEST, "cmd in metadata is empty")
    program, arguments = _program(kind, text, options)
    file = find(program)
    if file is None:
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"program {shown(program)} is not installed where this runs")
    return Command(
        program=program,
        argv=(file, *arguments),
        text=text,
        is_script=program in _SHELLS and arguments[:1] == ("-c",),
        blocking=kind != "cmd" or _is_blocking(metadata),
        log_output=metadata.get("logCmdOutput") in _TRUE,
        return_output=metadata.get("returnCmdOutput") in _TRUE,
    )


def _program(kind: str, text: str, options: Options) -> tuple[str, tuple[str, ...]]:
    if kind == "bash":
        if not options.enable_bash:
            why = "type bash is off: start the load tester with -enable-bash (chart: cmd.enableBash, or "
            why += "flaggerCompatible for all that Flagger's runs), or use type cmd with blocking: 'true'"
            raise RefusedError(HTTPStatus.FORBIDDEN, why)
        return "bash", ("-c", text)
    if kind in _OWN_PROGRAMS:
        return _allowed(kind, options), tuple(text.split())
    if options.enable_shell:
        return "sh", ("-c", text)
    try:
        words = split(text)
    except NotPlainError as error:
        why = f"cmd: {error} needs a shell, and there is none: run one program, quote what is meant literally, or "
        why += "start the load tester with -enable-shell (chart: cmd.enableShell, or flaggerCompatible)"
        raise RefusedError(HTTPStatus.BAD_REQUEST, why) from None
    if not words:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "cmd in metadata is empty")
    return _allowed(words[0], options), words[1:]


def _allowed(program: str, options: Options) -> str:
    if "/" in program:
        why = "cmd: the program must be a bare name, without /; it is looked for in the PATH of the load tester"
        raise RefusedError(HTTPStatus.BAD_REQUEST, why)
    if program not in options.programs:
        listed = ", ".join(sorted(options.programs)) or "none"
        why = f"program {shown(program)} is not allowed; allowed: {listed} (-allow-programs, chart: cmd.allowPrograms)"
        raise RefusedError(HTTPStatus.FORBIDDEN, why)
    return program


def _is_blocking(metadata: Mapping[str, str]) -> bool:
    """Strict: a check that is taken for a load in the background would always pass."""
    value = metadata.get("blocking", "false")
    if value not in _TRUE | _FALSE:
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"blocking in metadata: {shown(value)} is neither true nor false")
    return value in _TRUE


def shown(text: str) -> str:
    """The beginning of what somebody wrote, on one line."""
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
