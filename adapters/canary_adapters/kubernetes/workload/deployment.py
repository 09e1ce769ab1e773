"""Deployments as workloads: observed through caches, cloned for the primary, scaled."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial

from attrs import evolve

from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.naming import REVISION, TEMPLATE, ObjectNames, is_owned_by
from canary_adapters.kubernetes.ownership import Ownership, made_for
from canary_adapters.kubernetes.resources import DEPLOYMENTS, Obj
from canary_adapters.kubernetes.selector import Selector, in_place, selected_labels, selector_of
from canary_adapters.kubernetes.services.ports import reachability
from canary_adapters.kubernetes.settings import ObjectSettings
from canary_adapters.kubernetes.workload.autoscaler import Autoscaler
from canary_adapters.kubernetes.workload.configs import (
    ConfigRef,
    Contents,
    Tracked,
    clone_configs,
    drop_clones,
    referenced_configs,
)
from canary_adapters.kubernetes.workload.fingerprint import SCHEME, template_fingerprint
from canary_adapters.kubernetes.workload.fingerprints import Fingerprints
from canary_adapters.kubernetes.workload.history import kept_revisions
from canary_adapters.kubernetes.workload.template import COPIED, primary_metadata, primary_spec
from canary_adapters.kubernetes.workload.troubles import Troubles
from canary_adapters.manifests import Canary
from canary_adapters.plain_text import one_line
from canary_core import Obstacle, Workload
from canary_core.record import LONGEST_TITLE
from canary_ports import ConflictError, RefusedError, RevisionChangedError, Workloads

__all__ = ["DeploymentWorkload"]


class DeploymentWorkload:
    """The workloads of a canary whose target is a Deployment: a `canary_ports.WorkloadPort`."""

    def __init__(
        self,
        cluster: Cluster,
        canary: Canary,
        settings: ObjectSettings,
        fingerprints: Fingerprints,
        *,
        former: Sequence[str] = (),
        troubles: Troubles | None = None,
    ) -> None:
        """Makes one for a tick.

        Args:
            cluster: Reads and writes.
            canary: As it is declared now.
            settings: What the installation decides.
            fingerprints: Shared by all.
            former: Names of targets that were declared before, and whose traffic this one has taken over.
            troubles: Says why pods do not run. None: nobody asks them.
        """
        self._cluster, self._canary, self._settings = cluster, canary, settings
        self._fingerprints, self._former, self._troubles = fingerprints, former, troubles
        self._contents: Contents = {}
        self._names, self._ownership = ObjectNames.of(canary), Ownership(cluster, canary)
        self._autoscaler = Autoscaler(cluster, canary, settings.copied)

    def observe(self) -> Workloads:
        """Both workloads from the caches; nothing is asked unless a config object has changed.

        Raises:
            RefusedError: There is no primary yet, and no label by which its pods could be told apart from the target's.
            UnavailableError: A config object could not be read.
        """
        target, primary = self._get(self._names.target), self._get(self._names.primary)
        canary, stable = None, None
        if target is not None:
            if primary is None:
                self._selector(target, None)
            canary = observed(target, self._fingerprint(target)[0], floor=self._autoscaler.floor)
            canary = self._explained(target, evolve(canary, reachable=reachability(self._canary, target) is None))
            canary = evolve(canary, title=title_of(target))
        if primary is not None:
            revision = (primary["metadata"].get("annotations") or {}).get(REVISION)
            floor, held = self._autoscaler.primary_floor, self._autoscaler.held
            rigid = target is not None and in_place(primary, target) is None
            stable = observed(primary, revision, floor=floor, held=held, rigid=rigid)
            stable = self._explained(primary, evolve(stable, edited=self._is_edited(primary)))
        return Workloads(canary=canary, primary=stable, former=bool(self._former_primaries()))

    def kept(self) -> frozenset[str]:
        """Revisions whose templates the target's ReplicaSets still have; see `canary_ports.WorkloadPort.kept`."""
        target = self._get(self._names.target)
        return frozenset(self._kept(target)) if target is not None else frozenset()

    def obstacles(self) -> tuple[Obstacle, ...]:
        """What would be refused of the workloads."""
        target = self._get(self._names.target)
        mismatch = reachability(self._canary, target) if target is not None else None
        found = (self.objection(), self._objection_to_labels(), mismatch)
        return (*(each.as_obstacle() for each in found if each is not None), *self._autoscaler.obstacles())

    def _objection_to_labels(self) -> RefusedError | None:
        """Why the target could not be promoted, not even by a primary that is made anew. None: it could."""
        target, primary = self._get(self._names.target), self._get(self._names.primary)
        try:
            if target is not None:
                self._selector(target, primary)
        except RefusedError as error:
            return error
        return None

    def objection(self) -> RefusedError | None:
        """Why no rollout should begin: an object that is to be written is somebody else's. None: it may."""
        target = self._get(self._names.target)
        other = made_for(target) if target is not None else None
        if other is not None:
            return RefusedError(
                "TargetIsPrimary",
                f"spec.targetRef: deployment {self._names.target}.{self._names.namespace} is the primary of canary "
                f"{other}; name the Deployment that people deploy to",
            )
        primary = self._ownership.refusal(DEPLOYMENTS, self._get(self._names.primary))
        return primary if primary is not None else self._autoscaler.objection()

    def _explained(self, deployment: Obj, workload: Workload) -> Workload:
        return workload if self._troubles is None else self._troubles.explained(deployment, workload)

    def ensure_primary(self, revision: str, replicas: int) -> None:
        """Have a primary, its configuration and its autoscaler; see `canary_ports.WorkloadPort.ensure_primary`."""
        refusal = self.objection()
        if refusal is not None:
            raise refusal
        target, tracked = self._copyable(revision)
        primary = self._get(self._names.primary)
        keeps = primary["spec"].get("replicas", 1) if primary is not None else replicas
        self._write(target, tracked, revision, primary, keeps)

    def promote(self, revision: str, replicas: int | None) -> None:
        """Have the primary run what the target declares; see `canary_ports.WorkloadPort.promote`."""
        target, tracked = self._copyable(revision)
        primary = self._get(self._names.primary)
        if primary is None:
            raise ConflictError(f"deployment {self._names.primary} is gone")
        self._drop_clones(primary, tracked)
        asked = primary["spec"].get("replicas", 1) if replicas is None else replicas
        self._write(target, tracked, revision, primary, asked)

    def restore_primary(self, revision: str) -> None:
        """Undo what somebody did to the template; see `canary_ports.WorkloadPort.restore_primary`."""
        primary = self._get(self._names.primary)
        if primary is None or not self._is_edited(primary):
            return
        self._ownership.check(DEPLOYMENTS, primary)
        annotations = primary["metadata"]["annotations"]
        own = kept_revisions(self._cluster, primary, _template_of) if annotations.get(REVISION) == revision else {}
        written = own.get(annotations[TEMPLATE])
        if written is not None:
            self._replace(primary, written["spec"], lambda live: live["metadata"])
            return
        try:
            target, tracked = self._copyable(revision)
        except RevisionChangedError as error:
            raise RefusedError(
                "PrimaryTemplateLost",
                f"the pod template of deployment {self._names.primary}.{self._names.namespace} was changed by somebody "
                "else, and none of its ReplicaSets has the one of before; undo the change",
            ) from error
        self._write(target, tracked, revision, primary, primary["spec"].get("replicas", 1))

    def _is_edited(self, primary: Obj) -> bool:
        """Whether its template is another one than was written. One that nobody took note of is taken as it is."""
        written = (primary["metadata"].get("annotations") or {}).get(TEMPLATE) or ""
        return written.startswith(f"{SCHEME}:") and self._fingerprints.of_template(primary) != written

    def drop_former(self) -> None:
        """Delete the primaries of targets that were declared before; see `canary_ports.WorkloadPort.drop_former`."""
        for primary in self._former_primaries():
            self._ownership.remove(DEPLOYMENTS, primary)

    def _former_primaries(self) -> list[Obj]:
        found = (self._get(f"{name}-primary") for name in self._former if name != self._names.target)
        return [each for each in found if each is not None and is_owned_by(each, self._canary)]

    def remove_primary(self) -> None:
        """Take the primary away, if it is ours; see `canary_ports.WorkloadPort.remove_primary`.

        Its pods go after it; its autoscaler and the copies of its configuration stay for the next one.
        """
        primary = self._get(self._names.primary)
        if primary is None or primary["metadata"].get("deletionTimestamp"):
            return
        try:
            self._ownership.remove(DEPLOYMENTS, primary)
        except ConflictError:
            fresh = self._unchanged(primary)
            if fresh is None:
                raise
            self._ownership.remove(DEPLOYMENTS, fresh)

    def scale_primary(self, replicas: int) -> None:
        """Have the primary ask for so many pods; its number of replicas is all that is written."""
        primary = self._get(self._names.primary)
        if primary is not None and primary["spec"].get("replicas", 1) != replicas:
            self._scale(primary, replicas)

    def hold_primary(self, replicas: int | None) -> None:
        """Have the primary's autoscaler keep so many; see `canary_ports.WorkloadPort.hold_primary`."""
        if self._autoscaler.primary_floor is not None:
            self._autoscaler.ensure(replicas)

    def scale_canary(self, replicas: int) -> None:
        """Have the target ask for so many pods; its number of replicas is all that is written."""
        target = self._get(self._names.target)
        if target is not None and target["spec"].get("replicas", 1) != replicas:
            self._scale(target, replicas)

    def _scale(self, target: Obj, replicas: int) -> None:
        self._patch(target, {"spec": {"replicas": replicas}})

    def _patch(self, deployment: Obj, changes: Obj) -> Obj:
        try:
            return self._cluster.patch(DEPLOYMENTS, deployment, changes)
        except ConflictError:
            fresh = self._unchanged(deployment)
            if fresh is None:
                raise
            return self._cluster.patch(DEPLOYMENTS, fresh, changes)

    def _unchanged(self, deployment: Obj) -> Obj | None:
        """A Deployment as it is now, if only its status has changed, as it does all the time while pods come and go."""
        fresh = self._cluster.read(DEPLOYMENTS, self._names.namespace, deployment["metadata"]["name"])
        if fresh is None:
            return None
        same = all(fresh["metadata"].get(key) == deployment["metadata"].get(key) for key in ("uid", "generation"))
        return fresh if same else None

    # -- Making the primary -----------------------------------------------------------------------------------------

    def _copyable(self, revision: str) -> tuple[Obj, tuple[Tracked, ...]]:
        target = self._get(self._names.target)
        if target is None:
            raise RevisionChangedError(f"deployment {self._names.target} is gone")
        found, tracked = self._fingerprint(target)
        if found == revision:
            return target, tracked
        earlier = self._kept(target).get(revision) if self._get(self._names.primary) is None else None
        if earlier is None:
            raise RevisionChangedError(f"deployment {self._names.target} is {found} and not {revision}")
        return earlier, self._fingerprints.made(earlier, self._contents)[1]

    def _kept(self, target: Obj) -> dict[str, Obj]:
        return kept_revisions(self._cluster, target, lambda each: self._fingerprints.made(each, self._contents)[0])

    def _fingerprint(self, target: Obj) -> tuple[str, tuple[Tracked, ...]]:
        return self._fingerprints.of(target, self._contents)

    def _write(
        self, target: Obj, tracked: tuple[Tracked, ...], revision: str, primary: Obj | None, replicas: int
    ) -> None:
        selector = self._selector(target, primary)
        if primary is not None:
            self._refuse_foreign(primary, target)
        copied = self._settings.copied
        spec = primary_spec(target, selector, self._settings.selector_labels, tracked, replicas)
        template = _template_of({"spec": spec})
        metadata = partial(
            primary_metadata, self._canary, target, selector, copied, revision=revision, template=template
        )
        target_name = self._names.target
        clone_configs(self._cluster, self._canary, tracked, self._contents, target=target_name, copied=copied)
        # What the Deployment needs comes first: once it is written, nobody asks for the rest again.
        self._autoscaler.ensure(self._autoscaler.held)
        if primary is None:
            self._sign(self._ownership.put(DEPLOYMENTS, {"metadata": metadata(live=None), "spec": spec}, None))
            return
        # Fields that are neither copied nor ours, such as spec.paused, stay as somebody has set them.
        others = {key: value for key, value in primary["spec"].items() if key not in COPIED}
        spec = {**others, **spec, "selector": primary["spec"]["selector"]}
        if (metadata(live=primary), spec) != (primary["metadata"], primary["spec"]):
            self._replace(primary, spec, lambda live: metadata(live=live))

    def _replace(self, primary: Obj, spec: Obj, metadata: Callable[[Obj], Obj]) -> None:
        """Write the primary, also if its status has changed since it was read."""
        wanted = {**primary, "spec": spec}
        try:
            found = self._ownership.put(DEPLOYMENTS, {**wanted, "metadata": metadata(primary)}, primary)
        except ConflictError:
            fresh = self._unchanged(primary)
            if fresh is None:
                raise
            found = self._ownership.put(DEPLOYMENTS, {**wanted, "metadata": metadata(fresh)}, fresh)
        self._sign(found)

    def _sign(self, primary: Obj) -> None:
        """Take note of a template that did not come as it was written: what a webhook makes of it is nobody's edit."""
        if not self._is_edited(primary):
            return
        found = self._fingerprints.of_template(primary)
        signed = self._patch(primary, {"metadata": {"annotations": {TEMPLATE: found}}})
        if self._is_edited(signed):  # it is another one after each write, so that nothing can be known of it
            self._patch(signed, {"metadata": {"annotations": {TEMPLATE: None}}})

    def _refuse_foreign(self, primary: Obj, target: Obj) -> None:
        self._ownership.check(DEPLOYMENTS, primary)
        if in_place(primary, target) is None:
            raise RefusedError(
                "PrimarySelectorDiffers",
                f"deployment {self._names.primary}.{self._names.namespace} selects {_words(selected_labels(primary))}, "
                f"which does not go with the labels of deployment {self._names.target} "
                f"({_words(selected_labels(target))}); selectors cannot be changed: delete {self._names.primary} when "
                "it has no traffic, and it is made anew",
            )

    def _drop_clones(self, primary: Obj, tracked: tuple[Tracked, ...]) -> None:
        """Clones that no pod of the primary can need any more. Where none are made, nobody looks for any, or may.

        Those that it is about to refer to stay: an earlier attempt may have made them and still be under way.
        """
        if not self._settings.track_configs:
            return
        seen = observed(primary, None)
        if not seen.is_mixed:
            coming = {ConfigRef(each.ref.kind, each.clone_name(self._names.target)) for each in tracked}
            keep = referenced_configs(primary["spec"]["template"]) | coming
            drop_clones(self._cluster, self._canary, target=self._names.target, keep=keep)

    def _selector(self, target: Obj, primary: Obj | None) -> Selector:
        kept = in_place(primary, target) if primary is not None else None
        return kept if kept is not None else selector_of(target, self._settings.selector_labels)

    def _get(self, name: str) -> Obj | None:
        return self._cluster.get(DEPLOYMENTS, self._names.namespace, name)


