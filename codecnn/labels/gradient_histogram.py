"""Count the gradients of blocks by the angular mode that they belong to.

Decoder-side intra mode derivation counts them so, over the samples around a block: Abdoli et al., "Non-CE3:
Decoder-side intra mode derivation with prediction fusion using planar", JVET-O0449, 2019.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from codecnn.intra.block_size import BlockSize
from codecnn.labels.mode_sets import ANGULAR, TOP, ModeSet, count_of, mode_table


def gradient_histogram(samples: NDArray, modes: ModeSet, mask: NDArray | None = None) -> NDArray:
    """Return for each block the sum of the gradient amplitudes that belong to each mode: (N, modes) float32.

    A gradient is taken by the Sobel operator at each sample with its eight neighbours. Its amplitude, |x| + |y|, is
    given to the angular mode whose angle is nearest to the edge. Planar and DC are 0. The first and the last angular
    mode have the same angle: flatter edges are given to the first, steeper ones and those of this angle to the last.

    samples: (N, H, W) integers or floats, sides of 3 or more. mask: bool, (H - 2, W - 2) or (N, H - 2, W - 2), True
    where the gradient at an inner sample is counted; None counts all. modes: vvc-67 or hevc-35.
    """
    across, down = sobel(samples)
    amplitudes = np.abs(across) + np.abs(down)
    if mask is not None:
        amplitudes = amplitudes * mask
    count = count_of(modes)
    bins = nearest_modes(across, down, modes) + count * np.arange(len(samples))[:, None, None]
    sums = np.bincount(bins.reshape(-1), amplitudes.reshape(-1), len(samples) * count)
    return sums.reshape(len(samples), count).astype(np.float32)


def sobel(samples: NDArray) -> tuple[NDArray, NDArray]:
    """Return the derivatives to the right and downwards at the inner samples: twice (N, H - 2, W - 2) float32."""
    values = samples.astype(np.float32)
    tall = values[:, :-2] + 2 * values[:, 1:-1] + values[:, 2:]  # (N, H - 2, W)
    wide = values[..., :-2] + 2 * values[..., 1:-1] + values[..., 2:]  # (N, H, W - 2)
    return tall[..., 2:] - tall[..., :-2], wide[:, 2:] - wide[:, :-2]


def nearest_modes(across: NDArray, down: NDArray, modes: ModeSet) -> NDArray:
    """Return the angular modes whose angles are nearest to edges with these gradients, int64 of the same shape."""
    steep = np.abs(across) >= np.abs(down)  # the edge runs from the top
    divisor = np.where(steep, across, down)
    slopes = 32 * np.where(steep, down, across) / np.where(divisor == 0, 1, divisor)  # -32..32, as the angles of modes
    first, edges = _edges(modes)
    found: NDArray = first + np.searchsorted(edges, np.where(steep, 64 + slopes, -slopes))
    return found


@cache
def _edges(modes: ModeSet) -> tuple[int, NDArray]:
    """Return the first angular mode, and where its neighbours begin on a line of the angles of all modes.

    Modes from the left lie at -32..32 on it, with the sign of their angles changed, modes from the top at 32..96.
    """
    table = mode_table(modes, BlockSize(8, 8))
    table = table[table["kind"] == ANGULAR]
    top, angle = table["side"] == TOP, table["angle"]
    places = np.where(top, 64 + angle, -angle)
    middle = np.where(places[1:] > 32, 64, 0)  # of the side on which two neighbours meet
    halves = (np.arctan((places[1:] - middle) / 32) + np.arctan((places[:-1] - middle) / 32)) / 2
    return int(table["number"][0]), middle + 32 * np.tan(halves)
