"""Search the chroma of a coding unit whose luma is coded."""

import numpy as np

from codecnn.hevc.cabac_encoder import BITS, encode_bin
from codecnn.hevc.compiled import compiled, wide
from codecnn.hevc.contexts import CBF_CHROMA, CHROMA_MODE
from codecnn.hevc.encoder.block import code_block
from codecnn.hevc.encoder.scratch import Task
from codecnn.hevc.grid import mark_decoded, mark_undecoded
from codecnn.hevc.residual_writer import write_residual


def search_chroma(
    states: np.ndarray,
    scratches: np.ndarray,
    task: Task,
    x: int,
    y: int,
    size: int,
    first: int,
    luma_mode: int,
    modes: np.ndarray,
) -> int:
    """Code the chroma of a coding unit by the mode of least cost, and return this mode.

    The contexts do not change. first: the first transform unit of the coding unit; the others follow up to the last
    that is there. luma_mode: of the first part. modes: as in prediction blocks. The flags of inner nodes of the
    transform tree are not counted here.
    """
    state, scratch = states[0], scratches[0]
    contexts, start = state["contexts"], scratch["start_contexts"]
    start[:] = contexts
    best, best_mode = np.inf, modes[0]
    if modes.size > 1:
        for index in range(modes.size):
            cost = _cost_of_mode(state, scratch, task, x, y, size, first, luma_mode, modes[index])
            contexts[:] = start
            if cost < best:
                best, best_mode = cost, modes[index]
    if modes.size == 1 or best_mode != modes[-1]:
        _cost_of_mode(state, scratch, task, x, y, size, first, luma_mode, best_mode)
        contexts[:] = start
    return best_mode


@compiled
def _cost_of_mode(
    state: np.void,
    scratch: np.void,
    task: Task,
    x: int,
    y: int,
    size: int,
    first: int,
    luma_mode: int,
    mode: int,
) -> float:
    arrays = task.arrays
    mark_undecoded(arrays, x, y, size)
    variable, before = wide(state["contexts"][CHROMA_MODE]), state["counted"]
    bits = BITS[variable] if mode == luma_mode else BITS[variable ^ 1] + 2
    cost = 0.0
    for number in range(first, state["transform_units"]):
        unit = arrays.transform_units[number]
        x_unit, y_unit, side = wide(unit["x"]), wide(unit["y"]), wide(unit["size"])
        has_chroma = side > 4 or x_unit & y_unit & 4 != 0
        for component in range(1, 3 if has_chroma else 1):
            # The chroma of four luma blocks of 4x4 is one block, whose flag is that of their parent.
            block_x, block_y = (x_unit & ~7) >> 1, (y_unit & ~7) >> 1
            size_bits, depth = 2, wide(unit["depth"]) - (1 if side == 4 else 0)
            while 2 << size_bits < side:
                size_bits += 1
            flag = CBF_CHROMA + depth
            is_coded, error = code_block(state, scratch, task, component, block_x, block_y, size_bits, mode, flag)
            encode_bin(state, task.nothing, flag, 1 if is_coded else 0)
            if is_coded:
                plane = arrays.levels[component]
                write_residual(state, task.nothing, plane, block_x, block_y, size_bits, component, mode, 0)
            for other in range(number - (3 if side == 4 else 0), number + 1):
                if component == 1:
                    arrays.transform_units[other]["cbf_cb"] = is_coded
                else:
                    arrays.transform_units[other]["cbf_cr"] = is_coded
            cost += scratch["chroma_weight"][component - 1] * error
        mark_decoded(state, arrays, x_unit, y_unit, side)
    return cost + scratch["lagrangian"] * (bits + state["counted"] - before)
