"""Weigh the channels of features: by what they hold themselves (attention), or by the QP (modulation)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codecnn.models.rdn.convolution import conv


class Attention(nn.Module):
    """Multiply each channel by a weight from 0 to 2 that a small network makes of the means of all channels.

    Hu, Shen, Sun, "Squeeze-and-excitation networks", CVPR 2018. There the mean is over the picture. Here it is over
    tiles that begin at the upper left corner and are cut off at the right and at the bottom, each with weights of its
    own: so it does not matter whether CTUs or whole pictures are filtered. An untrained weight is 1.
    """

    def __init__(self, channels: int, squeezed: int, tile: int) -> None:
        super().__init__()
        self.squeeze, self.expand, self.tile = conv(channels, squeezed, 1, 0), conv(squeezed, channels, 1, 0), tile
        if not self.expand.weight.is_meta:
            nn.init.zeros_(self.expand.weight)

    def forward(self, features: Tensor) -> Tensor:
        """Return features (B, C, H, W) of features (B, C, H, W)."""
        means = F.avg_pool2d(features, self.tile, ceil_mode=True, count_include_pad=False)  # (B, C, rows, columns)
        weights = 2 * torch.sigmoid(self.expand(F.relu(self.squeeze(means))))
        high, wide = features.shape[-2:]
        return features * F.interpolate(weights, scale_factor=float(self.tile))[..., :high, :wide]


class Modulation(nn.Module):
    """Make a scale and a shift for each channel from the QP, by two dense layers, for a number of places.

    Perez et al., "FiLM: visual reasoning with a general conditioning layer", AAAI 2018. Untrained scales are 1, and
    shifts 0.
    """

    def __init__(self, hidden: int, channels: int, places: int) -> None:
        super().__init__()
        self.hidden, self.output = nn.Linear(1, hidden), nn.Linear(hidden, 2 * places * channels)
        self.places = places
        for tensor in (self.output.weight, self.output.bias):
            if not tensor.is_meta:
                nn.init.zeros_(tensor)

    def forward(self, qp: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return scale and shift of each place, (B, C, 1, 1) each, for QPs divided by 64, (B,)."""
        centred = 4 * qp.view(-1, 1) - 2  # QP 32 is 0, and 16 more are 1
        both = self.output(F.relu(self.hidden(centred)))[:, :, None, None].chunk(2 * self.places, 1)
        return [(1 + scale, shift) for scale, shift in zip(both[::2], both[1::2], strict=True)]


def modulate(features: Tensor, scale_and_shift: tuple[Tensor, Tensor]) -> Tensor:
    """Return features (B, C, H, W), scaled and shifted by channel."""
    scale, shift = scale_and_shift
    return features * scale + shift
