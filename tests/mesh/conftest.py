"""One Envoy for all tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mesh_parts import Mesh


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """Envoy in front of two versions."""
    with Mesh(tmp_path_factory.mktemp("envoy")) as found:
        yield found
