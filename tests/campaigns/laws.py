"""What must hold at every change of an object in the API server, whatever fails on the way to it.

Nothing is asked of the controller, and nothing here uses what the adapters use: what judges them must not share their
mistakes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from campaigns.stories import APP, INTERVAL_S, PLACE, STEPS, Story, phase_of, weight_of
from canary_lab.cluster.store import Event
from laboratories.quiet_server import Obj, QuietServer, image_of, ready_of

_VIRTUAL: Final = "networking.istio.io/virtualservices"
_DEPLOYMENTS: Final = "apps/deployments"
_CANARIES: Final = "flagger.app/canaries"
_CONFIGS: Final = ("core/configmaps", "core/secrets")
_OURS: Final = ("flagger.", "canary-core/", "kustomize.toolkit.fluxcd.io/", "helm.toolkit.fluxcd.io/")
_OURS_HERE: Final = "ours"
_ANALYSIS: Final = ("Progressing", "Waiting", "WaitingPromotion")
_PROMOTION: Final = ("", "Initializing", "Promoting")
_SLACK_S: Final = 1.0


class Laws:
    """Looks at every change, and keeps what is broken."""

    def __init__(self, story: Story, server: QuietServer) -> None:
        self._story, self._server = story, server
        self.broken: list[str] = []
        self.measured_good = True
        """Whether the last answer of the metric server was a good one."""
        self._weight = weight_of(server)
        self._since_s = server.now_s
        """Since when this weight is in force."""
        self._peoples: dict[tuple[str, str], Any] = {}
        self._configs: dict[tuple[str, str], list[Any]] = {}
        """All contents that people have given an object."""
        for store, key, obj in server.store.everything():
            if key[0] == PLACE:
                self._note(store, key[1], obj)

    def breaks(self, law: str, what: str) -> None:
        """Note that a law was broken."""
        self.broken.append(f"{law}: {what}")

    # -- Changes ----------------------------------------------------------------------------------------------------

    def changed(self, event: Event, author: str) -> None:
        """An object came, changed or went.

        Args:
            event: The change.
            author: ``controller``, ``people`` or ``kubernetes``.
        """
        if event.key[0] != PLACE:
            return
        if author == "controller":
            self._by_controller(event)
        elif author == "people" and event.type != "DELETED":
            self._note(event.store, event.key[1], event.obj)
        if event.store == _VIRTUAL:
            self._weigh(event, author)

    def _note(self, store: str, name: str, obj: Obj) -> None:
        """How people want it."""
        if _is_owned(obj):
            return
        self._peoples[store, name] = _of_people(store, obj)
        if store in _CONFIGS:
            self._configs.setdefault((store, name), []).append(_contents(obj))

    def _by_controller(self, event: Event) -> None:
        store, name = event.store, event.key[1]
        gone = event.type == "DELETED"
        if store in _CONFIGS:
            self._config_written(store, name, event)
        wanted = self._peoples.get((store, name))
        if wanted is not None:
            self._kept(event, wanted)
        if gone:
            return
        if store == _DEPLOYMENTS and name.endswith("-primary"):
            self._primary_written(event)
        if store == _CANARIES:
            self._status_written(event)
        if store in {_VIRTUAL, "core/services"}:
            self._routed(event)
        if store == _DEPLOYMENTS:
            self._scaled(event)

    def _kept(self, event: Event, wanted: Any) -> None:
        """What people made stays as they made it, byte for byte."""
        if event.type == "DELETED":
            if event.store != _CANARIES:
                self.breaks("what is foreign stays", f"{event.store} {event.key[1]} was deleted")
            return
        found = _of_people(event.store, event.obj)
        for part in wanted:
            if found.get(part) != wanted[part]:
                self.breaks("what is foreign stays", f"{part} of {event.store} {event.key[1]}")

    # -- Traffic ----------------------------------------------------------------------------------------------------

    def _weigh(self, event: Event, author: str) -> None:
        for route in event.obj["spec"].get("http") or ():
            hosts = [each["destination"]["host"] for each in route["route"]]
            weights = [int(each.get("weight") or 0) for each in route["route"]]
            ours = any(host.endswith(("-primary", "-canary")) for host in hosts)
            if ours and (sum(weights) != 100 or not all(0 <= weight <= 100 for weight in weights)):
                self.breaks("weights sum to 100", f"{weights}")
        if event.key[1] != APP:
            return
        before, self._weight = self._weight, weight_of(self._server)
        if before == self._weight:
            return
        since, self._since_s = self._since_s, self._server.now_s
        if author == "controller" and self._weight is not None and self._weight > (before or 0):
            self._risen(before or 0, self._weight, self._server.now_s - since)

    def _risen(self, before: int, after: int, in_force_s: float) -> None:
        phase = phase_of(self._server)
        if phase not in _ANALYSIS:
            return
        if after > STEPS[-1]:
            self.breaks("the canary keeps to its maximum", f"{after}")
        higher = [step for step in STEPS if step > before]
        if higher and after != higher[0]:
            self.breaks("weights rise step by step", f"from {before} to {after}")
        if before and in_force_s < INTERVAL_S - _SLACK_S:
            self.breaks("weights rise after an interval", f"from {before} to {after} after {in_force_s:g} s")
        if before and not self.measured_good:
            self.breaks("weights rise after good checks", f"from {before} to {after}")

    def _routed(self, event: Event) -> None:
        name = event.key[1].removesuffix("-primary").removesuffix("-canary")
        for deployment, share in self.reached(name):
            if share and not ready_of(deployment):
                self.breaks("traffic goes to the ready", f"{deployment['metadata']['name']} has no ready pods")

    def _scaled(self, event: Event) -> None:
        old, new = event.old, event.obj
        if old is None or not old["spec"]["replicas"] or new["spec"]["replicas"]:
            return
        name = event.key[1].removesuffix("-primary")
        for deployment, share in self.reached(name):
            if share and deployment["metadata"]["name"] == event.key[1]:
                self.breaks("traffic leaves before pods do", f"{event.key[1]} still has {share} %")

    def reached(self, name: str) -> Iterator[tuple[Obj, int]]:
        """Deployments that requests to an application reach, with their share in percent."""
        live = self._server.get(_VIRTUAL, PLACE, name)
        shares = {name: 100}
        for route in (live or {"spec": {}})["spec"].get("http") or ():
            hosts = {each["destination"]["host"]: int(each.get("weight") or 0) for each in route["route"]}
            if f"{name}-primary" in hosts:
                shares = hosts
        for host, share in shares.items():
            found = self._server.get("core/services", PLACE, host)
            selector = (found or {"spec": {}})["spec"].get("selector")
            for deployment in self._server.store.all(_DEPLOYMENTS, PLACE) if selector else ():
                labels = deployment["spec"]["template"]["metadata"]["labels"]
                if selector.items() <= labels.items():
                    yield deployment, share

    # -- Workloads --------------------------------------------------------------------------------------------------

    def _primary_written(self, event: Event) -> None:
        name = event.key[1].removesuffix("-primary")
        template, old = event.obj["spec"]["template"], (event.old or {}).get("spec", {}).get("template")
        self._configured(event.key[1], template)
        if old == template:
            return
        phase = phase_of(self._server, name)
        if phase not in _PROMOTION:
            self.breaks("the primary keeps its revision", f"{image_of(event.obj)} in phase {phase}")
        if self._story.bad and image_of(event.obj) == self._story.bad:
            self.breaks("what fails is never promoted", f"{event.key[1]} runs {self._story.bad}")

    def _configured(self, name: str, template: Obj) -> None:
        """The primary has copies, and they are there."""
        for store, ref in references(template):
            found = self._server.get(store, PLACE, ref)
            if found is None:
                self.breaks("the primary has its configuration", f"{name} refers to {ref}, which is not there")
            elif not _is_owned(found):
                self.breaks(
                    "the primary has a configuration of its own", f"{name} refers to {ref}, which people change"
                )

    def _config_written(self, store: str, name: str, event: Event) -> None:
        """A copy holds what people once gave the original, all of it, is never changed, and stays while it is used."""
        if event.type == "DELETED":
            if self._server.get(_CANARIES, PLACE, APP) is None:
                return  # what a canary owns goes after it, in any order
            primary = self._server.get(_DEPLOYMENTS, PLACE, f"{APP}-primary")
            if primary is not None and (store, name) in set(references(primary["spec"]["template"])):
                self.breaks("the primary has its configuration", f"{name} was deleted")
            return
        given = [contents for (kind, _), every in self._configs.items() if kind == store for contents in every]
        if (store, name) not in self._configs and _contents(event.obj) not in given:
            self.breaks("a copy holds all of the original", f"{name} has {sorted(_contents(event.obj))}")
        if event.old is not None and _contents(event.old) != _contents(event.obj):
            self.breaks("a copy is never changed", name)

    def _status_written(self, event: Event) -> None:
        """Succeeded says what is seen, not what was ordered."""
        new, old = event.obj.get("status") or {}, (event.old or {}).get("status") or {}
        if new.get("phase") != "Succeeded" or old.get("phase") == "Succeeded":
            return
        name = event.key[1]
        target = self._server.get(_DEPLOYMENTS, PLACE, name)
        primary = self._server.get(_DEPLOYMENTS, PLACE, f"{name}-primary")
        if target is None or primary is None:
            return
        status = primary.get("status") or {}
        whole = status.get("observedGeneration") == primary["metadata"]["generation"] and ready_of(primary) >= 1
        if image_of(primary) != image_of(target) or not whole or status.get("updatedReplicas", 0) < ready_of(primary):
            self.breaks("succeeded is what is seen", f"the primary runs {image_of(primary)}, {ready_of(primary)} ready")
        if weight_of(self._server, name):
            self.breaks("succeeded is what is seen", f"the canary still has {weight_of(self._server, name)} %")

    # -- Ticks and the end ------------------------------------------------------------------------------------------

    def ticked(self, name: str, result: str) -> None:
        """A tick is over."""
        if result == "error":
            self.breaks("nothing unforeseen", "a tick ended in a mistake of the controller")
        if result == "ok":
            self._status_is_true(name)

    def _status_is_true(self, name: str) -> None:
        """After a tick that went well the status says what the routes are."""
        found = self._server.get(_CANARIES, PLACE, name)
        status = (found or {}).get("status") or {}
        weight = weight_of(self._server, name)
        if weight is not None and status.get("canaryWeight", 0) != weight:
            self.breaks("the status says what is", f"{status.get('canaryWeight')} % where the routes have {weight} %")

    def ended(self, *, told: bool, calm: bool) -> None:
        """The story is over.

        Args:
            told: Whether nothing has kept events from being written.
            calm: Whether nothing at all went wrong.
        """
        if phase_of(self._server) != self._story.phase:
            self.breaks("it ends as it must", f"in phase {phase_of(self._server)}")
        if weight_of(self._server) != self._story.weight:
            self.breaks("it ends as it must", f"with {weight_of(self._server)} % for the canary")
        for (store, name), wanted in self._peoples.items():
            self._still(store, name, wanted)
        for deployment, share in self.reached(APP):
            if share and not ready_of(deployment):
                self.breaks("somebody ready serves in the end", f"{deployment['metadata']['name']} does not")
        if self._story.phase in {"Initialized", "Succeeded"}:
            self._promoted_whole()
        if told:
            self._told((*self._story.events, *self._story.ends) if calm else self._story.ends)

    def _promoted_whole(self) -> None:
        """The primary runs with what people have declared by now, not with what they once did."""
        contents = []
        for name in (APP, f"{APP}-primary"):
            found = self._server.get(_DEPLOYMENTS, PLACE, name)
            refs = references(found["spec"]["template"]) if found is not None else ()
            configs = (self._server.get(store, PLACE, ref) for store, ref in refs)
            contents.append([_contents(each) for each in configs if each is not None])
        if contents[0] != contents[1]:
            self.breaks("the primary has what was promoted", f"{contents[1]} instead of {contents[0]}")

    def _still(self, store: str, name: str, wanted: Any) -> None:
        found = self._server.get(store, PLACE, name)
        if found is None:
            if store != _CANARIES or self._story.phase is not None:
                self.breaks("what is foreign stays", f"{store} {name} is gone")
            return
        now = _of_people(store, found)
        for part in wanted:
            if now.get(part) != wanted[part]:
                self.breaks("what is foreign stays", f"{part} of {store} {name} in the end")

    def _told(self, texts_wanted: tuple[str, ...]) -> None:
        texts = [(event["involvedObject"]["name"], event["message"]) for event in self._server.store.all("core/events")]
        for wanted in texts_wanted:
            if not any(wanted in text for _, text in texts):
                self.breaks("people are told", f"no event says {wanted!r}")
        for refusal in self._story.refused:
            found = self._server.get(_CANARIES, PLACE, refusal.name)
            conditions = ((found or {}).get("status") or {}).get("conditions") or [{}]
            said = conditions[0]
            if said.get("status") != "False" or said.get("reason") != refusal.reason:
                self.breaks("mistakes are told", f"{refusal.name} is {said.get('status')}, {said.get('reason')}")
            about = [text for name, text in texts if name == refusal.name]
            for word in refusal.words:
                if word not in str(said.get("message")) or not any(word in text for text in about):
                    self.breaks("mistakes are told", f"{refusal.name}: nothing says {word!r}")


# -- Parts of objects -----------------------------------------------------------------------------------------------


def _is_owned(obj: Obj) -> bool:
    owners = obj["metadata"].get("ownerReferences") or ()
    return any(owner["kind"] == "Canary" for owner in owners)


def _contents(obj: Obj) -> dict[str, Any]:
    return {part: obj[part] for part in ("data", "binaryData", "type") if obj.get(part)}


def _canonical(value: Any) -> str:
    """As bytes, but for the order of keys, which no API server keeps."""
    return json.dumps(value, sort_keys=True)


def _foreign_routes(routes: Iterable[Obj]) -> list[Obj | str]:
    """Those of others, which all have names, and where among them ours are."""
    found: list[Obj | str] = []
    for route in routes:
        if route.get("name"):
            found.append(route)
        elif found[-1:] != [_OURS_HERE]:
            found.append(_OURS_HERE)
    return found


def _foreign_keys(given: dict[str, str] | None) -> dict[str, str]:
    return {key: value for key, value in (given or {}).items() if not key.startswith(_OURS)}


def _of_people(store: str, obj: Obj) -> dict[str, Any]:
    """The parts of an object that are people's business, in the bytes in which they are stored."""
    metadata, spec = obj["metadata"], obj.get("spec") or {}
    found: dict[str, Any] = {
        "annotations": _foreign_keys(metadata.get("annotations")),
        "labels": _foreign_keys(metadata.get("labels")),
    }
    if store == _VIRTUAL:
        found["foreign routes"] = _canonical(_foreign_routes(spec.get("http") or ()))
    elif store == "core/services":
        found["spec"] = _canonical({key: value for key, value in spec.items() if key not in {"selector", "ports"}})
    elif store == _DEPLOYMENTS:
        found["spec"] = _canonical({key: value for key, value in spec.items() if key != "replicas"})
    elif store in _CONFIGS:
        found["contents"] = _canonical(_contents(obj))
    elif store == "core/events":
        return {}
    else:
        found["spec"] = _canonical(spec)
    return found


def references(template: Obj) -> Iterator[tuple[str, str]]:
    """The stores and names of the ConfigMaps and Secrets of pods, as the stories have them."""
    for volume in template["spec"].get("volumes") or ():
        yield "core/configmaps", volume["configMap"]["name"]
    for container in template["spec"]["containers"]:
        for source in container.get("envFrom") or ():
            yield "core/secrets", source["secretRef"]["name"]
