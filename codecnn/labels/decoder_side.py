"""Rank modes from the decoded samples around a block, as a decoder can: by gradients (DIMD), by template costs (TIMD).

Decoder-side intra mode derivation: Abdoli et al., JVET-O0449, 2019. Template-based intra mode derivation: Wang et al.,
"Template-based intra mode derivation using MPMs", JVET-V0098, 2021. Both are in the Enhanced Compression Model that
followed VVC: "Algorithm description of Enhanced Compression Model", JVET-AC2025, 2023.
"""

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import hadamard

from codecnn.intra.block_size import BlockSize
from codecnn.labels.gradient_histogram import gradient_histogram
from codecnn.labels.mode_sets import ModeSet
from codecnn.labels.torch_engine.costs import gather_references, predict
from codecnn.labels.torch_engine.stencils import stencils_of

GRADIENT_LINES = 3
_DEPTH = 16  # bit depth at which weights are measured
_CHUNK = 1024  # blocks at a time


def template_gradients(reference: NDArray, blocks: NDArray, size: BlockSize, modes: ModeSet) -> NDArray:
    """Return the sums of gradient amplitudes by mode around square blocks, (N, modes) float32: the more, the better.

    The gradients are those at the middle one of the three lines above a block and left of it, as far as the windows of
    3x3 lie in these lines. reference: (H, W) unfiltered luma. blocks: as `blocks_of` returns them.
    """
    x, y = blocks[:, 0, None, None], blocks[:, 1, None, None]
    padded = np.pad(reference, ((GRADIENT_LINES, 0), (GRADIENT_LINES, 0)))
    steps = np.arange(GRADIENT_LINES + size.width)
    samples = padded[y + steps[:, None], x + steps]  # the block with the lines around it
    row, column = np.ogrid[: size.height + 1, : size.width + 1]  # of the inner samples
    above = (row == 0) & (y > 0) & ((column >= GRADIENT_LINES) | (x > 0))
    left = (column == 0) & (x > 0) & ((row >= GRADIENT_LINES) | (y > 0))
    return gradient_histogram(samples, modes, above | left)


def template_lines(size: BlockSize) -> int:
    """Return the lines of the template above a square block, and left of it: 2 up to a side of 8, else 4."""
    return 2 if size.width <= 8 else 4


def template_costs(reference: NDArray, blocks: NDArray, size: BlockSize, bit_depth: int) -> NDArray:
    """Return the SATD of predicting the template from the line beyond it by VVC's modes: (N, 67) float32.

    The template has the samples above a block and left of it, predicted as the first rows and columns of a block of
    twice the size that begins with them, without rounding and clipping. The Hadamard transforms are as large as the
    template is wide. Blocks at the left or the upper edge of the picture have 0 for all modes. reference: (H, W)
    unfiltered luma. blocks: as `blocks_of` returns them.
    """
    lines, transform = template_lines(size), _template_transform(size)
    inside = np.flatnonzero((blocks[:, 0] > 0) & (blocks[:, 1] > 0))
    plane = torch.from_numpy(reference.astype(np.int32))
    costs = np.zeros((len(blocks), transform.shape[1]), np.float32)
    above, left = np.mgrid[-lines:0, : size.width], np.mgrid[: size.height, -lines:0]
    rows, columns = (np.concatenate((a.ravel(), b.ravel())) for a, b in zip(above, left, strict=True))
    tiles = _tiles(size)
    for some in np.split(inside, range(_CHUNK, len(inside), _CHUNK)):
        x, y, right, below = blocks[some].T
        beyond = np.stack((x - lines, y - lines, right + lines - size.width, below + lines - size.height), 1)
        references = gather_references(plane, torch.from_numpy(beyond), _twice(size), bit_depth).float()
        template = torch.from_numpy(reference[y[:, None] + rows, x[:, None] + columns].astype(np.float32))
        predicted = torch.einsum("nr,rmp->nmp", references, transform)  # (n, modes, samples of the template)
        costs[some] = ((template @ tiles)[:, None] - predicted).abs().sum(2).numpy()
    return costs


def _twice(size: BlockSize) -> BlockSize:
    return BlockSize(2 * size.width, 2 * size.height)


@cache
def _tiles(size: BlockSize) -> torch.Tensor:
    """Return the orthonormal Hadamard transforms of the tiles of a template, as a matrix of its samples."""
    lines = template_lines(size)
    one = hadamard(lines) / np.sqrt(lines)
    along = np.kron(np.eye(size.width // lines), one)  # of the long side
    above, left = np.kron(one, along), np.kron(along, one)
    both = np.block([[above, np.zeros_like(left)], [np.zeros_like(above), left]])
    return torch.from_numpy(both.astype(np.float32))


@cache
def _template_transform(size: BlockSize) -> torch.Tensor:
    """Return the transformed prediction of the template as a linear function of the references: (R, 67, samples).

    Predictions are linear but for rounding and clipping, so the weights are what a step of one reference adds.
    """
    lines, side = template_lines(size), _twice(size)
    count, middle, step = 4 * side.width + 1, 1 << (_DEPTH - 1), 1 << (_DEPTH - 3)
    references = torch.full((count, count), middle, dtype=torch.int32) + step * torch.eye(count, dtype=torch.int32)
    weights = []
    for stencil in stencils_of("vvc-67", side, 0, torch.device("cpu")):
        block = (predict(references, (stencil,), side, _DEPTH)[:, 0] - middle).float() / step
        above = block[:, :lines, lines : lines + size.width].flatten(1)
        left = block[:, lines : lines + size.height, :lines].flatten(1)
        weights.append(torch.cat((above, left), 1) @ _tiles(size))
    return torch.stack(weights, 1)
