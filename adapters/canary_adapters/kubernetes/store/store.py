"""Where a rollout is kept between ticks: in the status of its Canary."""

from collections.abc import Callable
from typing import Final

from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.resources import CANARIES, DEPLOYMENTS, SERVICES, Obj
from canary_adapters.kubernetes.store.acceptance import DECLARED, Rehearse, is_gone_by, nobody, unanswered
from canary_adapters.kubernetes.store.annotation import read_request
from canary_adapters.kubernetes.store.conditions import Problem, Target, standing_problem
from canary_adapters.kubernetes.store.memory import Definition, as_meant, as_sent
from canary_adapters.kubernetes.store.places import Place, former_places, moved, place_of, stored_place, written_places
from canary_adapters.kubernetes.store.reader import CanaryReader, Loaded
from canary_adapters.kubernetes.store.record import KEY, read_record, written_record
from canary_adapters.kubernetes.store.status import read_status, with_problem, written_status
from canary_adapters.manifests import Canary
from canary_adapters.manifests.mistakes import shown
from canary_core import Obstacle, Phase, Policy, Record, Rollout, Source, Traffic
from canary_core.split import shown_weight
from canary_ports import Clock, ConflictError, GoneError, PortError, RefusedError, Stored, UnavailableError

__all__ = ["FINALIZER", "CanaryStore"]

FINALIZER: Final = "finalizer.flagger.app"

_LOST: Final = (
    "The definition of Canary in this cluster is not that of canary-core, and drops what it does not know: fields of "
    "spec that Flagger does not have, and columns of `kubectl get canary`. The rollout goes on, and is remembered in "
    "status.trackedConfigs. To mend it: canary crds | kubectl apply -f -"
)


