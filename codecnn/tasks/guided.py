"""Weigh the residuals of patches by least squares, as an encoder does for its units, so that a network learns for it.

Kong et al., "Guided CNN Restoration with Explicitly Signaled Linear Combination", ICIP 2020.
"""

import torch
from torch import Tensor

from codecnn.inference.guided.levels import MOST, STEP

RIDGE = 1e-7  # squared error for each sample that a change of a weight by 1 costs: about 1/12 of a level of 8 bit


def guided(restored: Tensor, luma: Tensor, original: Tensor, valid: Tensor) -> Tensor:
    """Return patches (B, P, P) with the best weights of their residuals, rounded to levels and limited to their range.

    restored: (B, R, P, P). luma, original: (B, P, P), about 0..1. valid: (B, P, P) bool: the samples that count.
    Rounding and limits pass on the gradient of the weights as if they were not there.
    """
    residuals = restored - luma[:, None]  # (B, R, P, P)
    inputs = (residuals * valid[:, None]).flatten(2)  # (B, R, P P)
    error = ((original - restored[:, 0]) * valid).flatten(1)[..., None]  # of the levels 0
    ridge = RIDGE * valid.sum((1, 2)).clamp(min=1)[:, None, None] * torch.eye(inputs.shape[1], device=inputs.device)
    levels = torch.linalg.solve(inputs @ inputs.mT + ridge, inputs @ error)[..., 0] / STEP  # (B, R)
    levels = levels + (levels.round().clamp(-MOST, MOST) - levels).detach()
    weighed: Tensor = restored[:, 0] + (residuals * (levels * STEP)[..., None, None]).sum(1)
    return weighed
