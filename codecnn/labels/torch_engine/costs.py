"""Compute the costs of blocks in torch, on any device: the same integers as the numba engine."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from codecnn.intra.block_size import BlockSize
from codecnn.labels.torch_engine.stencils import Stencil
from codecnn.transforms.torch_satd import block_dct_satd
from codecnn.vectors import LANES

_SAMPLES = 1 << 24  # samples predicted at a time: 64 MiB, and several times as much for intermediate results


def gather_references(
    plane: Tensor, blocks: Tensor, size: BlockSize, bit_depth: int, reference_line: int = 0
) -> Tensor:
    """Gather the references of blocks, with substitutes, as defined in `codecnn.intra.references`.

    plane: (H, W) int32. blocks: (N, 4) of x, y, and how many samples above right and below left of the block are
    available, on the device of the plane. Returns (N, 2 * (width + height + reference_line) + 1) int32.
    """
    x, y, right, below = (column[:, None] for column in blocks.unbind(1))
    row, column = ((start - 1 - reference_line).clamp(min=0) for start in (y, x))  # of the corner or its substitute
    down = torch.arange(-reference_line, 2 * size.height, device=plane.device)
    across = torch.arange(-reference_line, 2 * size.width, device=plane.device)
    left_rows = torch.where(x > 0, torch.minimum((y + down).clamp(min=0), y + size.height + below - 1), row)
    top_columns = torch.where(y > 0, torch.minimum((x + across).clamp(min=0), x + size.width + right - 1), column)
    rows = torch.cat((left_rows, row, row.expand_as(top_columns)), 1)
    columns = torch.cat((column.expand_as(left_rows), column, top_columns), 1)
    return torch.where(x + y > 0, plane[rows, columns], 1 << (bit_depth - 1))


def predict(
    references: Tensor,
    stencils: Sequence[Stencil],
    size: BlockSize,
    bit_depth: int,
    reference_line: int = 0,
    strong: bool = False,
) -> Tensor:
    """Predict blocks with every stencil: (N, stencils, height, width) int32.

    references: (N, 2 * (width + height + reference_line) + 1) int32, 0..2^bit_depth - 1, on the device of the stencils.
    strong: whether HEVC's strong smoothing is enabled.
    """
    variants = [_with_mean(references, size, reference_line)]  # plain, then smoothed
    if reference_line == 0:
        variants.append(_with_mean(_smoothed(references, size, bit_depth, strong), size, reference_line))
    blocks = references.new_empty(len(references), len(stencils), size.height, size.width)
    peak = (1 << bit_depth) - 1
    for number, mode in enumerate(stencils):
        samples = variants[mode.smoothed]
        total = samples.new_tensor(1 << (mode.shift - 1))
        for index, weight in zip(mode.index, mode.weight, strict=True):
            total = total + samples[:, index] * weight  # (N, height, width)
        block = (total >> mode.shift).clamp(0, peak)
        if mode.blends:
            a, b, c = mode.blend_weight
            sides = samples[:, mode.blend_index[0]] * a + samples[:, mode.blend_index[1]] * b
            block = ((sides + block * c + mode.rounding) >> 6).clamp(0, peak)
        blocks[:, number] = block
    return blocks


def _smoothed(references: Tensor, size: BlockSize, bit_depth: int, strong: bool) -> Tensor:
    """Smooth the references of reference line 0 by [1 2 1]/4, or by straight lines (strong smoothing)."""
    left = 2 * size.height
    border = torch.cat((references[:, :left].flip(1), references[:, left:]), 1)  # bottom left to top right
    smooth = border.clone()
    smooth[:, 1:-1] = (border[:, :-2] + 2 * border[:, 1:-1] + border[:, 2:] + 2) >> 2
    if strong and size.width == 32:  # H.265 8.4.4.2.3
        ends, middle, corner = border[:, [0, 128]], border[:, [32, 96]], border[:, 64:65]
        is_straight = ((ends + corner - 2 * middle).abs() < 1 << (bit_depth - 5)).all(1, keepdim=True)
        step = torch.arange(64, device=border.device, dtype=border.dtype)
        straight_left = ((64 - step) * ends[:, :1] + step * corner + 32) >> 6
        straight_top = ((64 - step) * corner + step * ends[:, 1:] + 32) >> 6
        smooth = torch.where(is_straight, torch.cat((straight_left, straight_top, ends[:, 1:]), 1), smooth)
    return torch.cat((smooth[:, :left].flip(1), smooth[:, left:]), 1)


def _with_mean(references: Tensor, size: BlockSize, reference_line: int) -> Tensor:
    """Append the mean of the samples next to the block; if it is not square, only the longer side counts."""
    left = references[:, reference_line : reference_line + size.height]
    top = references[:, 2 * (size.height + reference_line) + 1 :][:, : size.width]
    used = torch.cat((left, top), 1) if size.width == size.height else max(left, top, key=lambda side: side.shape[1])
    count = used.shape[1]
    mean = (used.sum(1, keepdim=True) + count // 2) // count
    return torch.cat((references, mean.to(references.dtype)), 1)


def block_costs(
    planes: tuple[Tensor, Tensor],
    blocks: np.ndarray,
    size: BlockSize,
    stencils: Sequence[Stencil],
    bit_depth: int,
    reference_line: int,
    strong: bool,
    hadamard: np.ndarray,
    dct: np.ndarray,
) -> None:
    """Write the costs of every stencil for each block, like `codecnn.labels.numba_engine.costs.block_costs`.

    planes: original and reference, (H, W) int32 on the device of the stencils. blocks, hadamard, dct: as in that
    function.
    """
    original, reference = planes
    at_once = max(1, _SAMPLES // (len(stencils) * size.width * size.height))
    numbers = [mode.number for mode in stencils]
    for first in range(0, len(blocks), at_once):
        some = torch.from_numpy(blocks[first : first + at_once]).to(original.device)
        references = gather_references(reference, some, size, bit_depth, reference_line)
        predicted = predict(references, stencils, size, bit_depth, reference_line, strong)
        costs = _costs(gather_blocks(original, some, size), predicted)
        batch, lane = np.divmod(np.arange(first, first + len(some)), LANES)
        for table, found in zip((hadamard, dct), costs, strict=True):
            table[batch[:, None], numbers, lane[:, None]] = found.cpu().numpy()


def gather_blocks(plane: Tensor, blocks: Tensor, size: BlockSize) -> Tensor:
    """Gather the samples of blocks: (N, height, width). plane, blocks: as for `gather_references`."""
    rows = blocks[:, 1, None, None] + torch.arange(size.height, device=plane.device)[:, None]
    return plane[rows, blocks[:, 0, None, None] + torch.arange(size.width, device=plane.device)]


def _costs(original: Tensor, predicted: Tensor) -> tuple[Tensor, Tensor]:
    """Compute Hadamard / 2, not normalised, int32, and DCT * sqrt(w * h) / 2, float32: (N, stencils) each."""
    height, width = original.shape[-2:]
    tile = min(height, width, 8)
    residual = original[:, None] - predicted
    tiles = residual.reshape(*residual.shape[:2], height // tile, tile, width // tile, tile).transpose(-3, -2)
    for axis in (-1, -2):
        half = tile // 2
        while half:
            first, second = torch.unflatten(tiles, axis, (-1, 2, half)).unbind(axis - 1)
            tiles = torch.stack((first + second, first - second), axis - 1).flatten(axis - 2, axis)
            half //= 2
    hadamard = tiles.abs().sum((-4, -3, -2, -1)) // 2
    dct = block_dct_satd(original[:, None].float(), predicted.float())
    return hadamard.int(), dct * (width * height) ** 0.5 / 2
