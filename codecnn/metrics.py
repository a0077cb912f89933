"""Measure the quality of pictures and of rate-distortion curves: PSNR, SSIM, BD-rate, and the frames in their means."""

import math
from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import bjontegaard
import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

Pair = tuple[NDArray, NDArray]  # the luma of two consecutive frames
LARGEST_WITHOUT_MS_SSIM = 160  # the window of 11, minus 1, at the coarsest of five scales
STILL_BLOCK, STILL_CHANGE = 8, 2.0


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


def psnr_yuv(y: float, u: float, v: float) -> float:
    """Return the mean of the PSNRs of the planes of a picture at 4:2:0 with the usual weights, (6 Y + U + V) / 8."""
    return (6 * y + u + v) / 8


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


def ms_ssim(a: NDArray, b: NDArray, bit_depth: int) -> float:
    """Compute the multi-scale structural similarity, 0..1, at five scales; NaN for 160 rows or columns or less.

    Wang, Simoncelli and Bovik, "Multi-scale structural similarity for image quality assessment", Asilomar 2003.
    """
    if min(a.shape) <= LARGEST_WITHOUT_MS_SSIM:
        return math.nan
    import pytorch_msssim  # which takes seconds
    import torch

    planes = (torch.from_numpy(plane.astype(np.float64))[None, None] for plane in (a, b))
    return float(pytorch_msssim.ms_ssim(*planes, data_range=(1 << bit_depth) - 1))


def flicker(original: Pair, decoded: Pair, bit_depth: int) -> float:
    """Return how much a decoded clip changes between two frames where the original stands still; 0 is best.

    It is the root of the mean squared difference between the change of the decoded and that of the original samples,
    over all blocks of 8x8 in which the original changes by 2 or less on average, in the scale of 8 bit. NaN if there is
    no such block. Samples beyond the last whole block do not count.
    """
    height, width = (size - size % STILL_BLOCK for size in original[0].shape)
    changes = (
        (after.astype(np.float64) - before)[:height, :width] * 255 / ((1 << bit_depth) - 1)
        for before, after in (original, decoded)
    )
    of_original, of_decoded = (
        change.reshape(height // STILL_BLOCK, STILL_BLOCK, width // STILL_BLOCK, STILL_BLOCK) for change in changes
    )
    still = np.abs(of_original).mean((1, 3)) <= STILL_CHANGE
    squares = np.square(of_decoded - of_original).mean((1, 3))[still]
    return math.sqrt(squares.mean()) if squares.size else math.nan


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
