"""Search the luma of a prediction block: which mode, and which transform tree."""

import numpy as np

from codecnn.hevc.cabac_encoder import BITS, encode_bin
from codecnn.hevc.coding_unit import MPMS, neighbour_modes
from codecnn.hevc.compiled import compiled, wide
from codecnn.hevc.contexts import CBF_LUMA, IS_MPM, SPLIT_TRANSFORM
from codecnn.hevc.encoder.block import code_block
from codecnn.hevc.encoder.scratch import Task
from codecnn.hevc.grid import mark_decoded, mark_undecoded
from codecnn.hevc.residual_writer import write_residual
from codecnn.hevc.transform_tree import may_split, must_split


def search_luma(
    states: np.ndarray,
    scratches: np.ndarray,
    task: Task,
    x: int,
    y: int,
    size_bits: int,
    depth: int,
    modes: np.ndarray,
    tries_split: bool,
) -> int:
    """Code the luma of a prediction block by the mode of least cost, and return this mode.

    The state is at the begin of the coding unit's modes, and does not change, but for the transform units that are
    added. depth: of the transform tree at this block, 1 for one of four parts. tries_split: also the splits of the
    transform tree, for the best mode.
    """
    state, scratch = states[0], scratches[0]
    contexts, start = state["contexts"], scratch["start_contexts"]
    start[:] = contexts
    first = state["transform_units"]
    best, best_mode = np.inf, modes[0]
    for number in range(0 if modes.size > 1 else 1, modes.size + 1):  # the best one once more at the end
        is_last = number == modes.size
        mode = best_mode if is_last else modes[number]
        state["transform_units"] = first
        mark_undecoded(task.arrays, x, y, 1 << size_bits)
        cost = scratch["lagrangian"] * mode_bits(state, task, x, y, mode)
        cost += _code_tree(state, scratch, task, x, y, size_bits, depth, mode, is_last and tries_split)
        contexts[:] = start
        if cost < best and not is_last:
            best, best_mode = cost, mode
    return best_mode


@compiled
def mode_bits(state: np.void, task: Task, x: int, y: int, mode: int) -> float:
    """Return the bits of a luma mode: prev_intra_luma_pred_flag with mpm_idx or rem_intra_luma_pred_mode."""
    left, above = neighbour_modes(state, task.arrays, x, y)
    variable = wide(state["contexts"][IS_MPM])
    if mode == MPMS[left, above, 0]:
        return BITS[variable ^ 1] + 1
    if mode == MPMS[left, above, 1] or mode == MPMS[left, above, 2]:
        return BITS[variable ^ 1] + 2
    return BITS[variable] + 5


@compiled
def _code_tree(
    state: np.void,
    scratch: np.void,
    task: Task,
    x: int,
    y: int,
    size_bits: int,
    depth: int,
    mode: int,
    tries_split: bool,
) -> float:
    """Code a node of the transform tree, add its transform units, and return its cost."""
    arrays, kept, first = task.arrays, size_bits - 2, state["transform_units"]
    lagrangian, size = scratch["lagrangian"], 1 << size_bits
    best, before = np.inf, state["counted"]
    splits = must_split(state, size_bits, depth)
    has_flag = not splits and may_split(state, size_bits, depth)
    if not splits:
        if has_flag:
            scratch["first_contexts"][kept, :] = state["contexts"]
            encode_bin(state, task.nothing, SPLIT_TRANSFORM + 5 - size_bits, 0)
        flag = CBF_LUMA + (1 if depth == 0 else 0)
        is_coded, error = code_block(state, scratch, task, 0, x, y, size_bits, mode, flag)
        encode_bin(state, task.nothing, flag, 1 if is_coded else 0)
        if is_coded:
            write_residual(state, task.nothing, arrays.levels[0], x, y, size_bits, 0, mode, 0)
        _add_unit(state, task, x, y, size_bits, depth, is_coded)
        mark_decoded(state, arrays, x, y, size)
        best = error + lagrangian * (state["counted"] - before)
        if not (has_flag and tries_split and is_coded):
            return best
        _copy_block(scratch, task, x, y, size_bits, True)
        scratch["kept_contexts"][kept, :] = state["contexts"]
        state["contexts"][:] = scratch["first_contexts"][kept]
        state["transform_units"] = first
        mark_undecoded(arrays, x, y, size)
    before = state["counted"]
    if has_flag:
        encode_bin(state, task.nothing, SPLIT_TRANSFORM + 5 - size_bits, 1)
    cost = lagrangian * (state["counted"] - before)
    half = size >> 1
    for step in range(4):
        if cost >= best:
            break
        x_part, y_part = x + half * (step & 1), y + half * (step >> 1)
        cost += _code_tree(state, scratch, task, x_part, y_part, size_bits - 1, depth + 1, mode, tries_split)
    if cost >= best:
        _copy_block(scratch, task, x, y, size_bits, False)
        state["contexts"][:] = scratch["kept_contexts"][kept]
        state["transform_units"] = first
        _add_unit(state, task, x, y, size_bits, depth, True)
        mark_decoded(state, arrays, x, y, size)
    return min(cost, best)


@compiled
def _add_unit(state: np.void, task: Task, x: int, y: int, size_bits: int, depth: int, is_coded: bool) -> None:
    unit = task.arrays.transform_units[state["transform_units"]]
    state["transform_units"] += 1
    unit["x"] = x
    unit["y"] = y
    unit["size"] = 1 << size_bits
    unit["depth"] = depth
    unit["cbf_y"] = is_coded
    unit["cbf_cb"] = False
    unit["cbf_cr"] = False
    unit["skip_y"] = False
    unit["skip_cb"] = False
    unit["skip_cr"] = False


@compiled
def _copy_block(scratch: np.void, task: Task, x: int, y: int, size_bits: int, keeps: bool) -> None:
    """Keep the samples, the prediction and the levels of a block, or put them back."""
    size, kept = 1 << size_bits, size_bits - 2
    arrays = task.arrays
    for j in range(size):
        part = slice(j << size_bits, (j + 1) << size_bits)
        samples, predicted = arrays.samples[0, y + j, x : x + size], arrays.prediction[0, y + j, x : x + size]
        levels = arrays.levels[0, y + j, x : x + size]
        if keeps:
            scratch["kept_samples"][kept, part] = samples
            scratch["kept_prediction"][kept, part] = predicted
            scratch["kept_levels"][kept, part] = levels
        else:
            samples[:] = scratch["kept_samples"][kept, part]
            predicted[:] = scratch["kept_prediction"][kept, part]
            levels[:] = scratch["kept_levels"][kept, part]
