"""What a planted bug is, and the list that they are planted into."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias
from unittest import mock

from attrs import field, frozen

from canary_core import Ask, Observation, Policy, Rollout, Step, step
from canary_ports import driver
from canary_sims.simulation.life import Driver

Machine: TypeAlias = Callable[[Policy, Rollout, Observation], "Ask | Step"]


@frozen(kw_only=True)
class Planted:
    """A bug."""

    name: str
    what: str
    threads: tuple[str, ...]
    """Where users met it, if they did."""
    driver: Driver = driver.tick
    machine: Machine = field(default=step)

    @contextmanager
    def active(self) -> Iterator[Driver]:
        """The driver with the bug in it."""
        with mock.patch.object(driver, "step", self.machine):
            yield self.driver


PLANTED: list[Planted] = []


def machine(*threads: str) -> Callable[[Machine], Machine]:
    """A bug of the machine."""

    def plant(found: Machine) -> Machine:
        PLANTED.append(Planted(name=_name(found), what=_doc(found), threads=threads, machine=found))
        return found

    return plant


def whole_driver(*threads: str) -> Callable[[Driver], Driver]:
    """A bug of the driver."""

    def plant(found: Driver) -> Driver:
        PLANTED.append(Planted(name=_name(found), what=_doc(found), threads=threads, driver=found))
        return found

    return plant


def _name(function: Callable[..., object]) -> str:
    return str(getattr(function, "__name__", "")).replace("_", " ")


def _doc(function: Callable[..., object]) -> str:
    return (function.__doc__ or "").splitlines()[0]
