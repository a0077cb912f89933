"""Measure the quality of pictures and of rate-distortion curves: PSNR, SSIM, BD-rate."""

import math
from collections.abc import Sequence

import bjontegaard
import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity


def mse(a: NDArray, b: NDArray) -> float:
    """Compute the mean squared error of two planes of equal shape, exact for integer samples."""
    if a.shape != b.shape:
        raise ValueError(f"planes of different shape: {a.shape} and {b.shape}")
    return float(np.mean(np.square(a.astype(np.float64) - b.astype(np.float64))))


def psnr(a: NDArray, b: NDArray, bit_depth: int) -> float:
    """Compute the peak signal-to-noise ratio in dB, with the peak 2^bit_depth - 1; infinite for equal planes."""
    error = mse(a, b)
    return math.inf if error == 0 else 10 * math.log10(((1 << bit_depth) - 1) ** 2 / error)


def psnr_gain(original: NDArray, baseline: NDArray, filtered: NDArray, bit_depth: int) -> float:
    """Compute PSNR(filtered) - PSNR(baseline) in dB; NaN if one of the two planes equals the original."""
    gain = psnr(original, filtered, bit_depth) - psnr(original, baseline, bit_depth)
    return gain if math.isfinite(gain) else math.nan


def ssim(a: NDArray, b: NDArray, bit_depth: int) -> float:
    """Compute the structural similarity, -1..1, with a Gaussian window (sigma 1.5).

    Wang et al., "Image quality assessment: from error visibility to structural similarity", IEEE TIP 13(4), 2004.
    """
    return float(
        structural_similarity(
            a,
            b,
            data_range=(1 << bit_depth) - 1,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
    )


def bd_rate(
    anchor_bits: Sequence[float],
    anchor_psnr: Sequence[float],
    test_bits: Sequence[float],
    test_psnr: Sequence[float],
) -> float:
    """Compute the Bjontegaard delta rate in percent, by PCHIP as in the JVET sheets.

    It is negative if the test needs fewer bits. It is NaN where it is not defined: with fewer than four points, with a
    curve that does not rise everywhere, and with quality ranges that overlap by less than half of the narrower one.
    """
    for bits, quality in ((anchor_bits, anchor_psnr), (test_bits, test_psnr)):
        order = np.argsort(bits)
        rising = len(bits) >= 4 and np.all(np.isfinite(quality))
        if not (rising and np.all(np.diff(np.asarray(quality, float)[order]) > 0)):
            return math.nan
    common = min(max(anchor_psnr), max(test_psnr)) - max(min(anchor_psnr), min(test_psnr))
    if common < 0.5 * min(np.ptp(anchor_psnr), np.ptp(test_psnr)):
        return math.nan
    return float(
        bjontegaard.bd_rate(
            anchor_bits,
            anchor_psnr,
            test_bits,
            test_psnr,
            method="pchip",
            require_matching_points=False,
            min_overlap=0,
        )
    )
