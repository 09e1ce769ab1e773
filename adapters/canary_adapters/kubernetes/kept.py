"""Whether a write was kept as it was sent: a server may prune a field, or have a webhook change a value back.

Once is no harm: much that others do to an object concerns nobody here. The same write once more, because what came back
is not what is wanted, is a circle, which nothing but people can end.
"""

import json
import threading
from collections import OrderedDict
from typing import Final

from attrs import frozen

from canary_adapters.kubernetes.differences import ABSENT, Difference, differences, may_be_secret, written
from canary_adapters.kubernetes.resources import Obj, Ref
from canary_adapters.manifests.mistakes import shown
from canary_adapters.manifests.structure import Path, render
from canary_ports import RefusedError

__all__ = ["Kept"]

REASON: Final = "NotKeptAsWritten"
_REMEMBERED: Final = 4096
_SHOWN: Final = 3


@frozen
class _Unkept:
    sent: int
    came: int


class Kept:
    """Remembers the writes that were not kept. Safe for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._unkept: OrderedDict[Ref, _Unkept] = OrderedDict()

    def __contains__(self, ref: Ref) -> bool:
        """Whether the last write of an object was not kept."""
        return ref in self._unkept

    def check(self, ref: Ref, sent: Obj, came: Obj, was: Obj | None) -> None:
        """Compare what was sent with what came back.

        Args:
            ref: The object.
            sent: The object, or the fields of it, that was written.
            came: The object as the server answered.
            was: As it was before, if the last write of it was not kept.

        Raises:
            RefusedError: It was not kept, and nor was the same the last time, since when nobody has changed it.
        """
        found = list(differences(written(sent), written(came)))
        now = _Unkept(_digest(sent), _digest(came))
        with self._lock:
            known = self._unkept.pop(ref, None)
            if found:
                self._unkept[ref] = now
            if len(self._unkept) > _REMEMBERED:
                self._unkept.popitem(last=False)
        if found and known == now and was is not None and _digest(was) == now.came:
            raise RefusedError(REASON, _told(ref, found))


def _digest(obj: Obj) -> int:
    return hash(json.dumps(written(obj), sort_keys=True, default=str))


def _told(ref: Ref, found: list[Difference]) -> str:
    resource, namespace, name = ref
    texts = [_one(*each, with_values=not resource.metadata_only) for each in found[:_SHOWN]]
    more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return (
        f"{resource.kind.lower()} {name}.{namespace} is not kept as it is written: {'; '.join(texts)}{more}; "
        "look for a mutating webhook, a policy or another controller that changes it, or for a definition of its kind "
        "that does not know the field"
    )


def _one(path: Path, sent: object, came: object, *, with_values: bool) -> str:
    told = with_values and not any(may_be_secret(path, value) for value in (sent, came))
    where = f"{render(path)}: {shown(sent)} was written" if told else f"{render(path)} was written"
    if came is ABSENT:
        return f"{where}, and is gone"
    return f"{where}, and {shown(came) if told else 'something else'} is stored"
