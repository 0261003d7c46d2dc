"""What a fault is given, and the list of all faults."""

import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from tests.chaos.audit import Row
from tests.chaos.campaign import Campaign, sunk_campaign
from tests.chaos.rig import Rig


@dataclass(frozen=True)
class Scene:
    """`dice` are thrown for every choice, so that a seed repeats them; `short` is the form that CI has time for."""

    rig: Rig
    dice: random.Random
    short: bool
    dice_name: str = ""

    def pick(self, short: int, long: int) -> int:
        return short if self.short else long

    def crowd(self, short: int) -> int:
        """The long form has three batches for as many workers; one batch is one worker's."""
        return self.pick(short, 12_000)

    def campaign(self, people: int, **options: Any) -> contextlib.AbstractContextManager[Campaign]:
        return sunk_campaign(self.rig, people=people, **options)


class Omitted(Exception):
    """This machine lacks what the fault needs; `fatal` where it must not."""

    def __init__(self, why: str, *, fatal: bool) -> None:
        super().__init__(why)
        self.fatal = fatal


class Fault(NamedTuple):
    """`short`: it is part of the short form."""

    name: str
    about: str
    do: Callable[[Scene], Row]
    short: bool


FAULTS: dict[str, Fault] = {}


def fault(about: str, *, short: bool = True) -> Callable[[Callable[[Scene], Row]], Callable[[Scene], Row]]:
    """Enters a fault into the matrix, by its function's name."""

    def enter(do: Callable[[Scene], Row]) -> Callable[[Scene], Row]:
        name = do.__name__.replace("_", "-")
        FAULTS[name] = Fault(name, about, do, short)
        return do

    return enter
