"""Install the browser and the checker of accessibility that tests use: ``install_browser.py FOLDER``.

Both come from npm, held to their digests: a Chromium without a window, with the few libraries and the font that it
needs, and axe-core. npm is that of the PATH, or else one that a package on PyPI carries. Linux on x86-64 only:
elsewhere nothing is done but to say so, and tests that need a browser are skipped.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Final

CHROMIUM: Final = "@sparticuz/chromium@153.0.0"
CHROMIUM_SHA256: Final = "20e5656fcdcf4118ede85edfb9d6bb9cc1bbb7ffb8b75622fffbcf36a835c3c0"
AXE: Final = "axe-core@4.14.1"
AXE_SHA256: Final = "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745"
NODE: Final = "nodejs-bin==18.4.0a4"
NODE_SHA256: Final = "06cfeaa4d26eec94d8edb9927525ce94eb96dadc81f7d1daed42d1a7d003a4c9"
ARCHIVES: Final = ("al2023", "fonts", "swiftshader")
"""Of Chromium's package, beside the program: libraries, a font, and what draws where there is no graphics card."""
_UNPACK: Final = """
const fs = require("fs"), zlib = require("zlib"), [from, to] = process.argv.slice(1);
fs.writeFileSync(to, zlib.brotliDecompressSync(fs.readFileSync(from)));
"""
_FONTS: Final = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{folder}/fonts</dir><cachedir>{folder}/cache</cachedir></fontconfig>
"""


def main(folder: Path) -> None:
    """Put all of it into a folder, which is there whole or not at all."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        print("no browser: there is no package of it for this machine; its tests are skipped", file=sys.stderr)  # noqa: T201
        return
    target = folder.resolve()
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".browser-") as name:
        scratch, partial = Path(name), Path(name) / "browser"
        partial.mkdir()
        node = _node(scratch)
        _unpack_chromium(node, _packed(node, scratch, CHROMIUM, CHROMIUM_SHA256), partial)
        (partial / "fonts.conf").write_text(_FONTS.format(folder=target))
        with tarfile.open(_packed(node, scratch, AXE, AXE_SHA256)) as archive:
            (partial / "axe.js").write_bytes(_member(archive, "package/axe.min.js"))
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)


def _node(scratch: Path) -> tuple[str, tuple[str, ...]]:
    """Node, and the command that is npm."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        return node, (npm,)
    wanted = scratch / "wanted.txt"
    wanted.write_text(f"{NODE} --hash=sha256:{NODE_SHA256}\n")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--require-hashes", "--target", str(scratch / "node"), "-r", str(wanted)], check=True)
    found = scratch / "node" / "nodejs"
    node = str(found / "bin" / "node")
    return node, (node, str(found / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"))


def _packed(node: tuple[str, tuple[str, ...]], scratch: Path, package: str, sha256: str) -> Path:
    """The archive of a package, as npm serves it. Nothing of it is run."""
    place = scratch / hashlib.sha256(package.encode()).hexdigest()[:8]
    place.mkdir()
    subprocess.run(
        [*node[1], "pack", "--silent", "--ignore-scripts", package],
        cwd=place,
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "npm_config_update_notifier": "false"},
    )
    (found,) = place.glob("*.tgz")
    digest = hashlib.sha256(found.read_bytes()).hexdigest()
    if digest != sha256:
        sys.exit(f"{package}: its SHA-256 is {digest}, and must be {sha256}")
    return found


def _unpack_chromium(node: tuple[str, tuple[str, ...]], packed: Path, target: Path) -> None:
    with tarfile.open(packed) as archive:
        for name in ("chromium", *(f"{each}.tar" for each in ARCHIVES)):
            pressed, whole = target / f"{name}.br", target / name
            pressed.write_bytes(_member(archive, f"package/bin/{name}.br"))
            subprocess.run([node[0], "-e", _UNPACK, str(pressed), str(whole)], check=True)
            pressed.unlink()
    (target / "chromium").chmod(0o755)
    for name in ARCHIVES:
        whole = target / f"{name}.tar"
        with tarfile.open(whole) as archive:
            archive.extractall(target, filter="data")
        whole.unlink()


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    found = archive.extractfile(name)
    if found is None:
        raise FileNotFoundError(name)
    return found.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
