"""Express the 67 modes of H.266 as linear functions of the references of a block, and gather these references."""

from functools import lru_cache

import torch
from torch import Tensor

from codecnn.intra.block_size import BlockSize
from codecnn.labels.mode_sets import count_of
from codecnn.labels.torch_engine.costs import predict
from codecnn.labels.torch_engine.stencils import stencils_of

MODES = count_of("vvc-67")
_DEEP = 16  # bits of the samples that the functions are read off from, so that rounding does not matter


@lru_cache(maxsize=4)
def modes_as_matrix(size: int) -> Tensor:
    """Return the weights of the references for each sample of each mode: (4 N + 1, 67 x N^2) float32, on the CPU.

    The references are those of line 0, in the order of `codecnn.intra.references`. Rounding and clipping are left out.
    The tensor is shared: it must not be changed.
    """
    with torch.device("cpu"):  # also where a network is made on the device "meta"
        return _responses(size)


def _responses(size: int) -> Tensor:
    block = BlockSize(size, size)
    middle, step = 1 << (_DEEP - 1), 1 << (_DEEP - 3)
    count = 4 * size + 1
    flat = torch.full((1, count), middle, dtype=torch.int32)
    one_more = flat + step * torch.eye(count, dtype=torch.int32)
    stencils = stencils_of("vvc-67", block, 0, torch.device("cpu"))
    responses = predict(torch.cat((flat, one_more)), stencils, block, _DEEP).float()  # (1 + 4 N + 1, 67, N, N)
    return ((responses[1:] - responses[:1]) / step).flatten(1)


def references_of(above: Tensor, left: Tensor, above_known: Tensor, left_known: Tensor) -> Tensor:
    """Return the references of line 0 with substitutes as in H.266 8.4.5.2.9: (B, 4 N + 1).

    above, left, above_known, left_known: as in `codecnn.models.predictors.neighbourhood.Neighbourhood`; samples are 0
    where nothing is known.
    """
    lines = left.shape[-1]
    border = torch.cat((left[..., -1].flip(1), above[:, -1, lines - 1 :]), 1)  # from below left to above right
    known = torch.cat((left_known.flip(1), above_known[:, lines - 1 :]), 1)
    place = torch.arange(border.shape[1], device=border.device)
    last = torch.where(known, place, 0).cummax(1).values
    source = torch.maximum(last, known.int().argmax(1, keepdim=True))  # the first known one for those before it
    border = border.gather(1, source)
    corner = left.shape[1]
    return torch.cat((border[:, :corner].flip(1), border[:, corner:]), 1)


def transposed_references(references: Tensor) -> Tensor:
    """Return the references of the transposed blocks: what was left of a block is above it. (B, 4 N + 1)."""
    corner = references.shape[1] // 2
    left, rest = references[:, :corner], references[:, corner:]
    return torch.cat((rest[:, 1:], rest[:, :1], left), 1)