class CanaryStore:
    """The rollout of one Canary: a `canary_ports.RolloutStore`. Made anew for each tick."""

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        name: str,
        *,
        reader: CanaryReader,
        clock: Clock,
        definition: Definition | None = None,
        rehearse: Rehearse = nobody,
        ready_while_progressing: bool = False,
    ) -> None:
        """Makes one; nothing is read yet.

        Args:
            cluster: Reads and writes.
            namespace: Of the Canary.
            name: Of the Canary.
            reader: Reads what it declares.
            clock: For the times in the status.
            definition: What is known of the server's definition of Canary. None: nothing.
            rehearse: Whether what is declared can be put in force.
            ready_while_progressing: Whether tools that wait are to take a rollout under way for settled.
        """
        self._cluster, self._namespace, self._name = cluster, namespace, name
        self._reader, self._clock, self._definition = reader, clock, definition or Definition()
        self._rehearse, self._ready_while_progressing = rehearse, ready_while_progressing
        self._loaded: Loaded | None = None
        self._generation: int | None = None
        self._seen: tuple[str, object] | None = None
        """The version that was loaded, and what a decision on it rests on."""
        self.problem: Obstacle | None = None
        """Why what is declared is not what is gone by. None: it is."""
        self._standing: Problem | None = None
        """What was in the way when it was loaded: it stands in the condition until a whole tick has gone well."""
        self.flowing: Callable[[], Traffic | None] = lambda: None
        """The split in force, for the status while the one that is intended is refused."""
        self._missing: tuple[object, bool] | None = None
        """A generation, and whether the target that it declares does not exist."""
        self._pinned = False
        """Whether somebody has built on what was declared, so that it must not change under him."""
        self.rollout = Rollout()
        """As it was last loaded or saved."""

    @property
    def policy(self) -> Policy | None:
        """What is gone by. None: it was not read."""
        return self._loaded.policy if self._loaded is not None else None

    @property
    def deleting(self) -> bool:
        """Whether the Canary is being deleted and waits for us."""
        return _is_deleting(self._obj())

    def declared(self) -> Loaded:
        """What the Canary declares now.

        Raises:
            GoneError: There is no such object.
            RefusedError: It has mistakes.
        """
        obj = self._obj()
        self.problem = None
        found = self._reader.read_to_delete(obj) if _is_deleting(obj) else self._valid(obj)
        if found is None:
            raise RefusedError("InvalidSpec", "nothing can be undone: spec cannot be read")
        self._loaded, self._generation, self._pinned = found, obj["metadata"].get("generation"), True
        return found

    def _valid(self, obj: Obj) -> Loaded:
        """What is declared or, while that is not valid, what was valid last.

        A rollout is not left for another target that does not exist: nobody would judge its canary any more.
        """
        try:
            found = self._reader.read(obj)
            self._stay(obj, found)
            self._rehearse(obj, found, is_gone_by=is_gone_by(obj))
        except RefusedError as error:
            return self._last_valid(obj, error, error.as_obstacle())
        except UnavailableError as error:
            return self._last_valid(obj, error, unanswered(error))
        self._reader.keep(obj, found)
        return found

    def _last_valid(self, obj: Obj, error: PortError, problem: Obstacle) -> Loaded:
        stored = _record(obj).get(DECLARED)
        found = self._reader.last_valid(obj, stored if isinstance(stored, dict) else None)
        if found is None:
            raise error
        self.problem = problem
        return found

    def _stay(self, obj: Obj, declared: Loaded) -> None:
        """Refuse another router than that of a rollout under way, and another target while there is none of its name.

        Raises:
            RefusedError: It is another one.
        """
        self._stay_with_router(obj, declared)
        place, stored = place_of(declared.canary), stored_place(_record(obj))
        if stored is None or stored.is_of(place):
            return
        if not self._is_missing(obj, place):
            return
        if not _is_under_way(obj, declared):
            return
        raise RefusedError(
            "TargetNotFound",
            f"spec.targetRef.name {place.target}: there is no {place.kind.lower()} of that name in "
            f"{declared.canary.namespace}, and the rollout of {stored.target} goes on until there is one",
        )

    def _stay_with_router(self, obj: Obj, declared: Loaded) -> None:
        """Only the router that has moved the traffic can take it back."""
        stored = _record(obj).get(DECLARED)
        if not isinstance(stored, dict) or stored.get("provider") == declared.spec.get("provider"):
            return
        if _is_under_way(obj, declared):
            now, then = stored.get("provider") or "that of the controller", declared.spec.get("provider")
            raise RefusedError(
                "ProviderChanged",
                f"spec.provider {shown(then)}: the rollout under way has its traffic moved by {shown(now)} until it is "
                "over; then the new one takes effect",
            )

    def _is_missing(self, obj: Obj, place: Place) -> bool:
        """Looked at once, so that a rollout is of one target for the whole of a tick."""
        metadata = obj["metadata"]
        generation = metadata.get("generation")
        if self._missing is None or self._missing[0] != generation:
            kind = SERVICES if place.kind == SERVICES.kind else DEPLOYMENTS
            self._missing = generation, self._cluster.get(kind, metadata["namespace"], place.target) is None
        return self._missing[1]

    def load(self) -> Stored:
        """The rollout and its policy; see `canary_ports.RolloutStore.load`.

        Raises:
            ConflictError: What is declared has changed since `declared` was asked: begin again with that.
        """
        obj = self._obj()
        if not self._pinned:
            self.declared()
            self._pinned = False
        loaded = self._loaded
        if loaded is None or obj["metadata"].get("generation") != self._generation:
            raise ConflictError(f"canary {self._name}.{self._namespace} declares something else by now")
        self.rollout = read_status(loaded.policy, obj["status"])
        self._standing = standing_problem(obj["status"], self.rollout)
        if self._has_moved(obj, loaded.canary):
            self.rollout = Rollout(request=self.rollout.request, reply=self.rollout.reply)
        self._seen = (obj["metadata"]["resourceVersion"], _essence(obj))
        return Stored(
            policy=loaded.policy,
            rollout=self.rollout,
            version=obj["metadata"]["resourceVersion"],
            request=read_request(obj),
            redeclared=self.problem is None and _is_redeclared(obj),
            deleting=_is_deleting(obj),
            record=read_record(obj["status"].get(KEY)),
        )

    def _has_moved(self, obj: Obj, canary: Canary) -> bool:
        """Whether the rollout that is stored is of another target: then that of this one begins."""
        stored = stored_place(_record(obj))
        return stored is not None and not stored.is_of(place_of(canary)) and not _is_deleting(obj)

    @property
    def former(self) -> tuple[str, ...]:
        """Targets that were declared before, where the present one has taken over the same Service."""
        if self._loaded is None:
            return ()
        now = place_of(self._loaded.canary)
        return tuple(each.target for each in former_places(_record(self._obj()), now) if each.apex == now.apex)

    @property
    def moved(self) -> str | None:
        """What to tell people of a Canary that names another target, or Service, than before. None: it does not."""
        stored = stored_place(_record(self._obj()))
        return moved(stored, place_of(self._loaded.canary)) if self._loaded is not None and stored is not None else None

    def save(self, rollout: Rollout, version: str, record: Record | None = None) -> str:
        """Store a rollout; see `canary_ports.RolloutStore.save`.

        Raises:
            RefusedError: The API server has another definition of Canary, which drops what must be remembered.
        """
        obj = self._obj()
        loaded = self._loaded
        if loaded is None:
            raise ConflictError("nothing was loaded")
        metadata = obj["metadata"]
        # Somebody's change of labels or annotations is no reason to decide anew.
        if metadata["resourceVersion"] != version and self._seen != (version, _essence(obj)):
            raise ConflictError(f"canary {self._name}.{self._namespace} was written by somebody else")
        status = written_status(
            loaded.policy,
            rollout,
            obj["status"],
            target=_target(loaded.canary),
            now_s=self._clock.now_s(),
            generation=int(metadata.get("generation") or 0),
            problem=self._standing,
            ready_while_progressing=self._ready_while_progressing,
            routes=self._in_force() if _is_refused(rollout) or self._standing is not None else None,
        )
        kept = written_record(record) if record is not None else obj["status"].get(KEY)
        if kept:
            status[KEY] = kept
        status["rollout"] |= written_places(_record(obj), place_of(loaded.canary))
        if not rollout.settled or rollout.traffic.reaches_canary or self.problem is not None:
            status["rollout"][DECLARED] = loaded.spec
        saved = self._write(obj, status)
        if not _record(saved):
            raise RefusedError(
                "CustomResourceOutdated",
                "the definition of Canary keeps neither status.rollout nor status.trackedConfigs: apply the output of "
                "`canary crds`",
            )
        self.rollout = rollout
        written: str = saved["metadata"]["resourceVersion"]
        return written

    @property
    def lost(self) -> str | None:
        """What to tell people, once for each Canary, of a definition that is not this project's. None: nothing."""
        return _LOST if self._definition.is_news(self._namespace, self._name) else None

    def release(self) -> None:
        """Let the object go; see `canary_ports.RolloutStore.release`."""
        obj = self._cluster.get(CANARIES, self._namespace, self._name)
        if obj is not None and FINALIZER in (obj["metadata"].get("finalizers") or ()):
            self._finalizers(obj, [each for each in obj["metadata"]["finalizers"] if each != FINALIZER])

    # -- Beside the rollout -----------------------------------------------------------------------------------------

    def ensure_finalizer(self) -> None:
        """Have our finalizer on the object exactly if it is declared that everything is undone on deletion.

        Raises:
            ConflictError: Somebody else wrote in between; not done.
            UnavailableError: Unknown whether it was done.
        """
        obj, loaded = self._obj(), self._loaded
        if loaded is None or obj["metadata"].get("deletionTimestamp"):
            return
        has = list(obj["metadata"].get("finalizers") or ())
        wanted = loaded.canary.spec.revert_on_deletion
        if wanted and FINALIZER not in has:
            self._finalizers(obj, [*has, FINALIZER])
        elif not wanted and FINALIZER in has:
            self._finalizers(obj, [each for each in has if each != FINALIZER])

    def report(self, problem: Problem) -> bool:
        """Have a problem in the condition of the Canary.

        Returns:
            Whether it was not there before.

        Raises:
            GoneError: There is no such object any more.
            ConflictError: Somebody else wrote in between; not done.
            UnavailableError: Unknown whether it was done.
        """
        obj = self._obj()
        old = obj["status"]
        generation = int(obj["metadata"].get("generation") or 0)
        status = with_problem(old, problem, now_s=self._clock.now_s(), generation=generation, weight=self._weight())
        if status == old:
            return False
        self._write(obj, status)
        return bool(status["conditions"] != old.get("conditions"))

    def clear_problem(self) -> None:
        """Have the condition that the phase calls for, if it tells of a problem that is no more.

        Raises:
            ConflictError: Somebody else wrote in between; not done.
            UnavailableError: Unknown whether it was done.
        """
        obj, self._standing = self._obj(), None
        if _record(obj):
            self.save(self.rollout, obj["metadata"]["resourceVersion"])  # no request if it says so already

    def _in_force(self) -> Traffic | None:
        """The split in force. None: nobody can say, for that is what is refused."""
        try:
            return self.flowing()
        except RefusedError:
            return None

    def _weight(self) -> int | None:
        """What flows to the canary, percent. None: nobody can say."""
        routes = self._in_force()
        if routes is None or self._loaded is None:
            return None
        return shown_weight(self._loaded.policy, self.rollout.but(traffic=routes))

    def _obj(self) -> Obj:
        obj = self._cluster.get(CANARIES, self._namespace, self._name)
        if obj is None:
            raise GoneError(f"canary {self._name}.{self._namespace} is gone")
        return _meant(obj)

    def _write(self, obj: Obj, status: Obj) -> Obj:
        if status == obj["status"]:
            return obj
        try:
            return self._replace(obj, status)
        except ConflictError:
            fresh = self._cluster.read(CANARIES, self._namespace, self._name)
            if fresh is None:
                raise GoneError(f"canary {self._name}.{self._namespace} is gone") from None
            fresh = _meant(fresh)
            if _essence(fresh) != _essence(obj):
                raise
            return self._replace(fresh, status)

    def _replace(self, obj: Obj, status: Obj) -> Obj:
        sent = as_sent(status, self._definition)
        saved = self._cluster.replace(CANARIES, {**obj, "status": sent}, subresource="status")
        if "rollout" in status:
            self._definition.note(saved)
        return _meant(saved)

    def _finalizers(self, obj: Obj, finalizers: list[str]) -> None:
        self._cluster.patch(CANARIES, obj, {"metadata": {"finalizers": finalizers or None}})


