"""Estimate the cost of a residual at a QP: quantise its DCT, measure the squared error and estimate the bits.

The bits are a conditional entropy, which the adaptive contexts of CABAC approach: the entropy of the magnitude of a
level, given two classes. One is the class of the diagonal x + y. The other is the class of a local template: the sum of
min(|level|, 4) over five neighbours to the right and below (H.266 9.3.4.2.8). The probabilities are counted beforehand.
Magnitudes from CAP on have an additional Exp-Golomb code, and a level other than 0 takes one bit for its sign. Only
levels are counted; bits for mode, split, transform and last position are not included.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy.fft import dctn

CAP = 15  # the last magnitude with a probability, shared by all larger ones
ROUNDING = 171 / 512  # the rounding offset of HM, VTM and x265 for intra blocks without RDOQ
CODED_SIDE = 32  # coded frequencies for a side of 64 (H.266 7.3.11.11); HEVC has no transform of 64
LIKE_HM = ("hm", "kvazaar", "vtm", "vvenc", "vvencapp")  # codecs for which the lambda of HM is used

_TEMPLATE_CLASS = np.repeat(np.arange(6), (1, 1, 1, 2, 3, 13)).astype(np.uint16)  # of sums 0, 1, 2, 3-4, 5-7, 8-20
DIAGONAL_ENDS = (1, 2, 5, 10, 20)  # ends of the classes of x + y; the last class begins at 20
CONTEXTS = 6 * 6


class Coding(NamedTuple):
    """Hold what a rate-distortion cost depends on beside the samples."""

    codec: str
    qp: int


def quantisation_step(qp: int, bit_depth: int) -> float:
    """Return the quantisation step for the coefficients of an orthonormal transform, in samples of the bit depth.

    2^((QP - 4) / 6) at 8 bit (H.265 8.6.3, H.266 8.7.3).
    """
    return float(2 ** ((qp - 4) / 6 + bit_depth - 8))


def lagrange_multiplier(codec: str, qp: int, bit_depth: int) -> float:
    """Return the lambda of SSE + lambda * bits in an encoder's intra decisions, in squared samples per bit.

    x265: 0.038 e^(0.234 QP), its table lambda2. LIKE_HM: 0.57 * 2^((QP - 12) / 3), as in intra pictures of HM and VTM,
    without VTM's factor for dependent quantisation. Both are multiplied by 4^(bit depth - 8). Raises ValueError for any
    other codec.
    """
    scale = 4.0 ** (bit_depth - 8)
    if codec == "x265":
        return scale * 0.038 * math.exp(0.234 * qp)
    if codec in LIKE_HM:
        return scale * 0.57 * float(2 ** ((qp - 12) / 3))
    raise ValueError(f"no lambda is known for the codec {codec}")


def quantise(coefficients: np.ndarray, step: float) -> np.ndarray:
    """Quantise coefficients of any shape to int32 levels: floor(|coefficient| / step + ROUNDING) with the sign."""
    magnitudes = (np.abs(coefficients) / step + ROUNDING).astype(np.int32)
    levels: np.ndarray = np.where(coefficients < 0, -magnitudes, magnitudes)
    return levels


def quantised_dct(residual: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Quantise the orthonormal DCT-II of whole blocks; level * step is the reconstruction.

    residual: (..., H, W). Returns the levels, (..., H, W) int32, 0 from the frequency CODED_SIDE on, and the sum of
    squared errors, (...) float32. The sum is equal to the squared error of the samples before rounding and clipping.
    """
    coefficients = dctn(residual.astype(np.float32), axes=(-2, -1), norm="ortho")
    levels = quantise(coefficients, step)
    levels[..., CODED_SIDE:, :] = 0
    levels[..., CODED_SIDE:] = 0
    error = coefficients - levels * np.float32(step)
    return levels, (error * error).sum((-2, -1))


def level_counts(levels: np.ndarray) -> np.ndarray:
    """Count how often each magnitude occurs in each context: (CONTEXTS, CAP + 1) int64; the last is for CAP or more.

    levels: as for `estimated_bits`.
    """
    symbols = _symbols(np.abs(levels[..., :CODED_SIDE, :CODED_SIDE]))
    return np.bincount(symbols.reshape(-1), minlength=CONTEXTS * (CAP + 1)).reshape(CONTEXTS, CAP + 1)


def bits_of_magnitudes(counts: np.ndarray) -> np.ndarray:
    """Return the bits of each magnitude, including its sign, in each context: (CONTEXTS, CAP + 1) float32.

    counts: from `level_counts`. One is added to each count, so that no magnitude is impossible.
    """
    bits: np.ndarray = -np.log2((counts + 1) / (counts + 1).sum(1, keepdims=True))
    bits[:, 1:] += 1
    return bits.astype(np.float32)


def estimated_bits(levels: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """Estimate the bits for the levels of whole blocks.

    levels: (..., H, W) integers; levels from the frequency CODED_SIDE on are not coded. bits: from
    `bits_of_magnitudes`. Returns (...) float32.
    """
    magnitudes = np.abs(levels[..., :CODED_SIDE, :CODED_SIDE])
    spent = bits.reshape(-1)[_symbols(magnitudes)]
    escaped = magnitudes >= CAP
    spent[escaped] += 2 * np.frexp(magnitudes[escaped] - CAP + 1)[1] - 1  # Exp-Golomb of order 0
    total: np.ndarray = spent.sum((-2, -1))
    return total


def _symbols(magnitudes: np.ndarray) -> np.ndarray:
    """Return context * (CAP + 1) + min(magnitude, CAP): (..., H, W) uint16."""
    height, width = magnitudes.shape[-2:]
    near = np.zeros((*magnitudes.shape[:-2], height + 2, width + 2), np.uint8)
    near[..., :height, :width] = np.minimum(magnitudes, 4)
    template = near[..., :height, 1 : width + 1] + near[..., :height, 2:] + near[..., 1 : height + 1, 1 : width + 1]
    template += near[..., 1 : height + 1, :width]
    template += near[..., 2:, :width]
    diagonal = np.searchsorted(DIAGONAL_ENDS, np.arange(height)[:, None] + np.arange(width), side="right")
    context = _TEMPLATE_CLASS[template] * np.uint16(6) + diagonal.astype(np.uint16)
    symbols: np.ndarray = context * np.uint16(CAP + 1) + np.minimum(magnitudes, CAP).astype(np.uint16)
    return symbols
