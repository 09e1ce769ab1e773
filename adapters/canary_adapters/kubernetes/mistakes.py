"""What is wrong with an object of the cluster, on one line, for its condition and for events."""

import re
from collections.abc import Iterable
from typing import Final

from attrs import evolve

from canary_adapters.manifests import Canary, Mistake, Served, refusal, unserved
from canary_adapters.redaction import is_secret_name
from canary_ports import RefusedError

__all__ = ["check_served", "told"]

_SHOWN: Final = 10
_MAY_HOLD_SECRETS: Final = frozenset({"address", "headers", "metadata", "metricsServer", "proxy", "url"})
"""Fields whose values are not repeated: more people read events than objects, and those of other namespaces, too.
Lists and objects are not repeated, either, as any of these may be in them."""


def check_served(canary: Canary, served: Served, *, mesh_provider: str) -> None:
    """Refuse what is well formed, but not served.

    Args:
        canary: As read.
        served: What is installed.
        mesh_provider: What moves the traffic of canaries that do not say.

    Raises:
        RefusedError: With all fields, their values and what is allowed.
    """
    wrong = unserved(canary, served, mesh_provider=mesh_provider)
    if wrong:
        faults = refusal(canary, ((each.path, each.value, each.allowed) for each in wrong))
        raise RefusedError(wrong[0].reason, told(faults.mistakes, most=_SHOWN))


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
