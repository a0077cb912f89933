"""Filter luma by a residual dense network (RDN).

Zhang et al., "Residual Dense Network for Image Super-Resolution", CVPR 2018.
"""

from dataclasses import replace
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codecnn.models.in_loop_filter import FilterNetwork, Windows
from codecnn.models.network import ParameterGroups
from codecnn.models.rdn.channels import Attention, Modulation, modulate
from codecnn.models.rdn.config import HEAD_EATS, TILE, RdnConfig
from codecnn.models.rdn.convolution import BranchedConv, conv, conv_3x3, kernel_of
from codecnn.models.rdn.dense_block import dense_block
from codecnn.models.rdn.planes import PLANES, QP_PLANE, make_planes

OTHERS = 0.002  # on the first weights of further residuals, which are then about 1/255 of the peak


class DenseBlock(nn.Module):
    """Compute a residual dense block; input and output are (B, C, H, W)."""

    def __init__(self, config: RdnConfig) -> None:
        super().__init__()
        channels, growth, layers = config.channels, config.growth, config.convolutions - 1
        inputs = (channels + i * growth for i in range(layers))
        self.layers = nn.ModuleList(conv_3x3(its, growth, 1, config.branches) for its in inputs)
        self.fuse = conv(channels + layers * growth, channels, 1, 0)
        self.attention = Attention(channels, config.attention, TILE // config.stride) if config.attention else None
        self.inner_residual = config.inner_residual

    def forward(self, x: Tensor) -> Tensor:
        """Return features (B, C, H, W) of features (B, C, H, W)."""
        if self.training and torch.is_grad_enabled():  # the same values, with a backward pass that needs less memory
            convolutions = (*self.layers, self.fuse)
            fused = dense_block(x, [kernel_of(c) for c in convolutions], [c.bias for c in convolutions])
        else:
            features = x
            for layer in self.layers:
                features = torch.cat((features, F.relu(layer(features))), 1)  # (B, C + i g, H, W)
            fused = self.fuse(features)
        if self.attention is not None:
            fused = self.attention(fused)
        return fused + x if self.inner_residual else fused


class Rdn(FilterNetwork):
    """Filter luma: windows of luma (B, H + 2 margin, W + 2 margin) to restored luma (B, R, H, W), about 0..1.

    Each of the R residuals of the configuration makes one of the restored pictures; the first one is the filtered luma.

    The two unpadded 3x3 convolutions remove 2 samples from each side. The rest of a larger margin is filtered with zero
    padding and cut away at the end. The filtered luma of an untrained network is its input luma.
    """

    config: RdnConfig

    def __init__(self, config: RdnConfig) -> None:
        super().__init__()
        self.config = config
        self.input_planes = tuple(name for name in PLANES[: config.planes] if name != "qp" or not config.modulation)
        channels, planes = config.channels, len(self.input_planes)
        if config.head == "two 3x3":
            self.shallow = conv(planes, channels, 3, 0)
            self.entry: nn.Module = conv_3x3(channels, channels, 0, config.branches)
        else:
            kernel = 5 if config.head == "one 5x5" else 6
            self.shallow, self.entry = conv(planes, channels, kernel, 0, config.stride), nn.Identity()
        self.blocks = nn.ModuleList(DenseBlock(config) for _ in range(config.blocks))
        joined = conv(config.blocks * channels, channels, 1, 0)
        self.fuse = nn.Sequential(joined, conv_3x3(channels, channels, 1, config.branches))
        places = config.blocks + 1
        self.modulation = Modulation(config.modulation, channels, places) if config.modulation else None
        self.last = conv(channels, config.residuals * config.stride**2, 3, 1)
        if config.residual_output and not self.last.weight.is_meta:
            with torch.no_grad():
                self.last.weight[: config.stride**2] = 0  # the untrained network is the identity
                self.last.weight[config.stride**2 :] *= OTHERS  # not 0: such a residual would never learn
            self._start_from_detail()

    @torch.no_grad()
    def _start_from_detail(self) -> None:
        """Make the first kernels respond to detail only: brightness says nothing about the residual.

        With the usual initial weights, a small network gained nothing in its first thousand steps.
        """
        samples = [number for number, name in enumerate(self.input_planes) if name != "qp"]
        kernels = self.shallow.weight[:, samples]
        self.shallow.weight[:, samples] = 4 * (kernels - kernels.mean((2, 3), keepdim=True))

    def parameter_groups(self) -> ParameterGroups:
        """Return the parameters in two groups; in the last convolution a step changes the residual most."""
        hidden = [parameter for name, parameter in self.named_parameters() if not name.startswith("last.")]
        return ParameterGroups(hidden, list(self.last.parameters()))

    def merged(self) -> Self:
        """Return the network without branches, which computes the same."""
        if not self.config.branches:
            return self
        kernels = {
            f"{name}.weight": m.merged_kernel() for name, m in self.named_modules() if isinstance(m, BranchedConv)
        }
        network = type(self)(replace(self.config, branches=False)).to(self.last.weight.device).train(self.training)
        tensors = self.state_dict() | kernels
        network.load_state_dict({name: tensors[name] for name in network.state_dict()})
        return network

    def forward(self, windows: Windows[Tensor]) -> Tensor:
        """Return the restored luma (B, R, H, W) of windows."""
        return self.restore(make_planes(windows).contiguous(memory_format=self.memory_format))

    def restore(self, planes: Tensor) -> Tensor:
        """Return the restored luma (B, R, H, W) of planes (B, P, H + 2 margin, W + 2 margin) from make_planes."""
        return self.finish(self.features(planes), planes)

    def features(self, planes: Tensor) -> Tensor:
        """Return the input of the last convolution: (B, C, H + 2 margin - 4, W + 2 margin - 4) if the stride is 1."""
        places: list[tuple[Tensor, Tensor]] = []  # scales and shifts by QP
        if self.modulation is not None:
            places = self.modulation(planes[:, QP_PLANE, 0, 0])
            planes = torch.cat((planes[:, :QP_PLANE], planes[:, QP_PLANE + 1 :]), 1)
        stride = self.config.stride
        odd = planes.shape[-2] % stride, planes.shape[-1] % stride  # rows and columns to add
        shallow = self.shallow(F.pad(planes, (0, odd[1], 0, odd[0]), mode="replicate") if any(odd) else planes)
        x = self.entry(shallow)
        outputs = []
        for number, block in enumerate(self.blocks):
            x = block(modulate(x, places[number]) if places else x)
            outputs.append(x)
        features: Tensor = self.fuse(torch.cat(outputs, 1))
        if self.config.global_residual:
            features = features + crop(shallow, (shallow.shape[-1] - features.shape[-1]) // 2)
        return modulate(features, places[-1]) if places else features

    def finish(self, features: Tensor, planes: Tensor) -> Tensor:
        """Return the restored luma (B, R, H, W) of features and of the planes that they are from."""
        residual = F.pixel_shuffle(self.last(features), self.config.stride)
        rows, columns = (extent - 2 * HEAD_EATS for extent in planes.shape[-2:])  # without those added to odd sizes
        luma: Tensor = crop(residual[..., :rows, :columns], self.config.margin - HEAD_EATS)  # (B, R, H, W)
        return luma + crop(planes[:, :1], self.config.margin) if self.config.residual_output else luma


def crop(x: Tensor, border: int) -> Tensor:
    """Cut `border` samples from each of the four sides of (..., H, W)."""
    return x[..., border : x.shape[-2] - border, border : x.shape[-1] - border]
