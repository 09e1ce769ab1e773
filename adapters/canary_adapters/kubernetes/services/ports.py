"""The ports of a canary's Services: the declared one, those that containers name, and those that people's Service has.

A port of a Service leads to a port of the pods by number, or by a name that each pod has a number for. So what a port
means depends on whose pods it leads to: those of the primary may call by one name what those of a newer revision call
by another. What is decided here by names is decided for the pods behind each Service.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, TypeAlias

from canary_adapters.kubernetes.resources import Obj
from canary_adapters.manifests import Canary, Service
from canary_ports import RefusedError

__all__ = [
    "Key",
    "declared_port",
    "fitted",
    "joined",
    "key_of",
    "leads_nowhere",
    "means_the_same",
    "port_of",
    "reachability",
    "words",
]

Key: TypeAlias = tuple[int, str]
"""Number and protocol: what tells the ports of a Service apart."""

_SIDECARS: Final = frozenset({"istio-proxy", "envoy"})
_LONGEST: Final = 63
"""Characters of the name of a port."""
_TCP: Final = "TCP"


def key_of(port: Obj) -> Key:
    """What tells a port of a Service apart from its others."""
    return int(port["port"]), port.get("protocol") or _TCP


def port_of(ports: Iterable[Obj], key: Key) -> Obj | None:
    """The port with this number and protocol."""
    return next((port for port in ports if key_of(port) == key), None)


def words(port: Obj) -> str:
    """A port for people: number, name, and where it leads."""
    name = f" ({port['name']})" if port.get("name") else ""
    protocol = "" if key_of(port)[1] == _TCP else f"/{port['protocol']}"
    return f"port {port['port']}{protocol}{name}, which leads to {port.get('targetPort') or port['port']}"


# -- What is offered ------------------------------------------------------------------------------------------------


def declared_port(service: Service) -> Obj:
    """The port that ``spec.service`` declares."""
    found: Obj = {
        "name": service.port_name or "http",
        "protocol": _TCP,
        "port": service.port,
        "targetPort": service.target_port or service.port,
    }
    if service.app_protocol:
        found["appProtocol"] = service.app_protocol
    return found


def joined(people: Iterable[Obj], service: Service, workloads: Sequence[Obj]) -> list[Obj]:
    """All that is to be offered: what people's Service has, as it is, and besides what is declared and discovered.

    Every port has a name where there are several, as the API server demands. What people have named keeps its name;
    what they have not gets one that says nothing of a protocol, unless it is the declared port: a mesh that told by a
    missing name to look for itself goes on doing so.

    Args:
        people: The ports of a Service that somebody else made. Empty: it is ours.
        service: What is declared.
        workloads: Primary and target, as far as they exist; the first has its names first.
    """
    found = [dict(port) for port in people]
    declared = declared_port(service)
    mine = port_of(found, key_of(declared))
    if mine is None:
        found.append({**declared, "name": _free(declared["name"], declared, found)})
    else:
        if not all(means_the_same(mine, declared, workload) for workload in workloads):
            mine["targetPort"] = declared["targetPort"]
        if declared.get("appProtocol"):
            mine["appProtocol"] = declared["appProtocol"]
    for port in _discovered(service, workloads) if service.port_discovery else ():
        if port_of(found, key_of(port)) is None:
            found.append({**port, "name": _free(port["name"], port, found)})
    for port in found if len(found) > 1 else ():
        if not port.get("name"):
            wanted = declared["name"] if port is mine else f"port-{port['port']}"
            port["name"] = _free(wanted, port, found)
    return found


def _free(name: str, port: Obj, ports: Iterable[Obj]) -> str:
    """The name, or one like it that no other port has. What it begins with stays: a mesh reads the protocol there."""
    taken = {each.get("name") for each in ports if each is not port}
    number, protocol = key_of(port)
    ends = ("", f"-{number}", f"-{number}-{protocol.lower()}", *(f"-{number}-{i}" for i in range(len(taken))))
    return next(free for end in ends if (free := f"{name[: _LONGEST - len(end)].rstrip('-')}{end}") not in taken)


def _discovered(service: Service, workloads: Iterable[Obj]) -> Iterator[Obj]:
    """The ports that containers declare, but for the one to which the declared port leads."""
    main = service.target_port or service.port
    for workload in workloads:
        for container in _spec(workload).get("containers") or ():
            if container["name"] in _SIDECARS:
                continue
            for index, port in enumerate(container.get("ports") or ()):
                number, protocol = port["containerPort"], port.get("protocol") or _TCP
                is_main = number == main or port.get("name") == main
                if protocol == _TCP and is_main:
                    continue
                name = port.get("name") or f"{protocol.lower()}-{container['name']}-{index}"[:_LONGEST]
                yield {"name": name, "protocol": protocol, "port": number, "targetPort": number}


# -- Where ports lead -----------------------------------------------------------------------------------------------


def _spec(workload: Obj) -> Obj:
    found: Obj = workload["spec"]["template"]["spec"]
    return found


def _named(workload: Obj) -> Iterator[tuple[str, str, int]]:
    """Name, protocol and number of each container port that has a name, as Services look for them."""
    spec = _spec(workload)
    lasting = [each for each in spec.get("initContainers") or () if each.get("restartPolicy") == "Always"]
    for container in (*(spec.get("containers") or ()), *lasting):
        for port in container.get("ports") or ():
            if port.get("name"):
                yield port["name"], port.get("protocol") or _TCP, int(port["containerPort"])


def _number(port: Obj, workload: Obj) -> int | None:
    """The number to which a port of a Service leads on the pods of a workload. None: it leads nowhere."""
    target = port.get("targetPort") or port["port"]
    if isinstance(target, int):
        return target
    wanted = (target, key_of(port)[1])
    return next((number for name, protocol, number in _named(workload) if (name, protocol) == wanted), None)


def means_the_same(one: Obj, other: Obj, workload: Obj) -> bool:
    """Whether two ports lead to the same place on the pods of a workload."""
    if (one.get("targetPort") or one["port"]) == (other.get("targetPort") or other["port"]):
        return True
    number = _number(one, workload)
    return number is not None and number == _number(other, workload)


def leads_nowhere(port: Obj, workload: Obj) -> bool:
    """Whether the pods of a workload do not know the name to which a port leads."""
    return _number(port, workload) is None


def fitted(ports: Sequence[Obj], service: Service, own: Obj | None, live: Sequence[Obj]) -> list[Obj]:
    """The ports of a Service so that they lead to the pods behind it, whatever has just been declared.

    While these pods do not know the name that is declared (a newer revision, or a newer Canary, has other names), the
    ports stay as they are, and the one that is declared leads where it did by number: so it goes on to lead there when
    the pods are replaced by such as know the new name only.

    Args:
        ports: What is to be offered.
        service: What is declared.
        own: The workload whose pods the Service selects. None: there is none.
        live: The ports as they are. Empty: there is no Service yet.
    """
    declared = declared_port(service)
    if live and own is not None and leads_nowhere(declared, own):
        kept = [dict(port) for port in live]
        mine = port_of(kept, key_of(declared))
        number = _number(mine, own) if mine is not None else None
        if mine is not None and number is not None:
            mine["targetPort"] = number
        return kept
    found = []
    for port in ports:
        before = port_of(live, key_of(port)) or {}
        node = {"nodePort": before["nodePort"]} if before.get("nodePort") else {}
        stays = own is not None and before and _is_rolling(own) and means_the_same(before, port, own)
        found.append({**port, **node, **({"targetPort": before["targetPort"]} if stays else {})})
    return found


def _is_rolling(workload: Obj) -> bool:
    """Whether pods of an older revision, of whose names nothing is known, may still be there."""
    status: dict[str, Any] = workload.get("status") or {}
    seen = (status.get("observedGeneration") or 0) >= (workload["metadata"].get("generation") or 0)
    return not seen or (status.get("replicas") or 0) > (status.get("updatedReplicas") or 0)


def reachability(canary: Canary, workload: Obj, others: Iterable[Obj] = ()) -> RefusedError | None:
    """Why clients would find nobody on the pods of a workload: a port leads to a name that they do not know.

    Args:
        canary: What is declared.
        workload: Target or primary.
        others: Further ports that clients use.

    Returns:
        With what to change. None: all of them lead somewhere, as far as can be told.
    """
    declared = declared_port(canary.spec.service)
    for port in (declared, *others):
        if leads_nowhere(port, workload):
            known = ", ".join(sorted({name for name, _, _ in _named(workload)})) or "none"
            wanted = f"targetPort {port['targetPort']}"
            field = f"spec.service.{wanted}" if port is declared else f"{wanted} of port {port['port']}"
            return RefusedError(
                "ServicePortMismatch",
                f"{field}: no container of {workload['metadata']['name']} has a port of this name (known: {known}); "
                "name it there, or give its number",
            )
    return None
