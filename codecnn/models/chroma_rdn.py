"""Filter chroma at 4:2:0 by a residual dense network that sees luma as well.

It works at the size of the chroma planes. Luma comes in as four planes of that size: the samples of even and odd rows
and columns.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codecnn.models.in_loop_filter import Input, Windows
from codecnn.models.network import Network, ParameterGroups
from codecnn.models.rdn.config import RdnConfig
from codecnn.models.rdn.convolution import conv
from codecnn.models.rdn.network import DenseBlock, crop

CHROMA = "420"  # the one chroma format that is filtered


@dataclass(frozen=True)
class ChromaRdnConfig:
    """Hold the size and form of a ChromaRdn; ValueError if a field is out of range.

    Args:
        channels: features between the blocks, C.
        blocks: residual dense blocks, D.
        convolutions: convolutions in a block, n: n - 1 of 3x3 and the 1x1 that fuses them.
        growth: features that each 3x3 convolution of a block adds, g.
        margin: luma samples around the output, on each side, that the network gets as input; even, 2 or more.
        input: the picture that is filtered; with "both" it is the baseline, and all unfiltered planes are an extra
            input.
    """

    channels: int = 32
    blocks: int = 2
    convolutions: int = 6
    growth: int = 16
    margin: int = 2
    input: Input = "both"

    def __post_init__(self) -> None:
        assert self.body  # which checks its fields

    @property
    def body(self) -> RdnConfig:
        """Return the configuration of an Rdn with the same blocks."""
        return RdnConfig(self.channels, self.blocks, self.convolutions, self.growth, self.margin)

    @property
    def planes(self) -> int:
        """Return the number of input planes: U, V, four of luma, with "both" the same unfiltered, and QP."""
        return 13 if self.input == "both" else 7

    @property
    def reach(self) -> int:
        """Return how far, in luma samples, zero padding at an edge changes the output."""
        return 2 * (self.blocks * (self.convolutions - 1) + 2)


class ChromaRdn(Network):
    """Filter U and V: windows of 4:2:0 to restored chroma (B, 2, H / 2, W / 2), about 0..1.

    H and W are the luma height and width of the windows without the margin, rounded up to even numbers. An unpadded 3x3
    convolution removes a chroma sample from each side. The rest of a margin above 2 is filtered with zero padding and
    cut away at the end. An untrained network returns its input chroma.
    """

    config: ChromaRdnConfig

    def __init__(self, config: ChromaRdnConfig) -> None:
        super().__init__()
        self.config = config
        channels = config.channels
        self.shallow = conv(config.planes, channels, 3, 0)
        self.blocks = nn.ModuleList(DenseBlock(config.body) for _ in range(config.blocks))
        self.fuse = nn.Sequential(conv(config.blocks * channels, channels, 1, 0), conv(channels, channels, 3, 1))
        self.last = conv(channels, 2, 3, 1)
        if not self.last.weight.is_meta:
            nn.init.zeros_(self.last.weight)  # the untrained network is the identity
            self._start_from_detail()

    @torch.no_grad()
    def _start_from_detail(self) -> None:
        """Make the first kernels respond to detail only, as those of an Rdn; the last plane is the QP."""
        kernels = self.shallow.weight[:, :-1]
        self.shallow.weight[:, :-1] = 4 * (kernels - kernels.mean((2, 3), keepdim=True))

    def parameter_groups(self) -> ParameterGroups:
        """Return the parameters in two groups; in the last convolution a step changes the residual most."""
        hidden = [parameter for name, parameter in self.named_parameters() if not name.startswith("last.")]
        return ParameterGroups(hidden, list(self.last.parameters()))

    def forward(self, windows: Windows[Tensor]) -> Tensor:
        """Return the restored U and V (B, 2, H / 2, W / 2) of windows."""
        planes = chroma_planes(windows).contiguous(memory_format=self.memory_format)
        x = shallow = self.shallow(planes)  # (B, C, H / 2 + margin - 2, W / 2 + margin - 2)
        outputs = []
        for block in self.blocks:
            x = block(x)
            outputs.append(x)
        residual = self.last(self.fuse(torch.cat(outputs, 1)) + shallow)
        border = self.config.margin // 2
        restored: Tensor = crop(planes[:, :2], border) + crop(residual, border - 1)
        return restored


def chroma_planes(windows: Windows[Tensor]) -> Tensor:
    """Return the planes U, V, four of luma, these six unfiltered if they are given, and QP: (B, 7 or 13, h, w) float32.

    h and w are those of the chroma windows. Samples are divided by the peak, to 0..1, the QP by 64. Luma of an odd
    height or width first repeats its last row or column.
    """
    pictures = [(windows.u, windows.v, windows.y)]
    if windows.unfiltered_u is not None:
        assert windows.unfiltered_v is not None
        assert windows.unfiltered_y is not None
        pictures.append((windows.unfiltered_u, windows.unfiltered_v, windows.unfiltered_y))
    planes = []
    for u, v, y in pictures:
        odd = 2 * u.shape[-2] - y.shape[-2], 2 * u.shape[-1] - y.shape[-1]  # rows and columns to add
        luma = F.pad(y[:, None].float(), (0, odd[1], 0, odd[0]), mode="replicate")
        planes += [u[:, None].float(), v[:, None].float(), F.pixel_unshuffle(luma, 2)]
    samples = torch.cat(planes, 1) / windows.peak.view(-1, 1, 1, 1)
    qp = (windows.qp / 64).view(-1, 1, 1, 1).expand_as(samples[:, :1])
    return torch.cat((samples, qp), 1).float()
