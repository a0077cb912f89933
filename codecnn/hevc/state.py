"""Define what the compiled functions work on: the state of the decoder, and the arrays of a picture.

All of it is numpy arrays, so that the same functions run compiled and as plain Python. Positions and sizes are in luma
samples unless said.
"""

from typing import NamedTuple

import numpy as np

from codecnn.hevc.contexts import CONTEXTS

BITS = ("partition", "modes", "residual", "filters", "delta_qp", "bypass", "pcm", "termination")
PARTITION, MODES, RESIDUAL, FILTERS, DELTA_QP, BYPASS, PCM, TERMINATION = range(len(BITS))

# Reasons to stop.
FINE, TOO_SHORT, LEVEL_TOO_LARGE, QP_DELTA_TOO_LARGE, BAD_BEGINNING, BAD_END = range(6)
BAD_ENTRY_POINT, BAD_ADDRESS, TOO_LONG, BAD_RECORD = range(6, 10)
REASONS = {
    TOO_SHORT: "slice data end too early",
    LEVEL_TOO_LARGE: "a coefficient level does not fit in 16 bit",
    QP_DELTA_TOO_LARGE: "a QP delta is out of range",
    BAD_BEGINNING: "a substream begins with bits that no encoder writes",
    BAD_END: "a substream does not end where its last CTU does",
    BAD_ENTRY_POINT: "an entry point is not where a substream begins",
    BAD_ADDRESS: "a slice does not begin where the one before ends",
    TOO_LONG: "slice data go on beyond the last CTU",
}

STATE = np.dtype(
    [
        # The arithmetic decoder (9.3.4.3), in bits of the data.
        ("range", "i8"), ("offset", "i8"), ("position", "i8"), ("end", "i8"),
        ("contexts", "u1", CONTEXTS), ("wavefront_contexts", "u1", CONTEXTS), ("segment_contexts", "u1", CONTEXTS),
        ("low", "i8"), ("outstanding", "i8"), ("drops_bit", "i8"),  # of the arithmetic encoder
        ("counts", "i8"), ("counted", "f8"),  # whether the encoder writes nothing, and only counts bits; how many
        ("failure", "i8"),  # FINE or a reason to stop
        # What the bits were spent for.
        ("charged", "f8"), ("bits", "f8", len(BITS)),
        # The sequence.
        ("width", "i8"), ("height", "i8"), ("ctb_bits", "i8"), ("min_cb_bits", "i8"), ("min_tb_bits", "i8"),
        ("max_tb_bits", "i8"), ("max_depth_intra", "i8"), ("has_chroma", "i8"), ("bit_depth", "i8", 2),
        ("pcm_enabled", "i8"), ("pcm_depth", "i8", 2), ("min_pcm_bits", "i8"), ("max_pcm_bits", "i8"),
        ("strong_smoothing", "i8"),
        # The picture.
        ("sign_hiding", "i8"), ("transform_skip", "i8"), ("qp_delta_enabled", "i8"), ("qp_group_bits", "i8"),
        ("transquant_bypass", "i8"), ("wavefront", "i8"), ("ctus_across", "i8"),
        # The slice.
        ("slice_address", "i8"), ("slice_qp", "i8"), ("chroma_offset", "i8", 2), ("sao_luma", "i8"),
        ("sao_chroma", "i8"),
        # The CTU, the quantisation group and the coding unit that are being decoded.
        ("region", "i8"), ("ctu", "i8"), ("previous_qp", "i8"), ("predicted_qp", "i8"), ("qp", "i8"),
        ("qp_delta_pending", "i8"),
        ("mpm_places", "i8", 4), ("remaining_modes", "i8", 4),  # of the parts that are written
        ("parts", "i8"), ("bypassed", "i8"), ("is_pcm", "i8"), ("chroma_mode", "i8"), ("unit_start", "f8"),
        # The node of the transform tree: coded block flags and transform_skip_flag of Y, Cb, Cr.
        ("cbf", "i8", 3), ("skip", "i8", 3), ("node_bits", "f8"),
        # The nodes of both trees that are not visited yet: x, y, log2 of the size, and cbf of Cb and Cr of the parent.
        ("coding_stack", "i8", (16, 3)), ("transform_stack", "i8", (16, 5)),
        # How many entries of the arrays of a picture are filled.
        ("coding_units", "i8"), ("prediction_blocks", "i8"), ("transform_units", "i8"),
        # The transform block that is being decoded: its levels, where they are, and how many.
        ("level", "i4", 1024), ("place", "i4", 1024), ("count", "i8"),
        # In its group of 4x4: the places of levels and their numbers in the scan; which groups have levels, 9 to a row.
        ("found", "i4", 16), ("scan_place", "i4", 16), ("coded_group", "i4", 81),
        ("border", "i4", 129), ("smoothed", "i4", 129), ("line", "i4", 98),
        ("columns", "i4", 1024), ("residual", "i4", 1024),
    ]
)  # fmt: skip

# What is known of every 4x4 block of luma. Regions are numbered from 1; two blocks of one region are in the same slice
# and the same tile.
GRID = np.dtype(
    [
        ("region", "i4"),  # of a block that is reconstructed, else 0
        ("parsed_region", "i4"),  # of a block whose coding unit has begun, else 0
        ("cb_bits", "i1"), ("luma_mode", "i1"), ("qp", "i1"),
    ]
)  # fmt: skip

CTU = np.dtype(
    [
        ("order", "i4"),  # raster address of the CTU that is coded at this place of the array
        ("tile", "i4"), ("tile_column", "i4"),  # where the tile begins
        ("slice", "i4"),  # address of its slice
        ("region", "i4"),
        # SAO (7.4.9.3) of Y, Cb, Cr. merge: 0 no, 1 from the left, 2 from above; a merged CTU has the values merged.
        ("sao_merge", "i1"), ("sao_type", "i1", 3), ("sao_class", "i1", 3), ("sao_band", "i1", 3),
        ("sao_offset", "i1", (3, 4)),
    ]
)  # fmt: skip

CODING_UNIT = np.dtype(
    [
        ("x", "u2"), ("y", "u2"), ("size", "u1"), ("parts", "u1"), ("qp", "i1"), ("bypass", "?"), ("pcm", "?"),
        ("bits", "f4"),
    ]
)  # fmt: skip
PREDICTION_BLOCK = np.dtype(
    [("x", "u2"), ("y", "u2"), ("size", "u1"), ("luma_mode", "i1"), ("chroma_mode", "i1"), ("bits", "f4")]
)
TRANSFORM_UNIT = np.dtype(
    [
        ("x", "u2"), ("y", "u2"), ("size", "u1"), ("depth", "u1"),
        ("cbf_y", "?"), ("cbf_cb", "?"), ("cbf_cr", "?"), ("skip_y", "?"), ("skip_cb", "?"), ("skip_cr", "?"),
        ("bits", "f4"),
    ]
)  # fmt: skip


class Arrays(NamedTuple):
    """Hold the arrays of a picture that is being decoded.

    samples, prediction, levels: (components, height, width) int16 of the coded picture; chroma is in the upper left.
    """

    samples: np.ndarray
    prediction: np.ndarray
    levels: np.ndarray
    grid: np.ndarray  # (height / 4, width / 4) of GRID
    ctus: np.ndarray  # CTU
    coding_units: np.ndarray
    prediction_blocks: np.ndarray
    transform_units: np.ndarray
    factors: np.ndarray  # see `codecnn.hevc.scaling_lists.scaling_factors`
