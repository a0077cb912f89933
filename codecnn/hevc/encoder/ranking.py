"""Rank the luma modes of a block by a quick measure, before some of them are tried."""

import numpy as np

from codecnn.hevc.compiled import compiled, wide
from codecnn.hevc.encoder.forward import hadamard_cost, transform_residual
from codecnn.hevc.encoder.luma import mode_bits
from codecnn.hevc.encoder.scratch import Task
from codecnn.hevc.grid import mark_decoded, mark_undecoded
from codecnn.hevc.prediction import gather_border, predict_from_border
from codecnn.intra.hevc import MODES

LARGEST_BITS = 5  # of a block that is predicted at once


def rank_modes(
    states: np.ndarray,
    scratches: np.ndarray,
    task: Task,
    x: int,
    y: int,
    size_bits: int,
    uses_dct: bool,
    distortions: np.ndarray,
    bits: np.ndarray,
) -> None:
    """Compute the SATD of every luma mode in orthonormal scale, and the bits of the mode.

    A block of 64x64 is predicted in quarters; for the later ones the original stands for the samples of the others.
    distortions, bits: (MODES,) float64, are written.
    """
    state, scratch = states[0], scratches[0]
    for mode in range(MODES):
        bits[mode] = mode_bits(state, task, x, y, mode)
    distortions[:] = 0
    mark_undecoded(task.arrays, x, y, 1 << size_bits)
    if size_bits <= LARGEST_BITS:
        _add_costs(state, scratch, task, x, y, size_bits, uses_dct, distortions)
        return
    for step in range(4):
        side = 1 << LARGEST_BITS
        left, top = x + side * (step & 1), y + side * (step >> 1)
        _add_costs(state, scratch, task, left, top, LARGEST_BITS, uses_dct, distortions)
        area = task.original[0, top : top + side, left : left + side]
        task.arrays.samples[0, top : top + side, left : left + side] = area
        mark_decoded(state, task.arrays, left, top, side)


@compiled
def _add_costs(
    state: np.void,
    scratch: np.void,
    task: Task,
    x: int,
    y: int,
    size_bits: int,
    uses_dct: bool,
    distortions: np.ndarray,
) -> None:
    gather_border(state, task.arrays, 0, x, y, 1 << size_bits)
    size, predicted, original = 1 << size_bits, task.arrays.prediction[0], task.original[0]
    residual = state["residual"] if uses_dct else scratch["band"]
    for mode in range(MODES):
        predict_from_border(state, task.arrays, 0, x, y, size_bits, mode)
        for j in range(size):
            for i in range(size):
                residual[(j << size_bits) + i] = wide(original[y + j, x + i]) - wide(predicted[y + j, x + i])
        if uses_dct:
            transform_residual(state, scratch, size_bits, 1)  # as chroma: 4x4 blocks have the DCT as well
            total = 0
            for index in range(size << size_bits):
                total += abs(scratch["coefficient"][index])
            distortions[mode] += total / 2.0 ** (15 - state["bit_depth"][0] - size_bits)
        else:
            distortions[mode] += hadamard_cost(scratch, size_bits)