def _meant(obj: Obj) -> Obj:
    """A Canary with its status as it was meant, which is there in any case: what all of this works on."""
    return {**obj, "status": as_meant(obj.get("status"))}


def _record(obj: Obj) -> Obj:
    found = obj["status"].get("rollout")
    return found if isinstance(found, dict) else {}


def _target(canary: Canary) -> Target:
    ref = canary.spec.target_ref
    return Target(kind=ref.kind, full=f"{ref.kind.lower()} {ref.name}.{canary.namespace}")


def _essence(obj: Obj) -> object:
    """What a decision rests on, of all that an object holds."""
    metadata = obj["metadata"]
    return metadata.get("uid"), metadata.get("generation"), obj["status"], metadata.get("deletionTimestamp")


def _is_deleting(obj: Obj) -> bool:
    metadata = obj["metadata"]
    return bool(metadata.get("deletionTimestamp")) and FINALIZER in (metadata.get("finalizers") or ())


def _is_under_way(obj: Obj, declared: Loaded) -> bool:
    """Whether anything of a rollout would be left behind by whoever begins anew elsewhere."""
    rollout = read_status(declared.policy, obj["status"])
    is_begun = not rollout.settled and rollout.phase is not Phase.INITIALIZING
    return is_begun or rollout.traffic.reaches_canary


def _is_redeclared(obj: Obj) -> bool:
    """Whether it has changed since the status was written; nobody knows that of a status without a generation.

    A negative one is the default of the definition: nothing was written yet.
    """
    observed = obj["status"].get("observedGeneration")
    return isinstance(observed, int) and observed >= 0 and observed != obj["metadata"].get("generation")


def _is_refused(rollout: Rollout) -> bool:
    """Whether what is intended may not be in force."""
    return rollout.obstacle is not None and rollout.obstacle.source is Source.ACTED
