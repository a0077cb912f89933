"""Compute the residuals of blocks, each with a mode of its own."""

import numpy as np
import torch
from numpy.typing import NDArray

from codecnn.intra.block_size import BlockSize
from codecnn.labels.mode_sets import ModeSet, reference_lines_of
from codecnn.labels.torch_engine.costs import gather_blocks, gather_references, predict
from codecnn.labels.torch_engine.stencils import stencils_of


def residuals_of(
    original: NDArray, reference: NDArray, blocks: NDArray, size: BlockSize, bit_depth: int, modes: ModeSet, of: NDArray
) -> NDArray:
    """Return the residual of each block with its mode of a mode set, `of` (N,): (N, height, width) int32.

    original, reference, blocks: as `codecnn.labels.tables.satd_tables` takes them.
    """
    residuals = np.empty((len(blocks), size.height, size.width), np.int32)
    whole, around = (torch.from_numpy(plane.astype(np.int32)) for plane in (original, reference))
    for line in range(reference_lines_of(modes)):
        for stencil in stencils_of(modes, size, line, torch.device("cpu")):
            which = np.flatnonzero(of == stencil.number)
            if which.size:
                where = torch.from_numpy(blocks[which])
                references = gather_references(around, where, size, bit_depth, line)
                predicted = predict(references, (stencil,), size, bit_depth, line, strong=modes == "hevc-35")[:, 0]
                residuals[which] = (gather_blocks(whole, where, size) - predicted).numpy()
    return residuals
