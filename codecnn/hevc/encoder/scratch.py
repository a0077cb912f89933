"""Define what the compiled functions of the encoder work on beside the state and the arrays of the reader."""

from typing import NamedTuple

import numpy as np

from codecnn.hevc.contexts import CONTEXTS
from codecnn.hevc.state import Arrays

ROUNDED, BY_COST = range(2)  # how levels are chosen

SCRATCH = np.dtype(
    [
        ("lagrangian", "f8"),  # squared samples per bit
        ("chroma_weight", "f8", 2),  # of squared errors of Cb and Cr against those of luma
        ("quantiser", "i8"),  # ROUNDED or BY_COST
        # The transform block that is being coded, row by row: coefficients, their magnitudes in quantisation steps, and
        # what an error of a step costs in bits.
        ("coefficient", "i4", 1024), ("half", "i4", 1024), ("scaled", "f8", 1024), ("weight", "f8"),
        ("chosen", "i4", 1024),
        # By place in the scan, in bits: the cost of the coefficient as 0, and as its level with its flag of
        # significance; this flag; what one more and one less would take. The flags of groups.
        ("zero_cost", "f8", 1024), ("level_cost", "f8", 1024), ("flag_bits", "f8", 1024),
        ("bits_up", "f8", 1024), ("bits_down", "f8", 1024), ("group_bits", "f8", 64),
        # A block of luma that is kept while its split is tried, by log2 of its size - 2.
        ("kept_samples", "i2", (4, 1024)), ("kept_prediction", "i2", (4, 1024)), ("kept_levels", "i2", (4, 1024)),
        ("kept_contexts", "u1", (4, CONTEXTS)), ("first_contexts", "u1", (4, CONTEXTS)),
        ("start_contexts", "u1", CONTEXTS),
        ("band", "i4", 1024), ("turned", "i4", 1024),  # residuals under a Hadamard transform
    ]
)  # fmt: skip


class Task(NamedTuple):
    """Hold a picture that is being encoded.

    original: (components, height, width) int16, as `Arrays.samples`. nothing: the data of an encoder that only counts.
    """

    arrays: Arrays
    original: np.ndarray
    nothing: np.ndarray
