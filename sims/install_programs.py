"""Put programs of Debian into an environment: ``install_programs.py FOLDER PROGRAM...``, each named as its package.

The packages are unpacked, not installed: no service is started, nothing outside of the folder is touched, and root's
rights are needed only where the machine has no list of packages yet. What is on the PATH already is left as it is.
Elsewhere than on Debian and its kin nothing is done but to say so; the exit code is 0: there are stand-ins.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

BINARIES = {"prometheus": ("prometheus", "promtool"), "hey": ("hey",)}
"""The programs of each package."""


def main(folder: Path, packages: list[str]) -> None:
    """Install what is missing."""
    missing = [each for each in packages if not all(_is_there(folder, name) for name in BINARIES[each])]
    why = _install(folder, missing) if missing else ""
    if why:
        print(f"not installed: {', '.join(missing)} ({why}); stand-ins take their place", file=sys.stderr)  # noqa: T201


def _install(folder: Path, packages: list[str]) -> str:
    """Why it did not work; empty if it did."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        return "this is no Debian"
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        if not _downloaded(scratch, packages):
            return "they cannot be fetched"
        for package in scratch.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", str(package), str(scratch / "root")], check=True)
        for binary in (binary for each in packages for binary in BINARIES[each]):
            partial = folder / f".{binary}-{os.getpid()}"
            shutil.copy2(scratch / "root" / "usr" / "bin" / binary, partial)
            partial.rename(folder / binary)
    return ""


def _is_there(folder: Path, name: str) -> bool:
    return (folder / name).is_file() or shutil.which(name) is not None


def _downloaded(folder: Path, packages: list[str]) -> bool:
    if _run(folder, "download", *packages):
        return True
    return os.geteuid() == 0 and _run(folder, "update") and _run(folder, "download", *packages)


def _run(folder: Path, *arguments: str) -> bool:
    # Its sandbox user cannot write into a temporary folder, which it would warn of.
    command = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", *arguments]
    return subprocess.run(command, cwd=folder, check=False, stderr=subprocess.DEVNULL).returncode == 0


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
