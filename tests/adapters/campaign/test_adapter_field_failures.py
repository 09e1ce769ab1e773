"""What users met that concerns adapters, and what becomes of it here: a story that ends well, and planted bugs."""

import pytest

from campaigns.field_failures import ADAPTER_ROWS, AdapterRow
from campaigns.stories import STORIES
from campaigns.trials import Trials
from planted_bugs.adapters import PLANTED

TRIALS = Trials()


@pytest.mark.parametrize("row", ADAPTER_ROWS, ids=lambda row: row.what.replace(" ", "-"))
def test_it_ends_well_with_real_adapters(row: AdapterRow) -> None:
    """All laws hold, and the story ends in the phase, with the routes and with the words that it must end with."""
    assert TRIALS.calm(row.story).broken == ()


def test_rows_name_stories_and_bugs_that_are_there() -> None:
    """The stories are those of the campaign; every bug that users met has its row."""
    names = {bug.name for bug in PLANTED}
    assert [bug for row in ADAPTER_ROWS for bug in row.planted if bug not in names] == []
    assert all(row.story in STORIES for row in ADAPTER_ROWS)
    with_row = {bug for row in ADAPTER_ROWS for bug in row.planted}
    assert [bug.name for bug in PLANTED if bug.threads and bug.name not in with_row] == []


def test_threads_of_bugs_are_those_of_their_rows() -> None:
    threads = {bug.name: set(bug.threads) for bug in PLANTED}
    assert [name for row in ADAPTER_ROWS for name in row.planted if not threads[name] <= set(row.threads)] == []
