"""How ``canary`` finds its commands, and what becomes of what they raise."""

import subprocess
import sys
from importlib.metadata import EntryPoint
from typing import Annotated

import pytest
import typer

from canary_adapters.cli import main as program
from canary_adapters.cli.errors import BadInputError
from canary_adapters.manifests import ManifestError, Mistake
from canary_core import Policy, Progressive

several = typer.Typer()


@several.command()
def one() -> None:
    """The first of two."""


@several.command()
def two() -> None:
    """The second of two."""
    raise typer.Exit(1)


def refuses(what: Annotated[str, typer.Argument()] = "it") -> None:
    """Refuse the input."""
    raise BadInputError(f"{what} is bad", "so is everything else")


def mistaken() -> None:
    """Stumble over a manifest."""
    raise ManifestError([Mistake(file="f.yaml", allowed="there is no such file")])


def impossible() -> None:
    """Declare what cannot be."""
    Policy(strategy=Progressive(weights=(10,)), threshold=0)


def unwritable() -> None:
    """Write where nothing can be written."""
    raise OSError(28, "No space left on device", "out.html")


def broken() -> None:
    """Have a bug."""
    raise ValueError("a bug")


@pytest.fixture(autouse=True)
def commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """The group holds the functions of this file, one that does not exist and one whose module does not."""
    here = {
        name: f"{__name__}:{name}" for name in ("several", "refuses", "mistaken", "impossible", "unwritable", "broken")
    }
    there = {"absent": f"{__name__}:absent", "nowhere": "no_such_module:command"}
    points = {name: EntryPoint(name, value, program.GROUP) for name, value in (here | there).items()}
    loaded = {name: globals()[name] for name in here}

    def load(point: EntryPoint) -> object:
        if point.name in loaded:
            return loaded[point.name]
        raise ImportError(f"no {point.value}")

    monkeypatch.setattr(EntryPoint, "load", load)
    monkeypatch.setattr(program, "_found", lambda: points)


def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[object, str, str]:
    monkeypatch.setattr("sys.argv", ["canary", *arguments])
    with pytest.raises(SystemExit) as ended:
        program.main()
    out, err = capsys.readouterr()
    return ended.value.code, out, err


@pytest.mark.parametrize(
    ("arguments", "code", "err"),
    [
        (("several", "one"), 0, ""),
        (("several", "two"), 1, ""),
        (("refuses", "this"), 2, "error: this is bad\nerror: so is everything else\n"),
        (("mistaken",), 2, "error: f.yaml: there is no such file\n"),
        (("unwritable",), 2, "error: out.html: No space left on device\n"),
        (("impossible",), 2, "error: threshold: 0 is not allowed, must be a whole number of at least 1\n"),
        (("nowhere", "--any", "thing"), 2,
         "error: canary nowhere cannot be used here: no no_such_module:command; is an extra of canary-core missing?\n"),
    ],
)  # fmt: skip
def test_what_a_command_raises_becomes_an_exit_code(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    code: int,
    err: str,
) -> None:
    assert run(monkeypatch, capsys, *arguments) == (code, "", err)


def test_a_bug_is_not_taken_for_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["canary", "broken"])
    with pytest.raises(ValueError, match="a bug"):
        program.main()


def test_commands_that_cannot_be_imported_do_not_break_the_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(monkeypatch, capsys, "--help")
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.partition("Commands:\n")[2].splitlines()] == [
        "absent",
        "broken",
        "impossible",
        "mistaken",
        "nowhere",
        "refuses",
        "several",
        "unwritable",
    ]


def test_without_its_extra_the_command_says_what_to_install() -> None:
    """`pip install canary-core` alone brings the core, and the name of the command."""
    code = "import sys; sys.modules['typer'] = None; from canary_adapters.cli.start import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith('canary: needs typer, which is not installed: pip install "canary-core[cli]"')


def test_what_a_command_lacks_when_it_runs_is_said_in_a_line() -> None:
    """An image of the controller has all commands, and not what the laboratory needs."""
    code = "import sys; sys.modules['jsonpatch'] = None; from canary_adapters.cli.main import main; main()"
    command = [sys.executable, "-c", code, "cluster", "--port=0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: needs jsonpatch, which is not installed: pip install")
    assert done.stderr.count("\n") == 1
