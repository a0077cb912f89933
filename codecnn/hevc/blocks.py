"""Reconstruct transform blocks (H.265 8.6.1, 8.6.7)."""

import numpy as np

from codecnn.hevc.compiled import compiled
from codecnn.hevc.state import Arrays

# QpC by qPi (table 8-10), from 30 on.
CHROMA_QP = np.array([29, 30, 31, 32, 33, 33, 34, 34, 35, 35, 36, 36, 37])


@compiled
def record_levels(state: np.void, plane: np.ndarray, x: int, y: int) -> None:
    """Write the levels of the state into a plane."""
    level, place = state["level"], state["place"]
    for index in range(state["count"]):
        plane[y + (place[index] >> 5), x + (place[index] & 31)] = level[index]


@compiled
def add_residual(
    state: np.void, arrays: Arrays, component: int, x: int, y: int, size_bits: int, is_coded: bool
) -> None:
    """Write prediction plus residual, clipped to the bit depth, or only the prediction (8.6.7)."""
    samples, predicted, residual = arrays.samples[component], arrays.prediction[component], state["residual"]
    size, peak = 1 << size_bits, (1 << state["bit_depth"][min(component, 1)]) - 1
    for j in range(size):
        target, source = samples[y + j, x : x + size], predicted[y + j, x : x + size]
        if is_coded:
            added = residual[j << size_bits : (j + 1) << size_bits]
            for i in range(size):
                target[i] = min(max(source[i] + added[i], 0), peak)
        else:
            target[:] = source


@compiled
def scaled_qp(state: np.void, component: int) -> int:
    """Return the QP of a component in the scale of its bit depth, Qp'Y, Qp'Cb or Qp'Cr (8.6.1)."""
    above = 6 * (state["bit_depth"][min(component, 1)] - 8)
    if component == 0:
        return state["qp"] + above
    index = min(max(state["qp"] + state["chroma_offset"][component - 1], -above), 57)
    if index >= 30:
        index = CHROMA_QP[index - 30] if index < 43 else index - 6
    return index + above
