"""One rollout at a time: build its ports, let the driver tick, and tell people where that was not possible."""

import random
import threading
import time
from collections.abc import Callable
from typing import Final

import structlog
from attrs import frozen

from canary_adapters.controller.asking import CrowdedError
from canary_adapters.controller.assembly import Assembly, Rolling
from canary_adapters.controller.interests import Claims, Interests, Key
from canary_adapters.kubernetes.resources import CANARIES, DEPLOYMENTS, Ref
from canary_adapters.kubernetes.workload import referenced_configs
from canary_adapters.manifests import Canary
from canary_core.notices import Obstructed
from canary_ports import ConflictError, Gather, GoneError, RefusedError, RevisionChangedError, UnavailableError, tick

__all__ = ["Reconciler", "Verdict"]

SOON_S: Final = 0.05
"""After a conflict: the cache is about to have what the other one wrote."""
FIRST_PAUSE_S: Final = 0.5
FIRST_REFUSED_S: Final = 5.0
"""What the API server has refused it will refuse again, unless somebody changes something."""
LONGEST_PAUSE_S: Final = 60.0
REFUSED_PAUSE_S: Final = 60.0
"""What was refused is tried again when something changes, and this often: not everything that matters is watched."""
SPREAD: Final = 0.05
"""Share of a pause by which it may become longer."""
MOST_SPREAD_S: Final = 1.0
CROWDED_PAUSE_S: Final = 10.0
"""Should nobody wake a canary for which there was no place."""
SETTLED_PAUSE_S: Final = 300.0
"""A settled rollout is looked at again from the caches, without a request, should a change have been missed."""
_CHANCE: Final = random.Random()
"""Of its own, so that whoever seeds or watches the global one is not disturbed from another thread."""
_log = structlog.get_logger("canary.controller")


@frozen(kw_only=True)
class Verdict:
    """What came of working on a canary."""

    result: str
    """``ok``, ``conflict``, ``crowded``, ``unavailable``, ``refused``, ``gone`` or ``error``."""
    again_in_s: float | None
    """When to work on it again if nothing changes before. None: never."""


def _spread(pause_s: float) -> float:
    """A little later than asked for, so that what began together does not stay together for ever."""
    return max(0.0, pause_s) + _CHANCE.uniform(0.0, min(MOST_SPREAD_S, SPREAD * max(0.0, pause_s)))


class Reconciler:
    """Works on canaries; never on the same one twice at once, for which the queue cares."""

    def __init__(
        self,
        assembly: Assembly,
        interests: Interests,
        claims: Claims,
        *,
        gather: Callable[[Key], Gather],
        now_s: Callable[[], float],
    ) -> None:
        """Makes one.

        Args:
            assembly: Builds the ports.
            interests: Told what each canary depends on.
            claims: Knows whose target is whose.
            gather: How the questions of a canary are answered at the same time.
            now_s: Wall-clock time.
        """
        self._assembly, self._interests, self._claims = assembly, interests, claims
        self._gather, self._now_s = gather, now_s
        self._failures: dict[Key, int] = {}
        self._lock = threading.Lock()

    def reconcile(self, key: Key) -> Verdict:
        """Carry one rollout on. Raises nothing: what goes wrong with one canary harms no other."""
        log = _log.bind(canary=f"{key[1]}.{key[0]}", namespace=key[0])
        obj = self._assembly.cluster.get(CANARIES, *key)
        if obj is None:
            self._forget(key)
            return Verdict(result="gone", again_in_s=None)
        rolling = self._assembly.rolling(obj)
        try:
            verdict = self._tick(key, rolling)
        except (ConflictError, RevisionChangedError) as error:
            log.debug("somebody else wrote in between", error=str(error))
            return Verdict(result="conflict", again_in_s=self._pause(key, SOON_S))
        except CrowdedError:
            log.debug("too many questions are open")
            return Verdict(result="crowded", again_in_s=CROWDED_PAUSE_S)
        except UnavailableError as error:
            pause = max(self._pause(key, FIRST_PAUSE_S), error.retry_after_s or 0.0)
            log.warning("the tick could not be ended", error=str(error), again_in_s=round(pause, 2))
            return Verdict(result="unavailable", again_in_s=pause)
        except GoneError:
            return Verdict(result="gone", again_in_s=SOON_S)
        except RefusedError as error:
            return self._refused(key, rolling, error)
        except Exception:
            log.exception("a mistake of the controller")
            return Verdict(result="error", again_in_s=self._pause(key, FIRST_PAUSE_S))
        if verdict.result == "ok":
            with self._lock:
                self._failures.pop(key, None)
        return verdict

    def _tick(self, key: Key, rolling: Rolling) -> Verdict:
        try:
            canary = rolling.prepare()
        except RefusedError:
            if rolling.let_go_if_deleting():
                return Verdict(result="ok", again_in_s=None)
            raise
        self._interests.set(key, self._refs(canary))
        holder = self._claims.holder(key)
        if holder != key and not rolling.deleting:
            target = canary.spec.target_ref
            raise RefusedError(
                "TargetInUse",
                f"{target.kind.lower()} {target.name}.{canary.namespace} is the target of canary "
                f"{holder[1]}.{holder[0]} already, which is older; delete one of the two, or name another target",
            )
        started, ports = time.monotonic(), rolling.ports()
        done = tick(ports, gather=self._gather(key))
        rolling.ended(done, time.monotonic() - started)
        # The target may have got other references by now.
        self._interests.set(key, self._refs(canary))
        if isinstance(done.reason, Obstructed):
            return Verdict(result="refused", again_in_s=REFUSED_PAUSE_S * _CHANCE.uniform(0.8, 1.2))
        if done.refused:
            pause_s = self._pause(key, FIRST_REFUSED_S)
            return Verdict(result="refused", again_in_s=max(pause_s, (done.next_s or 0.0) - self._now_s()))
        if done.next_s is None:
            return Verdict(result="ok", again_in_s=SETTLED_PAUSE_S * _CHANCE.uniform(0.8, 1.2))
        return Verdict(result="ok", again_in_s=_spread(done.next_s - self._now_s()))

    def _refs(self, canary: Canary) -> set[Ref]:
        place = canary.namespace
        refs = set(self._assembly.refs(canary))
        target = self._assembly.cluster.get(DEPLOYMENTS, place, canary.spec.target_ref.name)
        if target is not None and canary.spec.target_ref.kind == DEPLOYMENTS.kind:
            refs |= {(ref.kind.resource, place, ref.name) for ref in referenced_configs(target["spec"]["template"])}
        return refs

    def _refused(self, key: Key, rolling: Rolling, error: RefusedError) -> Verdict:
        try:
            rolling.refused(error)
        except (ConflictError, GoneError):
            return Verdict(result="conflict", again_in_s=self._pause(key, SOON_S))
        except (UnavailableError, RefusedError) as other:
            _log.warning(
                "a problem could not be written into the status", canary=f"{key[1]}.{key[0]}", error=str(other)
            )
        return Verdict(result="refused", again_in_s=REFUSED_PAUSE_S * _CHANCE.uniform(0.8, 1.2))

    def _pause(self, key: Key, first_s: float) -> float:
        """Longer each time that it fails, so that what is overloaded can recover."""
        with self._lock:
            count = self._failures.get(key, 0)
            self._failures[key] = count + 1
        return min(LONGEST_PAUSE_S, first_s * 2.0 ** min(count, 12)) * _CHANCE.uniform(0.75, 1.0)

    def _forget(self, key: Key) -> None:
        self._interests.forget(key)
        self._assembly.forget(key)
        with self._lock:
            self._failures.pop(key, None)
