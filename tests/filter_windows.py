"""Windows of in-loop filters, made of their planes and taken apart."""

from collections.abc import Sequence

import numpy as np

from codecnn.models.in_loop_filter import Windows
from codecnn.video.picture import Plane


def windows_of(planes: Sequence[Plane], qp: int, bit_depth: int) -> Windows[Plane]:
    """Y, U, V and, for a network with the input "both", the unfiltered Y; each (B, h, w)."""
    y, u, v, *others = planes
    count = len(y)
    peak = np.full(count, (1 << bit_depth) - 1)
    return Windows(y, u, v, others[0] if others else None, np.full(count, qp), peak)


def planes_at(windows: Windows[Plane], index: int) -> list[Plane]:
    """The planes of one window; at 4:0:0 no chroma."""
    planes = (windows.y, windows.u, windows.v, windows.unfiltered_y)
    return [plane[index] for plane in planes if plane is not None and plane.size]
