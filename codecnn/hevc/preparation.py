"""Prepare the state and the arrays of a picture from its headers."""

import numpy as np

from codecnn.hevc import state as states
from codecnn.hevc.parameter_sets import Pps, Sps
from codecnn.hevc.scaling_lists import scaling_factors
from codecnn.hevc.slice_header import SliceHeader
from codecnn.hevc.state import STATE, Arrays
from codecnn.hevc.tiles import coding_order


def make_arrays(sps: Sps, pps: Pps) -> Arrays:
    """Allocate the arrays of a picture; samples, levels and maps are 0."""
    planes = (1 if sps.chroma == "400" else 3, sps.height, sps.width)
    order, tile, tile_column = coding_order(sps, pps)
    ctus = np.zeros(order.size, states.CTU)
    ctus["order"], ctus["tile"], ctus["tile_column"] = order, tile, tile_column
    blocks = sps.width * sps.height // 16
    units = sps.width * sps.height >> 2 * sps.min_cb_bits
    lists = None if sps.scaling is None else pps.scaling or sps.scaling
    return Arrays(
        np.zeros(planes, np.int16),
        np.zeros(planes, np.int16),
        np.zeros(planes, np.int16),
        np.zeros((sps.height // 4, sps.width // 4), states.GRID),
        ctus,
        np.empty(units, states.CODING_UNIT),
        np.empty(4 * units, states.PREDICTION_BLOCK),
        np.empty(blocks, states.TRANSFORM_UNIT),
        scaling_factors(lists),
    )


def make_state(sps: Sps, pps: Pps) -> np.ndarray:
    """Return one STATE with what the parameter sets say."""
    state = np.zeros(1, STATE)
    for name in ("width", "height", "ctb_bits", "min_cb_bits", "min_tb_bits", "max_tb_bits", "max_depth_intra"):
        state[name] = getattr(sps, name)
    state["strong_smoothing"], state["has_chroma"] = sps.strong_smoothing, sps.chroma != "400"
    state["bit_depth"] = sps.luma_depth, sps.chroma_depth
    if sps.pcm is not None:
        state["pcm_enabled"], state["pcm_depth"] = True, (sps.pcm.luma_depth, sps.pcm.chroma_depth)
        state["min_pcm_bits"], state["max_pcm_bits"] = sps.pcm.min_bits, sps.pcm.max_bits
    for name in ("sign_hiding", "transform_skip", "transquant_bypass", "wavefront"):
        state[name] = getattr(pps, name)
    state["qp_delta_enabled"] = pps.qp_delta_depth is not None
    state["qp_group_bits"] = sps.ctb_bits - (pps.qp_delta_depth or 0)
    state["ctus_across"] = sps.ctus_across
    return state


def enter_slice(state: np.ndarray, header: SliceHeader) -> None:
    """Set what the header of a slice segment says; a dependent one goes on with the slice before."""
    if not header.dependent:
        state["slice_address"], state["slice_qp"] = header.address, header.qp
        state["chroma_offset"] = header.pps.cb_offset + header.cb_offset, header.pps.cr_offset + header.cr_offset
        state["sao_luma"], state["sao_chroma"] = header.sao_luma, header.sao_chroma


def planes_of(arrays: np.ndarray, sps: Sps) -> list[np.ndarray]:
    """Return views of the planes of the coded picture without the unused parts of chroma."""
    return [plane[: sps.height >> down, : sps.width >> down] for plane, down in zip(arrays, (0, 1, 1), strict=False)]
