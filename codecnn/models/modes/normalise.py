"""Bring blocks to a common brightness and contrast, which have no part in the choice of a mode by SATD."""

import torch
from torch import Tensor

from codecnn.models.blocks import Blocks

SIDE = 6  # numbers beside the samples: availability, QP, and the contrast in quantisation steps


def normalised(blocks: Blocks[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Return block (B, N, N), references (B, 4 N + 1), and numbers about them, (B, SIDE), all float32.

    The mean of the references becomes 0 and the mean magnitude of all samples 1; a flat block stays flat.
    """
    peak = blocks.peak.float()[:, None]
    references = blocks.references.float() / peak
    mean = references.mean(1, keepdim=True)
    original, references = blocks.original.float() / peak[:, None] - mean[:, None], references - mean
    contrast = (original.abs().mean((1, 2)) + references.abs().mean(1))[:, None] / 2 + 1 / 512
    qp = blocks.qp.float()[:, None]
    steps = torch.log2(256 * contrast) - (qp - 4) / 6
    side = torch.cat((blocks.available.float(), (qp - 32) / 8, (steps - 1) / 2), 1)  # (B, SIDE)
    return original / contrast[:, None], references / contrast, side
