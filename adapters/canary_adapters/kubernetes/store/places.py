"""Which workload and Service a rollout is of, kept with it: so that it is seen when a Canary names others."""

from collections.abc import Mapping
from typing import Any, Final

from attrs import frozen

from canary_adapters.kubernetes.naming import ObjectNames
from canary_adapters.kubernetes.resources import Obj
from canary_adapters.manifests import Canary

__all__ = ["Place", "former_places", "moved", "place_of", "stored_place", "written_places"]

PLACE: Final = "place"
FORMER: Final = "former"
_MOST: Final = 5
"""Former ones that are remembered: somebody may change the target again before the last one has gone."""


@frozen
class Place:
    """What a Canary is about."""

    kind: str
    """Of the target."""
    target: str
    apex: str

    def is_of(self, other: "Place") -> bool:
        """Whether both are about the same target."""
        return (self.kind, self.target) == (other.kind, other.target)


def place_of(canary: Canary) -> Place:
    """What a Canary declares to be about."""
    names = ObjectNames.of(canary)
    return Place(canary.spec.target_ref.kind, names.target, names.apex)


def stored_place(record: Mapping[str, Any]) -> Place | None:
    """What the rollout of a status is about. None: it does not say."""
    return _read(record.get(PLACE))


def former_places(record: Mapping[str, Any], declared: Place) -> tuple[Place, ...]:
    """What it was about before, the last one first, including what the record is still of."""
    found = [stored_place(record), *(_read(each) for each in record.get(FORMER) or ())]
    return tuple(each for each in found if each is not None and each != declared)[:_MOST]


def written_places(record: Mapping[str, Any], declared: Place) -> Obj:
    """The keys of a record that say so."""
    former = [_written(each) for each in former_places(record, declared)]
    return {PLACE: _written(declared)} | ({FORMER: former} if former else {})


def moved(stored: Place, declared: Place) -> str | None:
    """What to tell people of a Canary that is about something else by now. None: it is not."""
    if stored == declared:
        return None
    if stored.apex == declared.apex:
        gone = f"{stored.target}-primary"
        return f"Target changed from {stored.target} to {declared.target}: {gone} goes when it has no traffic any more"
    return (
        f"Service changed from {stored.apex} to {declared.apex}: {stored.apex}, its -primary and -canary Services and "
        "what they lead to stay and answer; delete them when nobody uses them any more"
    )


def _written(place: Place) -> Obj:
    return {"kind": place.kind, "target": place.target, "apex": place.apex}


def _read(found: object) -> Place | None:
    if not isinstance(found, Mapping):
        return None
    parts = [found.get(key) for key in ("kind", "target", "apex")]
    return Place(*map(str, parts)) if all(parts) else None
