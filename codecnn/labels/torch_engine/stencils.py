"""Express every mode as two linear steps over the references of a block, which suit a GPU: gather and multiply.

    predicted = clip((sum of 4 references x weights + half) >> shift)
    block = clip((reference x a + reference x b + predicted x c + rounding) >> 6)

The second step is PDPC or an edge filter of HEVC. The references are in the order of `codecnn.intra.references`,
followed by their mean for the DC mode.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from codecnn.intra import vvc_modes
from codecnn.intra.block_size import BlockSize
from codecnn.labels.mode_sets import (
    ANGULAR,
    BLEND_BOTH,
    BLEND_GRADIENT,
    BLEND_SIDE,
    CUBIC,
    GAUSSIAN,
    HEVC_EDGES,
    HEVC_GRADIENT,
    LINEAR,
    NO_BLEND,
    PLANAR,
    TOP,
    ModeSet,
    mode_table,
)

_LINEAR_TAPS = np.array([(0, 64 - 2 * f, 2 * f, 0) for f in range(32)])
_TAPS = {GAUSSIAN: vvc_modes.GAUSSIAN, CUBIC: vvc_modes.CUBIC, LINEAR: _LINEAR_TAPS}


@dataclass(frozen=True)
class Stencil:
    """Hold one mode: indices into the references and weights, for every sample of the block."""

    number: int  # in its mode set
    smoothed: bool  # whether it takes smoothed references
    index: Tensor  # (4, height, width) int64
    weight: Tensor  # (4, height, width) int32
    shift: int
    blends: bool  # whether there is a second step
    blend_index: Tensor  # (2, height, width) int64
    blend_weight: Tensor  # (3, height, width) int32: a, b, c
    rounding: int


@lru_cache(maxsize=32)  # up to 21 MB each
def stencils_of(mode_set: ModeSet, size: BlockSize, reference_line: int, device: torch.device) -> tuple[Stencil, ...]:
    """Return the stencils of all modes of a mode set on a reference line, on a device."""
    return tuple(_stencil(mode, size, reference_line, device) for mode in mode_table(mode_set, size, reference_line))


def _stencil(mode: np.void, size: BlockSize, reference_line: int, device: torch.device) -> Stencil:
    left_length = 2 * size.height + reference_line

    def of_top(position: np.ndarray) -> np.ndarray:  # 0 is the corner
        place: np.ndarray = left_length + np.minimum(position, 2 * size.width + reference_line)
        return place

    def of_left(position: np.ndarray) -> np.ndarray:
        place: np.ndarray = np.where(position == 0, left_length, np.minimum(position, left_length) - 1)
        return place

    transposed = mode["kind"] == ANGULAR and mode["side"] != TOP
    main, other = (of_left, of_top) if transposed else (of_top, of_left)
    width, height = size[::-1] if transposed else size
    y, x = np.mgrid[:height, :width]
    corner = main(np.zeros_like(x))

    shift = 6
    if mode["kind"] == ANGULAR:
        displacement = (y + 1 + reference_line) * int(mode["angle"])
        position = (reference_line + (displacement >> 5) + x)[..., None] + np.arange(4)
        projected = np.minimum((256 + position * int(mode["inverse_angle"])) >> 9, height)
        index = np.where(position < 0, other(np.maximum(projected, 0)), main(np.maximum(position, 0)))
        weight = _TAPS[int(mode["filter"])][displacement & 31]
    elif mode["kind"] == PLANAR:
        shift = vvc_modes.log2(width) + vvc_modes.log2(height) + 1
        end_of_main, end_of_other = main(np.full_like(x, width + 1)), other(np.full_like(x, height + 1))
        index = _stacked(main(x + 1), end_of_other, other(y + 1), end_of_main)
        weight = _stacked(width * (height - 1 - y), width * (y + 1), height * (width - 1 - x), height * (x + 1))
    else:
        index = np.full((height, width, 4), 2 * (size.width + size.height + reference_line) + 1)  # the mean
        weight = np.full((height, width, 4), 16)

    blend, scale = mode["blend"], int(mode["blend_scale"])
    across, down = (32 >> ((position << 1) >> max(scale, 0)) for position in (x, y))  # PDPC
    zero = np.zeros_like(x)
    if blend == BLEND_BOTH:
        second = main(x + 1), other(y + 1), down, across, 64 - across - down
    elif blend == BLEND_GRADIENT:
        second = other(y + 1), corner, across, -across, zero + 64
    elif blend == BLEND_SIDE:
        seen = other(y + 1 + (((x + 1) * int(mode["inverse_angle"]) + 256) >> 9))
        second = seen, corner, across, zero, 64 - across
    elif blend == HEVC_EDGES:
        second = main(x + 1), other(y + 1), 16 * (y == 0), 16 * (x == 0), 64 - 16 * (y == 0) - 16 * (x == 0)
    elif blend == HEVC_GRADIENT:
        second = other(y + 1), corner, 32 * (x == 0), -32 * (x == 0), zero + 64
    else:
        second = corner, corner, zero, zero, zero + 64
    tables = index, weight, _stacked(*second[:2]), _stacked(*second[2:])
    if transposed:
        tables = tuple(table.swapaxes(0, 1) for table in tables)  # type: ignore[assignment]
    planes = [torch.from_numpy(np.moveaxis(table, -1, 0).copy()).to(device) for table in tables]
    return Stencil(
        number=int(mode["number"]),
        smoothed=bool(mode["smoothed"]),
        index=planes[0],
        weight=planes[1].int(),
        shift=shift,
        blends=bool(blend != NO_BLEND),
        blend_index=planes[2],
        blend_weight=planes[3].int(),
        rounding=0 if blend == HEVC_GRADIENT else 32,
    )


def _stacked(*planes: np.ndarray) -> np.ndarray:
    return np.stack(planes, axis=-1)
