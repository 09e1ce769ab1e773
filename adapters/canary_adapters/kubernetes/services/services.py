"""The three Services of a canary: compared, put right in an order that loses no request, and given back."""

from collections.abc import Callable, Iterator
from typing import Final

from attrs import frozen

from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.naming import UNWATCHED_BY_TOOLKIT, ObjectNames, is_owned_by
from canary_adapters.kubernetes.originals import annotations_of, check_size
from canary_adapters.kubernetes.ownership import Owner, Ownership, owner_of
from canary_adapters.kubernetes.resources import DEPLOYMENTS, SERVICES, Obj
from canary_adapters.kubernetes.selector import carried_labels, in_place, selected_labels
from canary_adapters.kubernetes.services.objects import own_service
from canary_adapters.kubernetes.services.pods import Pods, beside, pods_of
from canary_adapters.kubernetes.services.ports import (
    declared_port,
    fitted,
    joined,
    key_of,
    leads_nowhere,
    port_of,
    reachability,
)
from canary_adapters.kubernetes.services.takeover import (
    Note,
    applied_selector,
    contradiction,
    given_back,
    peoples_ports,
    peoples_selector,
    taken_over,
)
from canary_adapters.kubernetes.settings import ObjectSettings
from canary_adapters.manifests import Canary
from canary_adapters.manifests.service import ServiceMetadata
from canary_ports import RefusedError

__all__ = ["Services"]

_SPARES: Final = "orphan"
"""Finalizer by which the garbage collector keeps the objects of one that is deleted."""