def observed(
    deployment: Obj, revision: str | None, *, floor: int | None = None, held: int | None = None, rigid: bool = False
) -> Workload:
    """A Deployment as its status tells it.

    Args:
        deployment: As read.
        revision: Fingerprint of what it runs.
        floor: The fewest replicas that its autoscaler keeps.
        held: The fewest that it was told to keep.
        rigid: Whether it cannot become what the target declares.
    """
    status = deployment.get("status") or {}
    conditions = {each["type"]: each for each in status.get("conditions") or ()}
    progressing, available = conditions.get("Progressing"), conditions.get("Available") or {}
    short = available.get("status") == "False" and available.get("reason") == "MinimumReplicasUnavailable"
    return Workload(
        revision=revision,
        replicas=deployment["spec"].get("replicas", 1),
        updated=status.get("updatedReplicas") or 0,
        total=status.get("replicas") or 0,
        available=status.get("availableReplicas") or 0,
        observed=(status.get("observedGeneration") or 0) >= (deployment["metadata"].get("generation") or 0),
        stalled=(progressing or {}).get("reason") == "ProgressDeadlineExceeded",
        unavailable_since_s=_seconds(available.get("lastUpdateTime")) if short and progressing else None,
        rigid=rigid,
        floor=floor,
        held=held,
    )


def title_of(deployment: Obj) -> str:
    """The images of a Deployment, for people: without the registry."""
    images = (str(each.get("image", "")) for each in deployment["spec"]["template"]["spec"]["containers"])
    return one_line(", ".join(image.rpartition("/")[2] for image in images), LONGEST_TITLE)


def _template_of(deployment: Obj) -> str:
    return template_fingerprint(deployment["spec"]["template"])


def _words(labels: Mapping[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items())) or "no label"


def _seconds(time: str | None) -> float | None:
    try:
        return datetime.fromisoformat(time).timestamp() if time else None
    except ValueError:
        return None
