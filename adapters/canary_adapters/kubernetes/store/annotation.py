"""How a person asks for something: an annotation on the Canary, and its answer in the status.

The annotation changes nothing that GitOps tools compare in ``spec``, needs the right to patch Canaries and no other,
and stands in the audit log with whoever wrote it.
"""

from typing import Final

from canary_adapters.kubernetes.resources import Obj
from canary_core import Request, Verb

__all__ = ["LONGEST_REQUEST", "REQUEST", "read_request", "written_request"]

REQUEST: Final = "canary-core/request"
"""Annotation by which a person asks for something: a verb, or ``verb/token`` to ask for the same thing again."""
LONGEST_REQUEST: Final = 200
"""Characters of it that count."""


def read_request(obj: Obj) -> Request | None:
    """What the annotation asks for, with a verb or without. None: nothing."""
    text = str((obj["metadata"].get("annotations") or {}).get(REQUEST, ""))[:LONGEST_REQUEST]
    if not text.strip():
        return None
    try:
        return Request(id=text, verb=Verb(text.partition("/")[0].strip().lower()))
    except ValueError:
        return Request(id=text, verb=None)


def written_request(request: Request) -> Obj:
    """The change of a Canary that asks for something."""
    return {"metadata": {"annotations": {REQUEST: request.id}}}
