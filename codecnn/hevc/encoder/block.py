"""Code a transform block: predict, transform, quantise, and reconstruct it as a decoder does."""

import numpy as np

from codecnn.hevc.blocks import add_residual, scaled_qp
from codecnn.hevc.compiled import compiled, wide
from codecnn.hevc.encoder.forward import transform_residual
from codecnn.hevc.encoder.quantisation import (
    ROUNDING,
    hide_signs,
    measure_coefficients,
    round_levels,
    search_levels,
    set_signs,
)
from codecnn.hevc.encoder.scratch import BY_COST, Task
from codecnn.hevc.prediction import predict
from codecnn.hevc.residual import scan_index
from codecnn.hevc.transform import scale_levels, transform_back


@compiled
def code_block(
    state: np.void, scratch: np.void, task: Task, component: int, x: int, y: int, size_bits: int, mode: int, flag: int
) -> tuple[bool, int]:
    """Code the block at (x, y), in samples of its component: samples and levels go to the arrays.

    flag: the context of its coded block flag. Returns whether it has levels, and the squared error.
    """
    arrays, size = task.arrays, 1 << size_bits
    predict(state, arrays, component, x, y, size_bits, mode)
    original, predicted = task.original[component], arrays.prediction[component]
    residual = state["residual"]
    for j in range(size):
        for i in range(size):
            residual[(j << size_bits) + i] = wide(original[y + j, x + i]) - wide(predicted[y + j, x + i])
    transform_residual(state, scratch, size_bits, component)
    largest = measure_coefficients(state, scratch, size_bits, component)
    searches = scratch["quantiser"] == BY_COST
    if largest >= (0.5 if searches else 1 - ROUNDING):
        if searches:
            search_levels(state, scratch, size_bits, component, mode, flag)
        else:
            round_levels(scratch, size_bits)
        set_signs(scratch, size_bits)
        if state["sign_hiding"]:
            hide_signs(scratch, size_bits, scan_index(mode, size_bits, component))
    _place_levels(state, scratch, arrays.levels[component], x, y, size_bits)
    is_coded = state["count"] > 0
    if is_coded:
        scale_levels(state, arrays.factors, size_bits, component, scaled_qp(state, component))
        transform_back(state, size_bits, component)
    add_residual(state, arrays, component, x, y, size_bits, is_coded)
    samples = arrays.samples[component]
    error = 0
    for j in range(y, y + size):
        for i in range(x, x + size):
            difference = wide(original[j, i]) - wide(samples[j, i])
            error += difference * difference
    return is_coded, error


@compiled
def _place_levels(state: np.void, scratch: np.void, plane: np.ndarray, x: int, y: int, size_bits: int) -> None:
    """Write the levels into a plane, and those that are not 0 into the state, as the parser does."""
    chosen, level, place = scratch["chosen"], state["level"], state["place"]
    count = 0
    for j in range(1 << size_bits):
        for i in range(1 << size_bits):
            value = chosen[(j << size_bits) + i]
            plane[y + j, x + i] = value
            if value != 0:
                level[count], place[count] = value, i | j << 5
                count += 1
    state["count"] = count
