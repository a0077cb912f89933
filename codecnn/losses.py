"""Losses as a sum over the valid samples and their count, so that processes can combine them exactly."""

from torch import Tensor

EPSILON = 1e-3  # about a quarter of a step at 8 bit; as in Lai et al., "Deep Laplacian Pyramid Networks", CVPR 2017


def mse(filtered: Tensor, original: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Sum of e^2, e = filtered - original, over the samples where `valid` holds, and their count; shapes equal."""
    return _sum((filtered - original).square(), valid)


def charbonnier(filtered: Tensor, original: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Sum of sqrt(e^2 + epsilon^2), e = filtered - original, where `valid` holds, and the count; shapes equal.

    Charbonnier et al., "Two deterministic half-quadratic regularization algorithms for computed imaging", ICIP 1994.
    """
    return _sum(((filtered - original).square() + EPSILON**2).sqrt(), valid)


def _sum(loss: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    return (loss * valid).sum(), valid.sum()
