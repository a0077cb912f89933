"""Make images of blocks and their references."""

import torch
from torch import Tensor

from codecnn.models.blocks import Blocks
from codecnn.models.modes.normalise import SIDE, normalised

PLANES = 5
NUMBERS = SIDE + 1  # beside the planes: those of `normalised`, and the sample in the corner of the references


def input_planes(blocks: Blocks[Tensor]) -> tuple[Tensor, Tensor]:
    """Return images (B, PLANES, N, N), and numbers about them (B, NUMBERS), both normalised.

    The first plane is the block. The others hold the references: those above the block and above right of it as rows
    that are repeated downwards, those left of it and below left of it as columns that are repeated to the right. So
    the difference of two planes is the residual of vertical or horizontal prediction.
    """
    original, references, side = normalised(blocks)
    size = original.shape[-1]
    parts = torch.split(references, [size, size, 1, size, size], 1)
    left, below_left, corner, above, above_right = parts
    rows = [line[:, None].expand_as(original) for line in (above, above_right)]
    columns = [line[:, :, None].expand_as(original) for line in (left, below_left)]
    return torch.stack((original, *rows, *columns), 1), torch.cat((side, corner), 1)
