"""Measure the quality of pictures and of rate-distortion curves: PSNR, SSIM, BD-rate, and the frames in their means."""

import math
from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import NamedTuple

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


def kept_frames(clips: Sequence[Hashable], exact: Sequence[Sequence[bool]]) -> list[list[int]]:
    """Return the numbers of the frames that stay in the means, for each of several measurements.

    A frame that is exact in one measurement of a clip is left out in all of them.

    clips: the clip of each measurement; exact: whether a picture of a frame is the original, for each measurement.
    """
    left_out: dict[Hashable, set[int]] = defaultdict(set)
    for clip, frames in zip(clips, exact, strict=True):
        left_out[clip].update(number for number, is_exact in enumerate(frames) if is_exact)
    return [
        [number for number in range(len(frames)) if number not in left_out[clip]]
        for clip, frames in zip(clips, exact, strict=True)
    ]


class BdRate(NamedTuple):
    """Hold a Bjontegaard delta rate: `percent` is NaN where it is not defined, and `reason` then says why."""

    percent: float
    reason: str = ""


def bd_rate(
    anchor_bits: Sequence[float],
    anchor_psnr: Sequence[float],
    test_bits: Sequence[float],
    test_psnr: Sequence[float],
) -> float:
    """Compute the Bjontegaard delta rate in percent, by PCHIP as in the JVET sheets.

    It is negative if the test needs fewer bits. It is NaN where `bd_rate_or_reason` gives a reason.
    """
    return bd_rate_or_reason(anchor_bits, anchor_psnr, test_bits, test_psnr).percent


def bd_rate_or_reason(
    anchor_bits: Sequence[float],
    anchor_psnr: Sequence[float],
    test_bits: Sequence[float],
    test_psnr: Sequence[float],
) -> BdRate:
    """Compute the Bjontegaard delta rate, or say in words why it is not defined.

    The points may be in any order. It is not defined with fewer than four points, with bits or a PSNR that are not
    finite numbers above 0, with a curve that does not rise everywhere, and with PSNR ranges that overlap by less than
    half of the narrower one.
    """
    curves = []
    for bits, quality in ((anchor_bits, anchor_psnr), (test_bits, test_psnr)):
        points = np.array(sorted(zip(bits, quality, strict=True)), np.float64)
        if reason := _fault_of(points):
            return BdRate(math.nan, reason)
        curves.append(points.T)
    (anchor_rate, anchor_quality), (test_rate, test_quality) = curves
    lowest, highest = (pick(anchor_quality[end], test_quality[end]) for pick, end in ((max, 0), (min, -1)))
    if highest - lowest < 0.5 * min(np.ptp(anchor_quality), np.ptp(test_quality)):
        return BdRate(math.nan, "the PSNR ranges of the two curves overlap by less than half")
    with np.errstate(over="ignore"):
        percent = float(
            bjontegaard.bd_rate(
                anchor_rate,
                anchor_quality,
                test_rate,
                test_quality,
                method="pchip",
                require_matching_points=False,
                min_overlap=0,
            )
        )
    if not math.isfinite(percent):
        return BdRate(math.nan, "the bits of the two curves are too far apart")
    return BdRate(percent)


def _fault_of(points: NDArray) -> str:
    """Return why no curve goes through points (n, 2) of bits and PSNR in the order of the bits; "" if one does."""
    if len(points) < 4:
        return "fewer than four QPs"
    if not np.all(np.isfinite(points)):
        return "a PSNR that is not defined"
    if points[0, 0] <= 0:
        return "a point without bits"
    if not np.all(np.diff(points, axis=0) > 0):
        return "PSNR and bits do not rise together from point to point"
    return ""
