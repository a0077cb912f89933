"""Give the bits of the magnitudes of levels that come with the project, for `codecnn.labels.rate_distortion`.

They were counted by `experiments.count_magnitudes` over labels of training photographs; magnitude_counts.npz says on
what, in `about`.
"""

from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import interp1d

from codecnn.intra.block_size import BlockSize
from codecnn.labels.rate_distortion import Coding, bits_of_magnitudes, lagrange_multiplier

MAGNITUDE_COUNTS = Path(__file__).with_name("magnitude_counts.npz")


@cache
def magnitude_bits(size: BlockSize, qp: int) -> NDArray:
    """Return the bits of each magnitude in each context, for blocks of a size at a QP: (CONTEXTS, CAP + 1) float32.

    They are interpolated linearly between the counted QPs, 22, 27, 32 and 37; outside of these the nearest one counts.
    A block that is not square has the bits of a square of its area; if there is none, as for 8x16, the counts of the
    next smaller and the next larger square are added up. The array is shared: it must not be changed.
    """
    with np.load(MAGNITUDE_COUNTS) as file:
        sides, qps, counts = file["sides"], file["qps"], file["counts"]  # counts: (sides, QPs, CONTEXTS, CAP + 1)
    area = size.width * size.height
    nearest = (sides**2 <= 2 * area) & (area <= 2 * sides**2)  # one square, or two
    bits_of_qps = [bits_of_magnitudes(of_qp) for of_qp in counts[nearest].sum(0)]
    bits: NDArray = interp1d(qps, bits_of_qps, axis=0)(np.clip(qp, qps[0], qps[-1])).astype(np.float32)
    return bits


def rd_measure(coding: Coding) -> str:
    """Say in a line what the rate-distortion cost of a coding is; ValueError if no lambda is known for the codec."""
    lagrangian = lagrange_multiplier(coding.codec, coding.qp, bit_depth=8)
    counted = sha256(MAGNITUDE_COUNTS.read_bytes()).hexdigest()[:16]
    scaled = f"lambda {lagrangian:.6g} x 4^(bit depth - 8)"
    return f"J = SSE + lambda x bits in squared samples of the coded bit depth; {scaled}; magnitude counts {counted}"
