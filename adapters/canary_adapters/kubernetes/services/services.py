"""The three Services of a canary: compared, put right in an order that loses no request, and given back."""

import json
from collections.abc import Callable, Iterator

from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.naming import UNWATCHED_BY_TOOLKIT, ObjectNames, is_owned_by
from canary_adapters.kubernetes.ownership import Ownership
from canary_adapters.kubernetes.resources import DEPLOYMENTS, SERVICES, Obj
from canary_adapters.kubernetes.selector import Selector, selector_of
from canary_adapters.kubernetes.services.objects import wanted_service
from canary_adapters.kubernetes.services.ports import check_ports, service_ports
from canary_adapters.kubernetes.settings import ObjectSettings
from canary_adapters.manifests import Canary
from canary_ports import RefusedError

__all__ = ["Services", "last_applied"]

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def last_applied(obj: Obj) -> Obj | None:
    """The object as it was applied with kubectl last. None: it was not, or that cannot be read."""
    text = (obj["metadata"].get("annotations") or {}).get(LAST_APPLIED)
    try:
        found = json.loads(text) if text else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


class Services:
    """Apex, primary and canary Service of a canary whose target is a Deployment; none where it is a Service."""

    def __init__(self, cluster: Cluster, canary: Canary, settings: ObjectSettings) -> None:
        """Makes one for a tick.

        Args:
            cluster: Reads and writes.
            canary: As it is declared now.
            settings: What the installation decides.
        """
        self._cluster, self._canary, self._settings = cluster, canary, settings
        self._names, self._ownership = ObjectNames.of(canary), Ownership(cluster, canary)
        self._are_ours = canary.spec.target_ref.kind == DEPLOYMENTS.kind

    @property
    def apex_sends_to_canary(self) -> bool:
        """Whether clients of the apex reach the canary's pods rather than the primary's."""
        apex, selector = self._get(self._names.apex), self._selector()
        if not self._are_ours or apex is None or selector is None:
            return False
        return bool(apex["spec"].get("selector") == {selector.label: selector.value})

    @property
    def given_back(self) -> bool:
        """Whether clients of the apex reach the target, as far as that can be brought about."""
        apex, selector = self._get(self._names.apex), self._selector()
        if not self._are_ours or apex is None or selector is None or self._ownership.is_foreign(apex, given=True):
            return True
        return bool(apex["spec"].get("selector") != {selector.label: selector.primary_value})

    def in_order(self, *, to_canary: bool = False) -> bool:
        """Whether all of them are as they should be.

        Args:
            to_canary: Whether the apex should send to the canary.
        """
        if not self._are_ours:
            return True
        selector = self._selector()
        if selector is None:
            return all(self._get(name) is not None for name in self._all_names())
        return all(
            wanted is live or self._is_foreign(live) for wanted, live in self._wanted(selector, to_canary=to_canary)
        )

    @property
    def are_begun(self) -> bool:
        """Whether there is one for the primary that is not somebody else's: then there were no objections once."""
        live = self._get(self._names.apex_primary)
        return live is not None and not self._is_foreign(live)

    def check(self, *, reaches_canary: bool) -> None:
        """Refuse what would cut clients off.

        Where there is a primary, whatever the target is by now cuts nobody off who is sent to the primary.

        Args:
            reaches_canary: Whether any request is to go to the canary.

        Raises:
            RefusedError: With what to change.
        """
        if not self._are_ours or (self.are_begun and not reaches_canary):
            return
        target = self._target()
        apex = self._get(self._names.apex)
        foreign = apex if apex is not None and not is_owned_by(apex, self._canary) else None
        if target is not None:
            check_ports(self._canary, target, None if foreign is not None and self._is_taken_over(foreign) else foreign)

    def objection(self, *, to_canary: bool = False, apex_only: bool = False) -> RefusedError | None:
        """Why one of them cannot be put right: it is somebody else's. None: all can be, or are right.

        Args:
            to_canary: Whether the apex should send to the canary.
            apex_only: Whether only the apex is looked at.
        """
        selector = self._selector()
        if not self._are_ours or selector is None:
            return None
        found = (
            self._ownership.refusal(SERVICES, live, given=self._is_given(live))
            for wanted, live in self._wanted(selector, to_canary=to_canary)
            if live is not None and wanted is not live and (not apex_only or self._is_given(live))
        )
        return next((each for each in found if each is not None), None)

    def ensure_backends(self) -> None:
        """Have the Services of primary and canary, but for those that are somebody else's by now."""
        self._ensure(lambda name: name != self._names.apex)

    def ensure_apex(self, *, to_canary: bool = False) -> None:
        """Have the apex send to the primary, or to the canary, unless it is somebody else's by now."""
        self._ensure(lambda name: name == self._names.apex, to_canary=to_canary)

    def drop_backends(self) -> None:
        """Delete the Services of primary and canary, so that nobody takes the canary for one in operation."""
        for name in (self._names.apex_canary, self._names.apex_primary):
            live = self._get(name)
            if self._are_ours and live is not None and is_owned_by(live, self._canary):
                self._cluster.delete(SERVICES, live)

    def release(self) -> None:
        """Have the apex send to the target, as it did before, or as it would without us."""
        apex = self._get(self._names.apex)
        if not self._are_ours or apex is None or self._ownership.is_foreign(apex, given=True):
            return
        applied = None if is_owned_by(apex, self._canary) else last_applied(apex)
        selector = self._selector()
        spec = dict(apex["spec"])
        if applied is not None and (applied.get("spec") or {}).get("selector"):
            spec["selector"] = applied["spec"]["selector"]
        elif selector is not None:
            spec["selector"] = {selector.label: selector.value}
        annotations = dict(apex["metadata"].get("annotations") or {})
        for key in UNWATCHED_BY_TOOLKIT:
            annotations.pop(key, None)
        new = {**apex, "metadata": {**apex["metadata"], "annotations": annotations}, "spec": spec}
        if spec != apex["spec"]:
            self._cluster.replace(SERVICES, new)

    # -- Inside -----------------------------------------------------------------------------------------------------

    def _is_given(self, service: Obj) -> bool:
        """Whether people may have made it: the Service that their clients use, and no other."""
        return bool(service["metadata"]["name"] == self._names.apex)

    def _is_foreign(self, live: Obj | None) -> bool:
        return live is not None and self._ownership.is_foreign(live, given=self._is_given(live))

    def _is_taken_over(self, apex: Obj) -> bool:
        """Whether we have put it right before: then its ports are ours already."""
        annotations = apex["metadata"].get("annotations") or {}
        return UNWATCHED_BY_TOOLKIT.items() <= annotations.items()

    def _ensure(self, chosen: Callable[[str], bool], *, to_canary: bool = False) -> None:
        selector = self._selector()
        if not self._are_ours or selector is None:
            return
        for wanted, live in self._wanted(selector, to_canary=to_canary):
            if chosen(wanted["metadata"]["name"]) and not self._is_foreign(live):
                self._ownership.put(SERVICES, wanted, live, given=self._is_given(wanted))

    def _wanted(self, selector: Selector, *, to_canary: bool) -> Iterator[tuple[Obj, Obj | None]]:
        service, names = self._canary.spec.service, self._names
        ports = service_ports(service, self._target())
        primary = {selector.label: selector.primary_value}
        canary = {selector.label: selector.value}
        for name, metadata, whom in (
            (names.apex_canary, service.canary, canary),
            (names.apex_primary, service.primary, primary),
            (names.apex, service.apex, canary if to_canary else primary),
        ):
            live = self._get(name)
            yield wanted_service(self._canary, name, metadata, selector=whom, ports=ports, live=live), live

    def _selector(self) -> Selector | None:
        """From the target or, when that is gone, from the Service of its pods."""
        target = self._target()
        if target is not None:
            return selector_of(target, self._settings.selector_labels)
        backend = self._get(self._names.apex_canary)
        has = (backend or {"spec": {}})["spec"].get("selector") or {}
        return Selector(label=next(iter(has)), value=next(iter(has.values()))) if len(has) == 1 else None

    def _target(self) -> Obj | None:
        if not self._are_ours:
            return None
        return self._cluster.get(DEPLOYMENTS, self._names.namespace, self._names.target)

    def _all_names(self) -> tuple[str, str, str]:
        return self._names.apex_canary, self._names.apex_primary, self._names.apex

    def _get(self, name: str) -> Obj | None:
        return self._cluster.get(SERVICES, self._names.namespace, name)