@frozen(kw_only=True)
class _Seen:
    """Everything that the Services are made from, at one time."""

    target: Obj | None
    primary: Obj | None
    apex: Obj | None
    backends: dict[str, Obj | None]
    """The Services of ``primary`` and ``canary``."""
    pods: Pods
    workloads: tuple[Obj, ...]
    """Primary and target, as far as they exist."""

    def tells_primary(self, selector: dict[str, str] | None) -> bool:
        """Whether pods are selected by what tells the primary's apart, which go when the primary does."""
        label = self.pods.label
        return label is not None and (selector or {}).get(label) == self.pods.primary.get(label)

    def may_lead_to_target(self, selector: dict[str, str]) -> bool:
        """Whether who is selected can serve without the primary, as far as anybody knows of a target that is gone."""
        if self.target is None:
            return not self.tells_primary(selector)
        return selector.items() <= carried_labels(self.target).items()


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
        seen = self._seen()
        if not self._are_ours or seen.apex is None or not seen.pods.canary:
            return False
        selector = seen.apex["spec"].get("selector")
        return bool(selector == self._apex_selector(seen, to_canary=True)) and not seen.tells_primary(selector)

    @property
    def given_back(self) -> bool:
        """Whether clients of the apex reach the target, as far as that can be brought about."""
        seen = self._seen()
        if not self._are_ours or seen.apex is None or self._is_foreign(seen.apex):
            return True
        noted = self._is_peoples(seen.apex) and Note.of(seen.apex) is not None
        return not noted and not seen.tells_primary(seen.apex["spec"].get("selector"))

    @property
    def are_begun(self) -> bool:
        """Whether there is one for the primary that is not somebody else's: then there were no objections once."""
        live = self._get(self._names.apex_primary)
        return live is not None and not self._is_foreign(live)

    @property
    def have_begun(self) -> bool:
        """Whether this very canary has begun with them: then it has looked at the apex, which clients depend on."""
        return self._has_begun(self._get(self._names.apex_primary))

    @property
    def primary_lasts(self) -> bool:
        """Whether the primary has pods that serve, and need not be deleted to be promoted to the target."""
        seen = self._seen()
        if not self._are_ours:
            return True
        primary, target = seen.primary, seen.target
        if primary is None or not (primary.get("status") or {}).get("availableReplicas"):
            return False
        return target is None or in_place(primary, target) is not None

    @property
    def has_several_ports(self) -> bool:
        """Whether primary and canary can be reached by more than one port, so that routes have to say by which."""
        if self._are_ours:
            return len(self._offered(self._seen())) > 1
        target = self._get(self._names.target)
        return len((target or {"spec": {}})["spec"].get("ports") or ()) > 1

    def in_order(self, *, to_canary: bool = False) -> bool:
        """Whether all of them are as they should be, as far as that can be brought about.

        Args:
            to_canary: Whether the apex should send to the canary.
        """
        if not self._are_ours:
            return True
        found = self._wanted(self._seen(), to_canary=to_canary)
        return all(wanted is live or self._is_foreign(live) for _, wanted, live in found)

    # -- What stands in the way -------------------------------------------------------------------------------------

    def not_ours(self, *, to_canary: bool = False, apex_only: bool = False) -> RefusedError | None:
        """Why one of them cannot be put right: it is somebody else's. None: all can be, or are right.

        Args:
            to_canary: Whether the apex should send to the canary.
            apex_only: Whether only the apex is looked at.
        """
        wanted = self._wanted(self._seen(), to_canary=to_canary) if self._are_ours else ()
        found = (
            self._ownership.refusal(SERVICES, live, given=self._is_given(name))
            for name, new, live in wanted
            if new is not live and (not apex_only or self._is_given(name))
        )
        return next((each for each in found if each is not None), None)

    def objection(self) -> RefusedError | None:
        """Why they cannot become what is declared with clients served as before. None: they can."""
        return self._objection(self._seen()) if self._are_ours else None

    def _objection(self, seen: _Seen) -> RefusedError | None:
        faults = [reachability(self._canary, workload) for workload in seen.workloads]
        if faults and all(faults):
            return faults[-1]
        apex = self._untouched(seen)
        return contradiction(self._canary, apex, seen.workloads[::-1]) if apex is not None else None

    @property
    def live_port(self) -> Obj | None:
        """The declared port as people's Service has it. None: it has none, or it is ours by now."""
        apex = self._untouched(self._seen()) if self._are_ours else None
        return (
            port_of(apex["spec"].get("ports") or (), key_of(declared_port(self._canary.spec.service))) if apex else None
        )

    def canary_objection(self) -> RefusedError | None:
        """Why no request may go to the canary: clients would find nobody there. None: they can, or it is gone."""
        return self._canary_objection(self._seen()) if self._are_ours else None

    def _canary_objection(self, seen: _Seen) -> RefusedError | None:
        if seen.target is None:
            return None
        if not selected_labels(seen.target):
            where = f"{seen.target['metadata']['name']}.{self._names.namespace}"
            return RefusedError(
                "SelectorLabelMissing",
                f"deployment {where} spec.selector.matchLabels is empty: no Service could select its pods alone",
            )
        primary = seen.primary
        alive = [port for port in self._offered(seen) if primary is not None and not leads_nowhere(port, primary)]
        return reachability(self._canary, seen.target, alive)

    def check(self, *, reaches_canary: bool) -> None:
        """Refuse what would cut clients off, before anything is written.

        Once the Services are ours, all traffic can be sent to the primary whatever is declared.

        Args:
            reaches_canary: Whether any request is to go to the canary.

        Raises:
            RefusedError: With what to change.
        """
        if not self._are_ours:
            return
        seen = self._seen()
        have_begun = self._has_begun(seen.backends["primary"])
        refusal = None if have_begun else self._first_objection(seen)
        if refusal is None and reaches_canary:
            refusal = self._canary_objection(seen)
        if refusal is not None:
            raise refusal
        for _, wanted, live in () if have_begun else self._wanted(seen, to_canary=False):
            if wanted is not live:
                check_size("service", wanted)

    # -- Writing ----------------------------------------------------------------------------------------------------

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
        """Have the apex as it was before us. One of ours goes, or sends to the target if it outlives the Canary."""
        seen = self._seen()
        apex, fallback = seen.apex, seen.pods.canary or None
        if not self._are_ours or apex is None or self._is_foreign(apex):
            return
        if self._goes_with_canary(apex):
            # The garbage collector would take it a moment after the Canary, with what people apply to it meanwhile.
            self._ownership.remove(SERVICES, apex)
            return
        if not self._is_peoples(apex):
            new = {**apex, "spec": {**apex["spec"], **({"selector": fallback} if fallback else {})}}
        else:
            note = Note.of(apex)
            if note is None and not seen.tells_primary(apex["spec"].get("selector")):
                return
            known = (note.selector if note is not None else None) or applied_selector(apex)
            new = given_back(apex, known if known and seen.may_lead_to_target(known) else fallback)
        if new != apex:
            self._cluster.replace(SERVICES, new)

    # -- Inside -----------------------------------------------------------------------------------------------------

    def _has_begun(self, primary: Obj | None) -> bool:
        """Whether the Service of the primary is this very canary's."""
        return primary is not None and is_owned_by(primary, self._canary)

    def _first_objection(self, seen: _Seen) -> RefusedError | None:
        found, primary = self._objection(seen), seen.primary
        return found if found is not None or primary is None else reachability(self._canary, primary)

    def _ensure(self, chosen: Callable[[str], bool], *, to_canary: bool = False) -> None:
        if not self._are_ours:
            return
        for name, wanted, live in self._wanted(self._seen(), to_canary=to_canary):
            if chosen(name) and not self._is_foreign(live):
                self._ownership.put(SERVICES, wanted, live, given=self._is_given(name))

    def _wanted(self, seen: _Seen, *, to_canary: bool) -> Iterator[tuple[str, Obj, Obj | None]]:
        """Name of each Service, as it should be, and as it is. What nobody can tell is left out, or as it is."""
        service, names = self._canary.spec.service, self._names
        offered = self._offered(seen)
        plain = [{key: value for key, value in port.items() if key != "nodePort"} for port in offered]
        for port in plain:
            port.setdefault("name", declared_port(service)["name"])
        primary = seen.primary or seen.target  # of which a primary that is gone is made again
        selected, own = self._apex_selector(seen, to_canary=to_canary), seen.target if to_canary else primary
        for name, live, metadata, selector, workload, ports in (
            (names.apex_canary, seen.backends["canary"], service.canary, seen.pods.canary, seen.target, plain),
            (names.apex_primary, seen.backends["primary"], service.primary, seen.pods.primary, primary, plain),
            (names.apex, seen.apex, service.apex, selected, own, offered),
        ):
            if selector and not _is_elsewhere(live):
                found = fitted(ports, service, workload, (live or {"spec": {}})["spec"].get("ports") or [])
                yield name, self._right(name, live, metadata, selector, found, seen), live
            elif live is not None:
                yield name, live, live

    def _right(
        self,
        name: str,
        live: Obj | None,
        metadata: ServiceMetadata | None,
        selector: dict[str, str],
        ports: list[Obj],
        seen: _Seen,
    ) -> Obj:
        if live is not None and self._is_peoples(live):
            return taken_over(live, selector, ports, target=seen.target)
        label = seen.pods.label
        return own_service(self._canary, name, metadata, label=label, selector=selector, ports=ports, live=live)

    def _offered(self, seen: _Seen) -> list[Obj]:
        """All ports by which the apex is to be reached."""
        people = peoples_ports(seen.apex) if seen.apex is not None and self._is_peoples(seen.apex) else []
        return joined(people, self._canary.spec.service, seen.workloads)

    def _apex_selector(self, seen: _Seen, *, to_canary: bool) -> dict[str, str]:
        found = seen.pods.canary if to_canary else seen.pods.primary
        if not found or seen.apex is None or not self._is_peoples(seen.apex):
            return found
        return {**beside(peoples_selector(seen.apex, seen.target), seen.workloads), **found}

    def _seen(self) -> _Seen:
        names = self._names
        target, primary = (
            self._cluster.get(DEPLOYMENTS, names.namespace, name) if self._are_ours else None
            for name in (names.target, names.primary)
        )
        backends = {"primary": self._get(names.apex_primary), "canary": self._get(names.apex_canary)}
        ours = {side: None if self._is_foreign(live) else live for side, live in backends.items()}
        return _Seen(
            target=target,
            primary=primary,
            apex=self._get(names.apex),
            backends=backends,
            pods=pods_of(primary, target, ours, self._settings.selector_labels),
            workloads=tuple(each for each in (primary, target) if each is not None),
        )

    def _untouched(self, seen: _Seen) -> Obj | None:
        """The apex Service, if it is for people to say what it is: they made it, and this canary has not begun with it.

        An earlier canary may have taken it over, and left when it was deleted without revert; but what was taken over
        without a note is ours already: nobody knows what people had.
        """
        apex = seen.apex
        if apex is None or not self._is_peoples(apex):
            return None
        noted, marked = Note.of(apex) is not None, UNWATCHED_BY_TOOLKIT.items() <= annotations_of(apex).items()
        if self._has_begun(seen.backends["primary"]):
            return None if noted or marked else apex
        return apex if noted or not marked else None

    def _is_given(self, name: str) -> bool:
        """Whether people may have made it: the Service that their clients use, and no other."""
        return name == self._names.apex

    def _is_foreign(self, live: Obj | None) -> bool:
        return live is not None and self._ownership.is_foreign(live, given=self._is_given(live["metadata"]["name"]))

    def _is_peoples(self, service: Obj) -> bool:
        """Whether people made it, and keep it when the canary goes."""
        given = self._is_given(service["metadata"]["name"])
        return given and owner_of(service, self._canary) in {Owner.NOBODY, Owner.LOST}

    def _goes_with_canary(self, service: Obj) -> bool:
        """Whether it was made for this very canary, whose deletion does not spare what was (``--cascade=orphan``)."""
        return is_owned_by(service, self._canary) and _SPARES not in self._canary.metadata.finalizers

    def _get(self, name: str) -> Obj | None:
        return self._cluster.get(SERVICES, self._names.namespace, name)


def _is_elsewhere(service: Obj | None) -> bool:
    return service is not None and service["spec"].get("type") == "ExternalName"
