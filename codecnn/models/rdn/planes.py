"""Make the input planes of a residual dense network: Y, U, V, QP and, if used, unfiltered Y.

Two other functions make the same planes and must agree: `integer_planes` in codecnn.models.rdn.integer, and
`IntegerSamples` in codecnn.models.rdn.integer_samples, which is exported as ONNX.
"""

from itertools import product

import torch
from torch import Tensor

from codecnn.models.in_loop_filter import Windows

PLANES = ("y", "u", "v", "qp", "unfiltered_y")
QP_PLANE = PLANES.index("qp")


def make_planes(windows: Windows[Tensor]) -> Tensor:
    """Return the planes Y, U, V, QP and, if it is given, unfiltered Y: (B, 4 or 5, H, W) float32, channels last.

    Samples are divided by the peak, to 0..1. Chroma is brought to luma size by repeating samples; at 4:0:0 it is
    mid-grey, 2^(bit_depth - 1). The QP is divided by 64.
    """
    y, qp, peak = windows.y, windows.qp, windows.peak
    count, height, width = y.shape
    planes = torch.empty(
        (count, 4 if windows.unfiltered_y is None else 5, height, width),
        device=y.device,
        memory_format=torch.channels_last,
    )
    planes[:, 0] = y
    for channel, chroma in enumerate((windows.u, windows.v), start=1):
        if not chroma.numel():
            planes[:, channel] = ((peak + 1) / 2).view(-1, 1, 1)
            continue
        down, across = -(-height // chroma.shape[1]), -(-width // chroma.shape[2])
        for row, col in product(range(down), range(across)):
            part = planes[:, channel, row::down, col::across]
            part.copy_(chroma[:, : part.shape[1], : part.shape[2]])
    if windows.unfiltered_y is not None:
        planes[:, 4] = windows.unfiltered_y
    planes /= peak.view(-1, 1, 1, 1)
    planes[:, QP_PLANE] = (qp / 64).view(-1, 1, 1)
    return planes
