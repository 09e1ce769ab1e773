"""All that is asked of the matrix is played once, before the first test of it."""

from __future__ import annotations

import pytest

from disturbances.campaign import Campaign, campaign
from laboratories.lab import REAL


@pytest.fixture(scope="session")
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    """What came of the cells of those tests that were chosen."""
    chosen = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    cells = [params["cell"] for params in chosen if "cell" in params]
    served = [cell for cell in cells if not (REAL and cell[0].is_inside)]
    return campaign(tmp_path_factory.mktemp("surroundings"), served)
