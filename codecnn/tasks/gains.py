"""Average gains over frames, by QP, as at the validation of filters."""

import math
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

from codecnn.errors import InputError
from codecnn.metrics import kept_frames


class Gains(NamedTuple):
    """Hold the gains in dB of some frames of a clip at a QP, by frame, NaN for a picture without error."""

    clip: Hashable
    qp: int
    frames: Mapping[int, float]


def gains_by_qp(measured: Sequence[Gains], where: str) -> dict[str, float]:
    """Return the mean gain of each QP as "gain_<QP>", and "gain" as their mean.

    A frame that is NaN at one QP of a clip is left out at all. InputError if there is no other; `where` is the first
    file.
    """
    frames = [range(max(one.frames, default=-1) + 1) for one in measured]
    exact = [[math.isnan(one.frames.get(n, 0)) for n in its] for one, its in zip(measured, frames, strict=True)]
    gains: dict[int, list[float]] = defaultdict(list)
    for one, kept in zip(measured, kept_frames([one.clip for one in measured], exact), strict=True):
        gains[one.qp] += [one.frames[frame] for frame in kept if frame in one.frames]
    if not any(gains.values()):
        raise InputError(f"{where}: nothing to gain in it, nor in other files held out: coded without error")
    means = {qp: sum(values) / len(values) for qp, values in sorted(gains.items()) if values}
    return {"gain": sum(means.values()) / len(means)} | {f"gain_{qp}": mean for qp, mean in means.items()}
