"""Compute losses of filtered pictures, as a sum over the valid samples and their count.

Sums and counts of several processes add up exactly.
"""

from collections.abc import Callable
from typing import Literal

from torch import Tensor
from torch.nn.functional import pad

from codecnn.transforms.torch_satd import dct_matrix, hadamard_matrix, in_tiles, transformed, widened

ROUNDING = 1 / (12 * 255**2)  # squared error of rounding to 8 bit, where the peak is 1
EPSILON = 1e-3  # about a quarter of a level at 8 bit; as in Lai et al., "Deep Laplacian Pyramid Networks", CVPR 2017
_TILE = 8  # samples on each side of the tiles of the SATD losses


def mse(filtered: Tensor, original: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Sum e^2, e = filtered - original, over the samples where `valid` is true, and count them; all of one shape."""
    return _sum((filtered - original).square(), valid)


def charbonnier(filtered: Tensor, original: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Sum sqrt(e^2 + epsilon^2), e = filtered - original, where `valid` is true, and count; all of one shape.

    Charbonnier et al., "Two deterministic half-quadratic regularization algorithms for computed imaging", ICIP 1994.
    """
    return _sum(((filtered - original).square() + EPSILON**2).sqrt(), valid)


def log_mse(filtered: Tensor, original: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Sum ln(MSE + ROUNDING) over patches (..., H, W), weighted by their valid samples, and count these samples.

    The loss falls as the PSNR rises, by the same amount at every QP and for every content. Other losses give more
    weight to patches with much error. ROUNDING keeps the loss finite for patches that are coded without error.
    """
    counts = valid.sum((-2, -1))
    means = ((filtered - original).square() * valid).sum((-2, -1)) / counts.clamp(min=1)
    return (counts * (means + ROUNDING).log()).sum(), counts.sum()


def hadamard_satd(filtered: Tensor, original: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Sum |coefficients| of the Hadamard transform of e in tiles of 8x8, and count the valid samples.

    filtered, original, valid: (..., H, W); e = filtered - original where `valid` is true, else 0. Tiles start at the
    top left corner; the last ones are padded with 0. The transform is orthonormal and gives one coefficient per sample,
    so sum / count has the unit of the samples: for white noise it is the mean |e|, for smooth e or waves it is less.
    """
    error = in_tiles(_masked_error(filtered, original, valid), _TILE)
    return transformed(error, hadamard_matrix).abs().sum(), valid.sum()


def dct_satd(filtered: Tensor, original: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Sum |coefficients| of the DCT-II of e in tiles of 8x8, and count the valid samples; see `hadamard_satd`."""
    error = in_tiles(_masked_error(filtered, original, valid), _TILE)
    return transformed(error, dct_matrix).abs().sum(), valid.sum()


def _masked_error(filtered: Tensor, original: Tensor, valid: Tensor) -> Tensor:
    """Return the error of the valid samples and 0 for all others, padded to whole tiles at the right and the bottom."""
    error = (widened(filtered) - widened(original)) * valid
    height, width = error.shape[-2:]
    return pad(error, (0, -width % _TILE, 0, -height % _TILE))


def _sum(loss: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    return (loss * valid).sum(), valid.sum()


LossName = Literal["mse", "log_mse", "charbonnier", "hadamard_satd", "dct_satd"]
LOSSES: dict[LossName, Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]] = {
    "mse": mse,
    "log_mse": log_mse,
    "charbonnier": charbonnier,
    "hadamard_satd": hadamard_satd,
    "dct_satd": dct_satd,
}
