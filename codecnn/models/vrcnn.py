"""Filter luma by VRCNN: four layers, two of them with kernels of two sizes side by side.

Dai, Liu, Wu, "A convolutional neural network approach for post-processing in HEVC intra coding", MMM 2017.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from codecnn.models.in_loop_filter import FilterNetwork, Input, Windows
from codecnn.models.network import ParameterGroups
from codecnn.models.rdn.network import crop


@dataclass(frozen=True)
class VrcnnConfig:
    """Say what a Vrcnn takes; ValueError if the margin is out of range.

    Args:
        input: the picture that is filtered; with "both" it is the baseline, and unfiltered luma is one more plane.
        margin: samples around the output, on each side, that the network gets as input; even.
        qp_plane: give the QP, divided by 64, as one more plane; the paper trains one network for each QP.
    """

    input: Input = "unfiltered"
    margin: int = 0
    qp_plane: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.margin <= 128 or self.margin % 2:
            raise ValueError(f"margin must be even and from 0 to 128, not {self.margin!s:.80}")

    @property
    def reach(self) -> int:
        """Return how far, in samples, zero padding at an edge changes the output."""
        return 6


class Vrcnn(FilterNetwork):
    """Filter luma: windows of luma (B, H + 2 margin, W + 2 margin) to restored luma (B, 1, H, W), about 0..1."""

    config: VrcnnConfig

    def __init__(self, config: VrcnnConfig) -> None:
        super().__init__()
        self.config = config
        self.first = nn.Conv2d(1 + (config.input == "both") + config.qp_plane, 64, 5, padding=2)
        self.second = nn.ModuleList([nn.Conv2d(64, 16, 5, padding=2), nn.Conv2d(64, 32, 3, padding=1)])
        self.third = nn.ModuleList([nn.Conv2d(48, 16, 3, padding=1), nn.Conv2d(48, 32, 1)])
        self.last = nn.Conv2d(48, 1, 3, padding=1)
        nn.init.zeros_(self.last.weight)  # the untrained network is the identity
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def parameter_groups(self) -> ParameterGroups:
        """Return the parameters in two groups; in the last convolution a step changes the residual most."""
        hidden = [parameter for name, parameter in self.named_parameters() if not name.startswith("last.")]
        return ParameterGroups(hidden, list(self.last.parameters()))

    def forward(self, windows: Windows[Tensor]) -> Tensor:
        """Return the restored luma (B, 1, H, W) of windows."""
        peak = windows.peak.view(-1, 1, 1)
        planes = [plane / peak for plane in (windows.y, windows.unfiltered_y) if plane is not None]
        if self.config.qp_plane:
            planes.append((windows.qp.view(-1, 1, 1) / 64).expand_as(planes[0]))
        x = torch.stack(planes, 1).float().contiguous(memory_format=self.memory_format)  # (B, P, H + 2 margin, ...)
        features = torch.relu(self.first(x))
        for layer in (self.second, self.third):
            features = torch.cat([torch.relu(convolution(features)) for convolution in layer], 1)  # (B, 48, ...)
        restored: Tensor = x[:, :1] + self.last(features)
        return crop(restored, self.config.margin)
