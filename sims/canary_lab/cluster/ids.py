"""Names and ids that the server makes up."""

from __future__ import annotations

import random
import uuid

_CHANCE = random.Random()
"""Of its own, so that whoever seeds or watches the global one is not disturbed from another thread."""
LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""No vowels and no digits like them, so that no word comes out."""


def random_suffix() -> str:
    """Five letters for the end of a generated name."""
    return "".join(_CHANCE.choices(LETTERS, k=5))


def new_uid() -> str:
    """A new uid."""
    return str(uuid.uuid4())
