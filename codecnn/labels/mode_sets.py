"""Define the sets of modes that blocks are labelled with, and tabulate the properties of each mode for the engines.

A mode set is "vvc-67" (the 67 modes of H.266), "vvc-67-mrl" (the same, and modes 1..66 on reference lines 1 and 2 for
blocks that are not at the upper edge of their CTU) or "hevc-35" (the 35 modes of H.265 with strong smoothing enabled,
blocks of 4x4 to 32x32). The number of a mode in a set is mode + 67 * reference line. All modes of a set are tried on
every block; a codec can signal a mode on reference line 1 or 2 only if it is one of the most probable modes.
"""

from functools import cache
from typing import Literal

import numpy as np

from codecnn.intra import hevc, vvc
from codecnn.intra.block_size import SHAPES, SQUARES, BlockSize

ModeSet = Literal["vvc-67", "vvc-67-mrl", "hevc-35"]
MODE_SETS: tuple[ModeSet, ...] = ("vvc-67", "vvc-67-mrl", "hevc-35")

PLANAR, DC, ANGULAR = range(3)  # kinds of prediction
TOP, LEFT = range(2)  # the side that a mode predicts from
GAUSSIAN, CUBIC, LINEAR = range(3)  # interpolation filters
# Filters after the prediction. PDPC: with both sides, with the gradient along the other side, or with the other side in
# the opposite direction. Then the edge filters of HEVC.
NO_BLEND, BLEND_BOTH, BLEND_GRADIENT, BLEND_SIDE, HEVC_EDGES, HEVC_GRADIENT = range(6)

_RECORD = np.dtype(
    [
        ("number", np.int64),  # in its mode set
        ("kind", np.int64),
        ("side", np.int64),
        ("smoothed", np.int64),  # 1 if the mode predicts from smoothed references, else 0
        ("filter", np.int64),
        ("angle", np.int64),  # in 1/32 sample
        ("inverse_angle", np.int64),  # in 1/512 sample
        ("blend", np.int64),
        ("blend_scale", np.int64),  # PDPC reaches 3 << scale samples into the block
    ]
)


def sizes_of(mode_set: ModeSet) -> tuple[BlockSize, ...]:
    """Return the block sizes that the modes predict."""
    return SQUARES[:4] if mode_set == "hevc-35" else SHAPES


def largest_ctu(mode_set: ModeSet) -> int:
    """Return the largest CTU size in the standard of the modes; the decoding order depends on the CTU size."""
    return 64 if mode_set == "hevc-35" else 128


def reference_lines_of(mode_set: ModeSet) -> int:
    """Return the number of reference lines that the modes predict from."""
    return 3 if mode_set == "vvc-67-mrl" else 1


def count_of(mode_set: ModeSet) -> int:
    """Return the count of mode numbers: 67, 201 (two are unused: planar on reference lines 1 and 2) or 35."""
    return hevc.MODES if mode_set == "hevc-35" else vvc.MODES * reference_lines_of(mode_set)


def exchanged_modes(count: int) -> np.ndarray:
    """Return which mode each one becomes when rows and columns of a picture are exchanged: (count,) int64.

    count: of a mode set with one reference line. Planar, DC and the diagonal stay, horizontal modes become vertical.
    """
    return np.concatenate((np.arange(2), np.arange(count - 1, 1, -1)))


@cache
def mode_table(mode_set: ModeSet, size: BlockSize, reference_line: int = 0) -> np.ndarray:
    """Tabulate the properties of the modes for a block size and a reference line, one record for each mode.

    The array is shared: it must not be changed.
    """
    if mode_set == "hevc-35":
        records = [_hevc_record(mode, size.width) for mode in range(hevc.MODES)]
    else:
        records = [_vvc_record(mode, size, reference_line) for mode in range(reference_line > 0, vvc.MODES)]
    return np.array(records, _RECORD)


def _vvc_record(signalled: int, size: BlockSize, reference_line: int) -> tuple[int, ...]:
    mode, number = vvc.wide_angle(signalled, *size), signalled + vvc.MODES * reference_line
    smoothed = int(reference_line == 0 and vvc.smooths_references(mode, *size))
    scale = vvc.pdpc_scale(mode, *size) if reference_line == 0 else -1
    if mode in (vvc.PLANAR, vvc.DC):
        kind = PLANAR if mode == vvc.PLANAR else DC
        return number, kind, TOP, smoothed, CUBIC, 0, 0, BLEND_BOTH if scale >= 0 else NO_BLEND, scale
    side = TOP if vvc.is_vertical(mode) else LEFT
    taps = GAUSSIAN if vvc.interpolation_taps(mode, *size, reference_line) is vvc.GAUSSIAN else CUBIC
    angle = vvc.angle(mode)
    blend = NO_BLEND if scale < 0 else BLEND_GRADIENT if angle == 0 else BLEND_SIDE
    return number, ANGULAR, side, smoothed, taps, angle, vvc.inverse_angle(mode), blend, scale


def _hevc_record(mode: int, size: int) -> tuple[int, ...]:
    smoothed, edges = int(hevc.smooths_references(mode, size)), hevc.filters_edges(size)
    if mode in (hevc.PLANAR, hevc.DC):
        blend = HEVC_EDGES if mode == hevc.DC and edges else NO_BLEND
        return mode, PLANAR if mode == hevc.PLANAR else DC, TOP, smoothed, LINEAR, 0, 0, blend, 0
    side, angle = TOP if hevc.is_vertical(mode) else LEFT, hevc.angle(mode)
    blend = HEVC_GRADIENT if angle == 0 and edges else NO_BLEND
    return mode, ANGULAR, side, smoothed, LINEAR, angle, 2 * hevc.inverse_angle(mode), blend, 0
