"""Sort the modes of a set into classes, by the direction that they predict from."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codecnn.intra.block_size import BlockSize
from codecnn.labels.mode_sets import ANGULAR, PLANAR, TOP, ModeSet, mode_table

EIGHTH = 32 * np.tan(np.pi / 8)  # the angle of 22.5 degrees, as modes have it


class ModeClass(NamedTuple):
    """Hold a class of modes that follow each other."""

    name: str
    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.name} ({self.first}{f' to {self.last}' if self.last > self.first else ''})"


def classes_of(modes: ModeSet) -> list[ModeClass]:
    """Return the classes of all modes, in the order of the modes.

    Angular modes within 22.5 degrees of the horizontal or the vertical one are of its class. The three diagonal classes
    are named after the corner of the block that they predict from.
    """
    names = [_name(record) for record in mode_table(modes, BlockSize(8, 8))]
    found = dict.fromkeys(names)
    return [ModeClass(name, names.index(name), len(names) - 1 - names[::-1].index(name)) for name in found]


def class_numbers(classes: list[ModeClass]) -> NDArray[np.int64]:
    """Return the place of each mode's class in the list: (modes,)."""
    return np.repeat(np.arange(len(classes)), [each.last - each.first + 1 for each in classes])


def _name(record: np.void) -> str:
    if record["kind"] != ANGULAR:
        return "planar" if record["kind"] == PLANAR else "DC"
    top, angle = record["side"] == TOP, int(record["angle"])
    if abs(angle) <= EIGHTH:
        return "vertical" if top else "horizontal"
    if angle < 0:
        return "above left"
    return "above right" if top else "below left"
