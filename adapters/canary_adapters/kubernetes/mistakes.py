"""What is wrong with an object of the cluster, on one line, for its condition and for events."""

import re
from collections.abc import Iterable
from typing import Final

from attrs import evolve

from canary_adapters.manifests import Mistake
from canary_adapters.redaction import is_secret_name

__all__ = ["told"]

_MAY_HOLD_SECRETS: Final = frozenset({"address", "headers", "metadata", "metricsServer", "proxy", "url"})
"""Fields whose values are not repeated: more people read events than objects, and those of other namespaces, too.
Lists and objects are not repeated, either, as any of these may be in them."""


def told(mistakes: Iterable[Mistake], *, most: int) -> str:
    """Mistakes on one line. Their file is the cluster, which nobody needs to be told.

    Args:
        mistakes: In their order.
        most: How many are told; of the others, their number.
    """
    texts = [
        str(evolve(_safe(each), file="", kind="", name="", line=None, document=None)).lstrip(": ") for each in mistakes
    ]
    more = f"; and {len(texts) - most} more" if len(texts) > most else ""
    return "; ".join(texts[:most]) + more


def _safe(mistake: Mistake) -> Mistake:
    fields = re.split(r"[.\[]", mistake.path.removeprefix("metadata."))
    compound = (mistake.value or "").startswith(("{", "["))
    if compound or any(field in _MAY_HOLD_SECRETS or is_secret_name(field) for field in fields):
        return evolve(mistake, value=None)
    return mistake
