"""Search the chroma of a coding unit whose luma is coded."""

import numpy as np

from codecnn.hevc.cabac_encoder import BITS, encode_bin
from codecnn.hevc.compiled import wide
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
    state, scratch, arrays = states[0], scratches[0], task.arrays
    contexts, start = state["contexts"], scratch["start_contexts"]
    start[:] = contexts
    best, best_mode = np.inf, modes[0]
    for index in range(0 if modes.size > 1 else 1, modes.size + 1):  # the best one once more at the end
        mode = best_mode if index == modes.size else modes[index]
        mark_undecoded(arrays, x, y, size)
        variable, before = wide(contexts[CHROMA_MODE]), state["counted"]
        cost = scratch["lagrangian"] * (BITS[variable] if mode == luma_mode else BITS[variable ^ 1] + 2)
        for number in range(first, state["transform_units"]):
            unit = arrays.transform_units[number]
            x_unit, y_unit, side = wide(unit["x"]), wide(unit["y"]), wide(unit["size"])
            # The chroma of four luma blocks of 4x4 is one block, whose flag is that of their parent.
            block_x, block_y = (x_unit & ~7) >> 1, (y_unit & ~7) >> 1
            size_bits, flag = 2, CBF_CHROMA + wide(unit["depth"]) - (1 if side == 4 else 0)
            while 2 << size_bits < side:
                size_bits += 1
            for component in range(1, 3 if side > 4 or x_unit & y_unit & 4 != 0 else 1):
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
        cost += scratch["lagrangian"] * (state["counted"] - before)
        contexts[:] = start
        if cost < best:
            best, best_mode = cost, mode
    return best_mode
