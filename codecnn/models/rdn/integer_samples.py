"""Wrap an Rdn so that its input and output are integer samples, for export as a graph (ONNX)."""

import torch
from torch import Tensor, nn

from codecnn.models.rdn.network import Rdn
from codecnn.models.rdn.planes import QP_PLANE


class IntegerSamples(nn.Module):
    """Filter integer samples at 4:2:0: normalise, filter, round and clip; ValueError for several residuals."""

    def __init__(self, network: Rdn) -> None:
        super().__init__()
        if network.config.residuals > 1:
            raise ValueError(f"a graph gives one picture, and the network has {network.config.residuals} residuals")
        self.network = network

    def forward(
        self, y: Tensor, u: Tensor, v: Tensor, qp: Tensor, bit_depth: Tensor, unfiltered_y: Tensor | None = None
    ) -> Tensor:
        """Return the filtered luma without the margin, (B, H - 2 margin, W - 2 margin) int32.

        y, unfiltered_y: (B, H, W). u, v: (B, H / 2, W / 2). qp, bit_depth: (B,).
        """
        peak = (torch.exp2(bit_depth.float()).round() - 1).view(-1, 1, 1)
        u, v = (chroma.repeat_interleave(2, 1).repeat_interleave(2, 2) for chroma in (u, v))
        planes = [plane.float() / peak for plane in (y, u, v, unfiltered_y) if plane is not None]
        planes.insert(QP_PLANE, (qp.float() / 64).view(-1, 1, 1).expand_as(planes[0]))
        luma: Tensor = self.network.restore(torch.stack(planes, 1))[:, 0] * peak
        return luma.round().clamp_min(0).minimum(peak).int()
