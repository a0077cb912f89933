"""Fold what belongs to blocks and modes along the diagonal of the block.

When rows and columns of a block and its references are exchanged, horizontal and vertical modes change places. What an
exchange keeps is called even here, what changes its sign is called odd.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from codecnn.models.blocks import Blocks
from codecnn.models.modes.normalise import normalised


def folded(blocks: Blocks[Tensor], reduction: int = 1) -> tuple[Tensor, Tensor]:
    """Return the even and the odd part of blocks and what is around them.

    They are sums and differences of normalised samples at mirrored places, and of the numbers that belong to the left
    side and to the top: (B, n (n + 1) / 2 + 2 n + 5) and (B, n (n - 1) / 2 + 2 n + 2). n is the side N of the blocks
    divided by the reduction, which divides it: squares of so many samples, and so many on a side, are added up, and
    divided by the root of their count, as noise is that adds up.
    """
    original, references, side = normalised(blocks)
    left, corner, top = torch.split(references, [2 * original.shape[1], 1, 2 * original.shape[1]], 1)
    if reduction > 1:
        original = F.avg_pool2d(original[:, None], reduction)[:, 0] * reduction  # (B, n, n)
        left, top = (F.avg_pool1d(part[:, None], reduction)[:, 0] * reduction**0.5 for part in (left, top))
    size = original.shape[1]
    row, column = torch.triu_indices(size, size, 1, device=original.device)
    above, below, diagonal = original[:, row, column], original[:, column, row], original.diagonal(0, 1, 2)
    of_left, of_top, common = torch.split(side, 2, 1)
    even = torch.cat((above + below, diagonal, top + left, corner, of_top + of_left, common), 1)
    return even, torch.cat((above - below, top - left, of_top - of_left), 1)


def folded_modes(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return the even and the odd part of values of all modes, (..., modes): (..., 2 + n + 1) and (..., n).

    The even part has planar, DC, n sums of two mirrored angular modes, and the diagonal mode between them.
    """
    angular = (values.shape[-1] - 2) // 2  # on each side of the diagonal mode
    other, first, diagonal, second = torch.split(values, [2, angular, 1, angular], -1)
    second = second.flip(-1)
    return torch.cat((other, first + second, diagonal), -1), first - second


def unfolded_modes(even: Tensor, odd: Tensor) -> Tensor:
    """Return values of all modes, (..., modes), of which the sums and differences are even and odd, but twice as large.

    The values of planar, DC and the diagonal mode are those of the even part.
    """
    other, angular, diagonal = even[..., :2], even[..., 2:-1], even[..., -1:]
    return torch.cat((other, angular + odd, diagonal, (angular - odd).flip(-1)), -1)
