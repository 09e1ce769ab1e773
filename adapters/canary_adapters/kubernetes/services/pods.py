"""Whose pods the Services of a canary select.

The primary's are told by the labels of the primary that there is, never by what a target says of one that might be made
from it: a target that was deleted and made anew with other labels, or another list of preferred labels, takes no
traffic away from pods that serve.
"""

from collections.abc import Mapping, Sequence

from attrs import frozen

from canary_adapters.kubernetes.resources import Obj
from canary_adapters.kubernetes.selector import (
    SUFFIX,
    Selector,
    carried_labels,
    in_place,
    selected_labels,
    selector_of,
)
from canary_ports import RefusedError

__all__ = ["Pods", "beside", "pods_of"]


@frozen(kw_only=True)
class Pods:
    """Labels by which the pods of each side are selected. Empty: nobody knows any."""

    primary: dict[str, str]
    canary: dict[str, str]
    label: str | None
    """The label that tells the two apart, which the Services bear as well. None: nobody knows."""


def pods_of(primary: Obj | None, target: Obj | None, live: Mapping[str, Obj | None], preferred: Sequence[str]) -> Pods:
    """Whose pods the Services are to select.

    Args:
        primary: The primary's Deployment. None: there is none.
        target: The target. None: there is none.
        live: The Services of ``primary`` and ``canary`` as they are: what is known when a Deployment is gone.
        preferred: Labels that may tell target and primary apart, for a primary that is still to be made.
    """
    has = {side: _selector(live.get(side)) for side in ("primary", "canary")}
    of_canary = dict(selected_labels(target)) if target is not None else {}
    kept = _told_apart(primary, target, preferred)
    if primary is not None:
        of_primary = _of_primary(primary, target, has["primary"])
    elif _suffixed(has["primary"]) is None and kept is not None:
        of_primary = {**of_canary, kept.label: kept.primary_value}
    else:  # whoever makes it again decides
        of_primary = has["primary"]
    label = kept.label if kept is not None and kept.label in of_primary else _suffixed(of_primary)
    return Pods(primary=of_primary, canary=of_canary or has["canary"], label=label)


def _told_apart(primary: Obj | None, target: Obj | None, preferred: Sequence[str]) -> Selector | None:
    if target is None:
        return None
    if primary is not None:
        return in_place(primary, target)
    try:
        return selector_of(target, preferred)
    except RefusedError:
        return None


def _suffixed(labels: Mapping[str, str]) -> str | None:
    return next((key for key, value in labels.items() if value.endswith(SUFFIX)), None)


def _of_primary(primary: Obj, target: Obj | None, live: Mapping[str, str]) -> dict[str, str]:
    """All labels of its selector, and those by which a target with several labels is told from other applications.

    Primaries that Flagger or an older release made select by one label, which other applications may share.
    """
    own, carried = selected_labels(primary), carried_labels(primary)
    its_own = target is not None and in_place(primary, target) is not None
    known = selected_labels(target) if target is not None and its_own else live
    return {**own, **{key: value for key, value in known.items() if key not in own and carried.get(key) == value}}


def _selector(service: Obj | None) -> dict[str, str]:
    return dict((service or {"spec": {}})["spec"].get("selector") or {})


def beside(people: Mapping[str, str] | None, workloads: Sequence[Obj]) -> dict[str, str]:
    """The other labels by which people's Service selects, which stay: those that the pods of both sides carry.

    One that a newer revision does not carry any more would soon select nobody.
    """
    carried = [carried_labels(each) for each in workloads]
    return {k: v for k, v in (people or {}).items() if carried and all(each.get(k) == v for each in carried)}
