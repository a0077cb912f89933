"""Every mode as two linear steps over the references of a block, for hardware that gathers and multiplies.

    predicted = clip((sum of 4 references x weights + half) >> shift)
    block = clip((reference x a + reference x b + predicted x c + rounding) >> 6)

The second step is PDPC or an edge filter of HEVC. The references are in the order of `codecnn.intra.references`,
followed by their mean as the DC mode takes it.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from codecnn.engine.modes import (
    ANGULAR,
    BLEND_BOTH,
    BLEND_GRADIENT,
    BLEND_SIDE,
    CUBIC,
    GAUSSIAN,
    HEVC_EDGES,
    HEVC_GRADIENT,
    NO_BLEND,
    PLANAR,
    TOP,
    ModeSet,
    mode_table,
)
from codecnn.intra import vvc_modes
from codecnn.intra.block_size import BlockSize

_LINEAR_TAPS = np.array([(0, 64 - 2 * f, 2 * f, 0) for f in range(32)])
_TAPS = {GAUSSIAN: vvc_modes.GAUSSIAN, CUBIC: vvc_modes.CUBIC}


@dataclass(frozen=True)
class Stencil:
    """One mode: indices into the references and weights, for every sample of the block."""

    number: int  # in its mode set
    smoothed: bool  # whether the references are to be smoothed beforehand
    index: Tensor  # (4, height, width) int64
    weight: Tensor  # (4, height, width) int32
    shift: int
    blends: bool  # whether there is a second step
    blend_index: Tensor  # (2, height, width) int64
    blend_weight: Tensor  # (3, height, width) int32: a, b, c
    rounding: int


@lru_cache(maxsize=32)  # up to 21 MB each
def stencils_of(mode_set: ModeSet, size: BlockSize, line: int, device: torch.device) -> tuple[Stencil, ...]:
    """The stencils of all modes of a mode set that start from a reference line, on a device."""
    return tuple(_stencil(mode, size, line, device) for mode in mode_table(mode_set, size, line))


def _stencil(mode: np.void, size: BlockSize, mrl: int, device: torch.device) -> Stencil:
    left_length = 2 * size.height + mrl

    def of_top(position: np.ndarray) -> np.ndarray:  # 0 is the corner
        return left_length + np.minimum(position, 2 * size.width + mrl)

    def of_left(position: np.ndarray) -> np.ndarray:
        place: np.ndarray = np.where(position == 0, left_length, np.minimum(position, left_length) - 1)
        return place

    transposed = mode["kind"] == ANGULAR and mode["side"] != TOP
    main, other = (of_left, of_top) if transposed else (of_top, of_left)
    width, height = size[::-1] if transposed else size
    x, y = np.arange(width), np.arange(height)[:, None]
    everywhere = np.zeros((height, width), int)

    shift = 6
    if mode["kind"] == ANGULAR:
        displacement = (y + 1 + mrl) * int(mode["angle"])
        taps = _TAPS.get(int(mode["filter"]), _LINEAR_TAPS)[displacement & 31]  # (height, 1, 4)
        position = mrl + (displacement >> 5)[..., None] + x[:, None] + np.arange(4)
        projected = np.minimum((256 + position * int(mode["inverse_angle"])) >> 9, height)
        index = np.where(position < 0, other(np.maximum(projected, 0)), main(np.maximum(position, 0)))
        weight = taps + everywhere[..., None]
    elif mode["kind"] == PLANAR:
        shift = vvc_modes.log2(width) + vvc_modes.log2(height) + 1
        corners = main(everywhere + width + 1), other(everywhere + height + 1)
        index = _stacked(main(x + 1 + everywhere), corners[1], other(y + 1 + everywhere), corners[0])
        rows = width * (height - 1 - y) + everywhere, width * (y + 1) + everywhere
        weight = _stacked(*rows, height * (width - 1 - x) + everywhere, height * (x + 1) + everywhere)
    else:
        mean = 2 * (size.width + size.height + mrl) + 1
        index = np.full((height, width, 4), mean)
        weight = np.full((height, width, 4), 16)

    scale, rounding = int(mode["blend_scale"]), 0 if mode["blend"] == HEVC_GRADIENT else 32
    first, second = everywhere, everywhere
    a, b = everywhere, everywhere
    c = everywhere + 64
    if mode["blend"] == BLEND_BOTH:
        first, second = main(x + 1 + everywhere), other(y + 1 + everywhere)
        a, b = (32 >> ((y << 1) >> scale)) + everywhere, (32 >> ((x << 1) >> scale)) + everywhere
        c = 64 - a - b
    elif mode["blend"] == BLEND_GRADIENT:
        first, second = other(y + 1 + everywhere), main(everywhere)
        a = (32 >> ((x << 1) >> scale)) + everywhere
        b = -a
    elif mode["blend"] == BLEND_SIDE:
        first = other(y + 1 + (((x + 1) * int(mode["inverse_angle"]) + 256) >> 9))
        a = np.where(x < 3 << scale, 32 >> ((x << 1) >> scale), 0) + everywhere
        c = 64 - a
    elif mode["blend"] == HEVC_EDGES:
        first, second = main(x + 1 + everywhere), other(y + 1 + everywhere)
        a, b = 16 * (y == 0) + everywhere, 16 * (x == 0) + everywhere
        c = 64 - a - b
    elif mode["blend"] == HEVC_GRADIENT:
        first, second = other(y + 1 + everywhere), main(everywhere)
        a = 32 * (x == 0) + everywhere
        b = -a
    tables = index, weight, _stacked(first, second), _stacked(a, b, c)
    if transposed:
        tables = tuple(table.swapaxes(0, 1) for table in tables)  # type: ignore[assignment]
    planes = [torch.from_numpy(np.moveaxis(table, -1, 0).copy()).to(device) for table in tables]
    return Stencil(
        number=int(mode["number"]),
        smoothed=bool(mode["smoothed"]),
        index=planes[0],
        weight=planes[1].int(),
        shift=shift,
        blends=bool(mode["blend"] != NO_BLEND),
        blend_index=planes[2],
        blend_weight=planes[3].int(),
        rounding=rounding,
    )


def _stacked(*planes: np.ndarray) -> np.ndarray:
    return np.stack(np.broadcast_arrays(*planes), axis=-1)
