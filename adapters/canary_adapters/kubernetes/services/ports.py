"""The ports of a canary's Services: the declared one, and those that the target's containers name."""

from collections.abc import Iterator
from typing import Any, Final

from canary_adapters.kubernetes.resources import Obj
from canary_adapters.manifests import Canary, Service
from canary_ports import RefusedError

__all__ = ["check_ports", "port_mismatch", "service_ports"]

_SIDECARS: Final = frozenset({"istio-proxy", "envoy"})


def service_ports(service: Service, target: Obj | None) -> list[Obj]:
    """The ports of the three Services.

    Args:
        service: What is declared.
        target: The target, for its container ports. None: only the declared port is known.
    """
    first: Obj = {
        "name": service.port_name or "http",
        "protocol": "TCP",
        "port": service.port,
        "targetPort": _target_port(service),
    }
    if service.app_protocol:
        first["appProtocol"] = service.app_protocol
    found = [first]
    if service.port_discovery and target is not None:
        found += _discovered(service, target, {first["name"]}, {service.port})
    return found


def _target_port(service: Service) -> int | str:
    return service.target_port or service.port


def _containers(target: Obj) -> list[Obj]:
    found: list[Obj] = target["spec"]["template"]["spec"].get("containers") or []
    return found


def _discovered(service: Service, target: Obj, names: set[str], numbers: set[int]) -> Iterator[Obj]:
    """Ports that would clash with one that is there already are left out: the API server would refuse them all."""
    main = _target_port(service)
    for container in _containers(target):
        if container["name"] in _SIDECARS:
            continue
        for index, port in enumerate(container.get("ports") or ()):
            number, named = port["containerPort"], port.get("name")
            is_main = number == main or named == main or (not service.target_port and number == service.port)
            name = named or f"tcp-{container['name']}-{index}"[:63]
            if is_main or name in names or number in numbers:
                continue
            names.add(name)
            numbers.add(number)
            yield {"name": name, "protocol": "TCP", "port": number, "targetPort": number}


def port_mismatch(canary: Canary, target: Obj) -> RefusedError | None:
    """Why no request to the canary's Services would reach a container of the target. None: they would."""
    wanted, named = _target_port(canary.spec.service), _named(target)
    if not isinstance(wanted, str) or wanted in named:
        return None
    known = ", ".join(sorted(named)) or "none"
    return RefusedError(
        "ServicePortMismatch",
        f"spec.service.targetPort {wanted}: no container of {canary.spec.target_ref.name} has a port of this name "
        f"(known: {known}); name it there, or give its number",
    )


def _named(target: Obj) -> dict[str, int]:
    ports = (port for container in _containers(target) for port in container.get("ports") or ())
    return {port["name"]: port["containerPort"] for port in ports if port.get("name")}


def check_ports(canary: Canary, target: Obj, apex: Obj | None) -> None:
    """Refuse ports by which users would reach nobody, or somebody else than now.

    Args:
        canary: What is declared.
        target: The target.
        apex: A Service of the apex' name that somebody else has made. None: there is none.

    Raises:
        RefusedError: With what to change.
    """
    mismatch = port_mismatch(canary, target)
    if mismatch is not None:
        raise mismatch
    if apex is not None:
        _check_apex(canary, apex, _named(target))


def _check_apex(canary: Canary, apex: Obj, named: dict[str, int]) -> None:
    service = canary.spec.service
    offered: dict[int, Any] = {
        port["port"]: port.get("targetPort") or port["port"] for port in apex["spec"].get("ports") or ()
    }
    where = f"service {apex['metadata']['name']}.{apex['metadata']['namespace']}"
    if offered and service.port not in offered:
        ports = ", ".join(str(port) for port in offered)
        raise RefusedError(
            "ServicePortMismatch",
            f"spec.service.port {service.port}: {where} offers {ports}, and its users would find nobody there any "
            "more; declare the port that they use",
        )
    now, then = offered.get(service.port), _target_port(service)
    if now is not None and named.get(str(now), now) != named.get(str(then), then):
        raise RefusedError(
            "ServicePortMismatch",
            f"spec.service.targetPort {then}: {where} sends port {service.port} to {now} at present; "
            f"declare targetPort: {now}, or change the Service first",
        )
