"""What a residual costs a codec at a QP: its quantised DCT, the squared error of it, and an estimate of the bits.

The bits are a conditional entropy, which is what the adaptive contexts of CABAC come to: the magnitude of a level
given a local template (the sum of min(|level|, 4) over its five neighbours to the right and below, after H.266
9.3.4.2.8) and its diagonal x + y, both in classes, with probabilities counted beforehand. Magnitudes from CAP on are
told apart by an Exp-Golomb code, and a level that is not 0 takes one bit for its sign. Bits for anything but levels
(mode, split, transform, last position) are none of it.
"""

import math

import numpy as np
from scipy.fft import dctn

CAP = 15  # the last magnitude with a probability of its own, which it shares with all above
ROUNDING = 171 / 512  # the offset for intra blocks of HM, VTM and x265 without RDOQ
CODED_SIDE = 32  # frequencies that are coded of a side of 64 (H.266 7.3.11.11); HEVC has no such transform
LIKE_HM = ("hm", "kvazaar", "vtm", "vvenc", "vvencapp")  # codecs that the lambda of HM is taken for

_TEMPLATE_CLASS = np.repeat(np.arange(6), (1, 1, 1, 2, 3, 13)).astype(np.uint16)  # of sums 0, 1, 2, 3-4, 5-7, 8-20
_DIAGONAL_ENDS = (1, 2, 5, 10, 20)  # x + y below the first, below the second, ..., from the last on
CONTEXTS = 6 * 6


def quantisation_step(qp: int, bit_depth: int) -> float:
    """The step between the levels of an orthonormal transform's coefficients, in samples of the bit depth.

    2^((QP - 4) / 6) at 8 bit (H.265 8.6.3, H.266 8.7.3).
    """
    return float(2 ** ((qp - 4) / 6 + bit_depth - 8))


def lagrange_multiplier(codec: str, qp: int, bit_depth: int) -> float:
    """The lambda of SSE + lambda * bits that an encoder decides by in an intra picture, in squared samples per bit.

    x265: 0.038 e^(0.234 QP), its table lambda2. LIKE_HM: 0.57 * 2^((QP - 12) / 3), as HM and VTM have it in intra
    pictures, without the factor of VTM for dependent quantisation. Both times 4^(bit depth - 8). Raises ValueError
    for any other codec.
    """
    scale = 4.0 ** (bit_depth - 8)
    if codec == "x265":
        return scale * 0.038 * math.exp(0.234 * qp)
    if codec in LIKE_HM:
        return scale * 0.57 * float(2 ** ((qp - 12) / 3))
    raise ValueError(f"no lambda is known for the codec {codec}")


def quantise(coefficients: np.ndarray, step: float) -> np.ndarray:
    """The levels of coefficients, any shape, as int32: floor(|coefficient| / step + ROUNDING) with its sign."""
    magnitudes = (np.abs(coefficients) / step + ROUNDING).astype(np.int32)
    levels: np.ndarray = np.where(coefficients < 0, -magnitudes, magnitudes)
    return levels


def quantised_dct(residual: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Quantise the orthonormal DCT-II of whole blocks, of which level * step is the reconstruction.

    residual: (..., H, W). Returns the levels, (..., H, W) int32, 0 from the frequency CODED_SIDE on, and the sum of
    squared errors, (...) float32, which is that of the samples, before they are rounded and clipped.
    """
    coefficients = dctn(residual.astype(np.float32), axes=(-2, -1), norm="ortho")
    levels = quantise(coefficients, step)
    levels[..., CODED_SIDE:, :] = 0
    levels[..., CODED_SIDE:] = 0
    error = coefficients - levels * np.float32(step)
    return levels, (error * error).sum((-2, -1))


def level_counts(levels: np.ndarray) -> np.ndarray:
    """How often each magnitude (CAP: or more) occurs in each context: (CONTEXTS, CAP + 1) int64; levels as below."""
    symbols = _symbols(np.abs(levels[..., :CODED_SIDE, :CODED_SIDE]))
    return np.bincount(symbols.reshape(-1), minlength=CONTEXTS * (CAP + 1)).reshape(CONTEXTS, CAP + 1)


def bits_of_magnitudes(counts: np.ndarray) -> np.ndarray:
    """The bits of each magnitude in each context, its sign included, from their counts: (CONTEXTS, CAP + 1) float32.

    Each magnitude is counted once more than it occurs, so that none is impossible.
    """
    bits: np.ndarray = -np.log2((counts + 1) / (counts + 1).sum(1, keepdims=True))
    bits[:, 1:] += 1
    return bits.astype(np.float32)


def estimated_bits(levels: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """The bits that the levels of whole blocks take.

    levels: (..., H, W) integers, of which those from the frequency CODED_SIDE on are not coded. bits: of
    `bits_of_magnitudes`. Returns (...) float32.
    """
    magnitudes = np.abs(levels[..., :CODED_SIDE, :CODED_SIDE])
    spent = bits.reshape(-1)[_symbols(magnitudes)]
    escaped = magnitudes >= CAP
    spent[escaped] += 2 * np.frexp(magnitudes[escaped] - CAP + 1)[1] - 1  # Exp-Golomb of order 0
    total: np.ndarray = spent.sum((-2, -1))
    return total


def _symbols(magnitudes: np.ndarray) -> np.ndarray:
    """Context * (CAP + 1) + magnitude, at most CAP: (..., H, W) uint16."""
    height, width = magnitudes.shape[-2:]
    near = np.zeros((*magnitudes.shape[:-2], height + 2, width + 2), np.uint8)
    near[..., :height, :width] = np.minimum(magnitudes, 4)
    template = near[..., :height, 1 : width + 1] + near[..., :height, 2:] + near[..., 1 : height + 1, 1 : width + 1]
    template += near[..., 1 : height + 1, :width]
    template += near[..., 2:, :width]
    diagonal = np.searchsorted(_DIAGONAL_ENDS, np.arange(height)[:, None] + np.arange(width), side="right")
    context = _TEMPLATE_CLASS[template] * np.uint16(6) + diagonal.astype(np.uint16)
    symbols: np.ndarray = context * np.uint16(CAP + 1) + np.minimum(magnitudes, CAP).astype(np.uint16)
    return symbols
