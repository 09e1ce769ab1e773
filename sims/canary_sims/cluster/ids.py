"""Names and ids that the server makes up."""

from __future__ import annotations

import random
import uuid

LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""No vowels and no digits like them, so that no word comes out."""


def random_suffix() -> str:
    """Five letters for the end of a generated name."""
    return "".join(random.choices(LETTERS, k=5))


def new_uid() -> str:
    """A new uid."""
    return str(uuid.uuid4())
