"""Filter luma by a residual dense network (RDN).

Zhang et al., "Residual Dense Network for Image Super-Resolution", CVPR 2018.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codecnn.models.in_loop_filter import FilterNetwork, Windows
from codecnn.models.network import ParameterGroups
from codecnn.models.rdn.config import HEAD_EATS, RdnConfig
from codecnn.models.rdn.dense_block import dense_block
from codecnn.models.rdn.planes import QP_PLANE, make_planes


def _conv(inputs: int, outputs: int, kernel: int, padding: int, stride: int = 1) -> nn.Conv2d:
    layer = nn.Conv2d(inputs, outputs, kernel, stride, padding)
    if not layer.weight.is_meta:  # a meta tensor has no values, and its first operator costs a second of imports
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


class DenseBlock(nn.Module):
    """Compute a residual dense block; input and output are (B, C, H, W)."""

    def __init__(self, config: RdnConfig) -> None:
        super().__init__()
        channels, growth, layers = config.channels, config.growth, config.convolutions - 1
        self.layers = nn.ModuleList(_conv(channels + i * growth, growth, 3, 1) for i in range(layers))
        self.fuse = _conv(channels + layers * growth, channels, 1, 0)
        self.inner_residual = config.inner_residual

    def forward(self, x: Tensor) -> Tensor:
        """Return features (B, C, H, W) of features (B, C, H, W)."""
        if self.training and torch.is_grad_enabled():  # the same values, with a backward pass that needs less memory
            convolutions = (*self.layers, self.fuse)
            fused = dense_block(x, [c.weight for c in convolutions], [c.bias for c in convolutions])
        else:
            features = x
            for layer in self.layers:
                features = torch.cat((features, F.relu(layer(features))), 1)  # (B, C + i g, H, W)
            fused = self.fuse(features)
        return fused + x if self.inner_residual else fused


class Rdn(FilterNetwork):
    """Filter luma: windows of luma (B, H + 2 margin, W + 2 margin) to restored luma (B, 1, H, W), about 0..1.

    The two unpadded 3x3 convolutions remove 2 samples from each side. The rest of a larger margin is filtered with zero
    padding and cut away at the end. An untrained network returns its input luma.
    """

    config: RdnConfig

    def __init__(self, config: RdnConfig) -> None:
        super().__init__()
        self.config = config
        channels = config.channels
        if config.head == "two 3x3":
            self.shallow = _conv(config.planes, channels, 3, 0)
            self.entry: nn.Module = _conv(channels, channels, 3, 0)
        else:
            kernel = 5 if config.head == "one 5x5" else 6
            self.shallow, self.entry = _conv(config.planes, channels, kernel, 0, config.stride), nn.Identity()
        self.blocks = nn.ModuleList(DenseBlock(config) for _ in range(config.blocks))
        self.fuse = nn.Sequential(_conv(config.blocks * channels, channels, 1, 0), _conv(channels, channels, 3, 1))
        self.last = _conv(channels, config.stride**2, 3, 1)
        if config.residual_output and not self.last.weight.is_meta:
            nn.init.zeros_(self.last.weight)  # the untrained network is the identity
            self._start_from_detail()

    @torch.no_grad()
    def _start_from_detail(self) -> None:
        """Make the first kernels respond to detail only: brightness says nothing about the residual.

        With the usual initial weights, a small network gained nothing in its first thousand steps.
        """
        samples = [plane for plane in range(self.config.planes) if plane != QP_PLANE]
        kernels = self.shallow.weight[:, samples]
        self.shallow.weight[:, samples] = 4 * (kernels - kernels.mean((2, 3), keepdim=True))

    def parameter_groups(self) -> ParameterGroups:
        """Return the parameters in two groups; in the last convolution a step changes the residual most."""
        hidden = [parameter for name, parameter in self.named_parameters() if not name.startswith("last.")]
        return ParameterGroups(hidden, list(self.last.parameters()))

    def forward(self, windows: Windows[Tensor]) -> Tensor:
        """Return the restored luma (B, 1, H, W) of windows."""
        return self.restore(make_planes(windows).contiguous(memory_format=self.memory_format))

    def restore(self, planes: Tensor) -> Tensor:
        """Return the restored luma (B, 1, H, W) of planes (B, P, H + 2 margin, W + 2 margin) from make_planes."""
        return self.finish(self.features(planes), planes)

    def features(self, planes: Tensor) -> Tensor:
        """Return the input of the last convolution: (B, C, H + 2 margin - 4, W + 2 margin - 4) if the stride is 1."""
        stride = self.config.stride
        odd = planes.shape[-2] % stride, planes.shape[-1] % stride  # rows and columns to add
        shallow = self.shallow(F.pad(planes, (0, odd[1], 0, odd[0]), mode="replicate") if any(odd) else planes)
        x = self.entry(shallow)
        outputs = []
        for block in self.blocks:
            x = block(x)
            outputs.append(x)
        features: Tensor = self.fuse(torch.cat(outputs, 1))
        if self.config.global_residual:
            features = features + crop(shallow, (shallow.shape[-1] - features.shape[-1]) // 2)
        return features

    def finish(self, features: Tensor, planes: Tensor) -> Tensor:
        """Return the restored luma (B, 1, H, W) of features and of the planes that they are from."""
        residual = F.pixel_shuffle(self.last(features), self.config.stride)
        rows, columns = (extent - 2 * HEAD_EATS for extent in planes.shape[-2:])  # without those added to odd sizes
        luma: Tensor = crop(residual[..., :rows, :columns], self.config.margin - HEAD_EATS)  # (B, 1, H, W)
        return luma + crop(planes[:, :1], self.config.margin) if self.config.residual_output else luma


def crop(x: Tensor, border: int) -> Tensor:
    """Cut `border` samples from each of the four sides of (..., H, W)."""
    return x[..., border : x.shape[-2] - border, border : x.shape[-1] - border]
