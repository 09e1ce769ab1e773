"""One Envoy for all tests of a module, and one whole installation for all tests."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from canary_lab.mesh.laptop import Laptop
from laboratories.mesh_lab import MeshApp, MeshLab
from laboratories.mesh_parts import Mesh

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """Envoy in front of two versions."""
    with Mesh(tmp_path_factory.mktemp("envoy")) as found:
        yield found


@pytest.fixture(scope="session")
def mesh_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeshLab]:
    """A whole installation, with a controller."""
    with Laptop(tmp_path_factory.mktemp("laptop")) as laptop:
        assert laptop.prometheus is not None
        assert laptop.prometheus.is_real, "install the package prometheus, or run make, which does it"
        assert laptop.has_hey, "install the package hey, or run make, which does it"
        laptop.start_controller("-minimum-interval=1s")
        yield MeshLab(laptop)


@pytest.fixture
def app(mesh_lab: MeshLab) -> MeshApp:
    """The application, not deployed yet."""
    return MeshApp(mesh_lab, f"demo-{next(_NUMBERS)}")
