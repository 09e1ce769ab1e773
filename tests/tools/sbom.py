"""Writes a bill of materials of the locked dependencies: CycloneDX 1.6 in JSON, the same for the same lock file.

    python tests/tools/sbom.py requirements.lock sbom.json

https://cyclonedx.org/docs/1.6/json/
"""

import json
import re
import sys
import uuid
from importlib.metadata import PackageNotFoundError, metadata, version
from pathlib import Path
from typing import Any, Final

_PINNED: Final = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)(?:\s*;\s*([^\\]+?))?\s*\\?$")
_HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def components(lock: str) -> list[dict[str, Any]]:
    """The packages of a lock file, in its order.

    Raises:
        ValueError: A line pins nothing, or a package has no hash.
    """
    found: list[dict[str, Any]] = []
    for line in lock.splitlines():
        pinned = _PINNED.match(line)
        if pinned is not None:
            found.append(_component(pinned[1].lower(), pinned[2], pinned[3]))
        elif digest := _HASH.search(line):
            found[-1]["hashes"].append({"alg": "SHA-256", "content": digest[1]})
        elif line.strip() and not line.startswith("#"):
            raise ValueError(f"not understood: {line}")
    without = [each["name"] for each in found if not each["hashes"]]
    if without or not found:
        raise ValueError(f"no hashes: {', '.join(without) or 'nothing is pinned'}")
    return found


def _component(name: str, number: str, marker: str | None) -> dict[str, Any]:
    purl = f"pkg:pypi/{re.sub(r'[-_.]+', '-', name)}@{number}"
    found: dict[str, Any] = {"type": "library", "bom-ref": purl, "name": name, "version": number, "purl": purl}
    licence = _licence(name)
    if licence:
        found["licenses"] = [{"license": {"name": licence}}]
    if marker:
        found["properties"] = [{"name": "python:marker", "value": marker}]
    return {**found, "hashes": []}


def _licence(name: str) -> str:
    """As the installed package says it; empty: it is not installed, or does not say."""
    try:
        said = metadata(name)
    except PackageNotFoundError:
        return ""
    given = next((each for key in ("License-Expression", "License") for each in said.get_all(key) or ()), "")
    classifiers = [each.rpartition(" :: ")[2] for each in said.get_all("Classifier") or () if "License ::" in each]
    return given if given and "\n" not in given else ", ".join(classifiers)


def bill(lock: str) -> dict[str, Any]:
    """The whole document."""
    parts = components(lock)
    try:
        own = version("canary-core")
    except PackageNotFoundError:
        own = "0"
    root = {"type": "application", "bom-ref": "canary-core", "name": "canary-core", "version": own}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, lock)}",
        "version": 1,
        "metadata": {"component": {**root, "purl": f"pkg:pypi/canary-core@{own}"}},
        "components": parts,
        "dependencies": [{"ref": "canary-core", "dependsOn": [each["bom-ref"] for each in parts]}],
    }


def main() -> None:
    """Read the lock file, and write the bill."""
    lock, target = map(Path, sys.argv[1:3])
    target.write_text(json.dumps(bill(lock.read_text()), indent=1) + "\n")


if __name__ == "__main__":
    main()
