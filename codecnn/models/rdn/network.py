"""The residual dense network that filters luma, and the planes it is fed with."""

from dataclasses import dataclass
from itertools import product
from typing import Literal, NamedTuple, get_args, get_type_hints

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codecnn.models.rdn.dense_block import dense_block

Input = Literal["baseline", "both", "unfiltered"]
QP_PLANE = 3
HEAD_EATS = 2  # samples that the unpadded convolutions of the head take from each side
LARGEST = {"channels": 1024, "blocks": 64, "convolutions": 64, "growth": 1024, "margin": 128}  # what a file may ask for


@dataclass(frozen=True)
class RdnConfig:
    """Size and form of an Rdn; ValueError if a field is of another type, or out of its range (above: LARGEST).

    Args:
        channels: features between the blocks, C.
        blocks: residual dense blocks, D.
        convolutions: convolutions in a block, n: n - 1 of 3x3 and the 1x1 that fuses them.
        growth: features that each 3x3 convolution of a block adds, g.
        margin: samples that the network is given around its output, on each side; even, 2 or more.
        input: the picture that is filtered; with "both" the baseline, and the unfiltered luma is one more plane.
        global_residual: add the shallow features to the fused outputs of the blocks.
        residual_output: add the input luma to the output.
        inner_residual: add a block's input to its output.
        head: the unpadded convolutions that the planes meet first; with "6x6 by 2" every other position is computed,
            the network works at half the width and height, and four samples of the residual come out at a position.
    """

    channels: int = 32
    blocks: int = 3
    convolutions: int = 6
    growth: int = 16
    margin: int = 2
    input: Input = "both"
    global_residual: bool = True
    residual_output: bool = True
    inner_residual: bool = True
    head: Literal["two 3x3", "one 5x5", "6x6 by 2"] = "two 3x3"

    def __post_init__(self) -> None:
        for name, kind in get_type_hints(RdnConfig).items():  # it may come from a file
            value, choices = getattr(self, name), get_args(kind)
            if value not in choices if choices else type(value) is not kind:
                wanted = " or ".join(map(repr, choices)) or f"of type {kind.__name__}"
                raise ValueError(f"{name} must be {wanted}, not {value!r:.80}")
        for name, largest in LARGEST.items():
            if getattr(self, name) > largest:
                raise ValueError(f"{name} must be {largest} at most, not {getattr(self, name)!r:.80}")
        if min(self.channels, self.blocks, self.growth) < 1 or self.convolutions < 2:
            raise ValueError(
                "channels, blocks and growth must be 1 or more and convolutions 2 or more, not "
                f"{self.channels}, {self.blocks}, {self.growth} and {self.convolutions}"
            )
        if self.margin < HEAD_EATS or self.margin % 2:
            raise ValueError(f"margin must be even and {HEAD_EATS} or more, not {self.margin}")

    @property
    def planes(self) -> int:
        """Input planes, P: Y, U, V and QP, and with "both" the unfiltered luma."""
        return 5 if self.input == "both" else 4

    @property
    def step(self) -> int:
        """Luma samples from one position of the network to the next."""
        return 2 if self.head == "6x6 by 2" else 1

    @property
    def reach(self) -> int:
        """How far, in samples, zero padding at an edge reaches into the output."""
        return self.step * (self.blocks * (self.convolutions - 1) + 2)


class Yuv(NamedTuple):
    """A batch of windows, integers: y (B, H, W), u and v of one chroma format, such as (B, ceil(H / 2), ceil(W / 2)).

    At 4:0:0 u and v are (B, 0, 0).
    """

    y: Tensor
    u: Tensor
    v: Tensor


def make_planes(picture: Yuv, unfiltered_y: Tensor | None, qp: Tensor, peak: Tensor) -> Tensor:
    """What an Rdn is fed with: (B, 4 or 5, H, W) float32, channels last, on the device of the windows.

    `picture` is the baseline, or for the input "unfiltered" the unfiltered picture; `unfiltered_y` (B, H, W) is given
    for the input "both" alone. Samples become 0..1 by `peak` (B,), chroma is brought to luma size by repeating it
    and is mid-grey, 2^(bit_depth - 1), where there is none; `qp` (B,) is divided by 64.
    """
    count, height, width = picture.y.shape
    planes = torch.empty(
        (count, 4 if unfiltered_y is None else 5, height, width),
        device=picture.y.device,
        memory_format=torch.channels_last,
    )
    planes[:, 0] = picture.y
    for channel, chroma in enumerate((picture.u, picture.v), start=1):
        if not chroma.numel():
            planes[:, channel] = ((peak + 1) / 2).view(-1, 1, 1)
            continue
        down, across = -(-height // chroma.shape[1]), -(-width // chroma.shape[2])
        for row, col in product(range(down), range(across)):
            part = planes[:, channel, row::down, col::across]
            part.copy_(chroma[:, : part.shape[1], : part.shape[2]])
    if unfiltered_y is not None:
        planes[:, 4] = unfiltered_y
    planes /= peak.view(-1, 1, 1, 1)
    planes[:, QP_PLANE] = (qp / 64).view(-1, 1, 1)
    return planes


def _conv(inputs: int, outputs: int, kernel: int, padding: int, stride: int = 1) -> nn.Conv2d:
    layer = nn.Conv2d(inputs, outputs, kernel, stride, padding)
    if not layer.weight.is_meta:  # which has no values, and for whose operators PyTorch would import for a second
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


class DenseBlock(nn.Module):
    """A residual dense block: (B, C, H, W) to the same shape (Zhang et al., CVPR 2018)."""

    def __init__(self, config: RdnConfig) -> None:
        super().__init__()
        channels, growth, layers = config.channels, config.growth, config.convolutions - 1
        self.layers = nn.ModuleList(_conv(channels + i * growth, growth, 3, 1) for i in range(layers))
        self.fuse = _conv(channels + layers * growth, channels, 1, 0)
        self.inner_residual = config.inner_residual

    def forward(self, x: Tensor) -> Tensor:
        """Features (B, C, H, W) to features of the same shape."""
        if self.training and torch.is_grad_enabled():  # the same, with a backward pass that takes less
            convolutions = (*self.layers, self.fuse)
            fused = dense_block(x, [c.weight for c in convolutions], [c.bias for c in convolutions])
        else:
            features = x
            for layer in self.layers:
                features = torch.cat((features, F.relu(layer(features))), 1)  # (B, C + i g, H, W)
            fused = self.fuse(features)
        return fused + x if self.inner_residual else fused


class Rdn(nn.Module):
    """Filters luma: planes (B, P, H + 2 margin, W + 2 margin) of make_planes to restored luma (B, 1, H, W), about 0..1.

    The two unpadded 3x3 convolutions take 2 samples from each side; what a larger margin leaves is filtered with zero
    padding and cut away at the end. Untrained it gives its input luma back. After Zhang et al., "Residual Dense Network
    for Image Super-Resolution", CVPR 2018.
    """

    def __init__(self, config: RdnConfig) -> None:
        super().__init__()
        self.config = config
        channels = config.channels
        if config.head == "two 3x3":
            self.shallow = _conv(config.planes, channels, 3, 0)
            self.entry: nn.Module = _conv(channels, channels, 3, 0)
        else:
            kernel = 5 if config.head == "one 5x5" else 6
            self.shallow, self.entry = _conv(config.planes, channels, kernel, 0, config.step), nn.Identity()
        self.blocks = nn.ModuleList(DenseBlock(config) for _ in range(config.blocks))
        self.fuse = nn.Sequential(_conv(config.blocks * channels, channels, 1, 0), _conv(channels, channels, 3, 1))
        self.last = _conv(channels, config.step**2, 3, 1)
        if config.residual_output and not self.last.weight.is_meta:
            nn.init.zeros_(self.last.weight)  # the untrained network is the identity
            self._start_from_detail()

    @torch.no_grad()
    def _start_from_detail(self) -> None:
        """Let the first kernels answer to detail, not to brightness, which says nothing about the residual.

        From common first weights, a small network was seen to gain nothing in its first thousand steps.
        """
        samples = [plane for plane in range(self.config.planes) if plane != QP_PLANE]
        kernels = self.shallow.weight[:, samples]
        self.shallow.weight[:, samples] = 4 * (kernels - kernels.mean((2, 3), keepdim=True))

    def forward(self, planes: Tensor) -> Tensor:
        """Planes (B, P, H + 2 margin, W + 2 margin) to restored luma (B, 1, H, W)."""
        odd = planes.shape[-2] % self.config.step, planes.shape[-1] % self.config.step  # one more row or column then
        shallow = self.shallow(F.pad(planes, (0, odd[1], 0, odd[0]), mode="replicate") if any(odd) else planes)
        x = self.entry(shallow)
        outputs = []
        for block in self.blocks:
            x = block(x)
            outputs.append(x)
        x = self.fuse(torch.cat(outputs, 1))
        if self.config.global_residual:
            x = x + crop(shallow, (shallow.shape[-1] - x.shape[-1]) // 2)
        residual = F.pixel_shuffle(self.last(x), self.config.step)  # (B, 1, H + 2 margin - 4, W + 2 margin - 4)
        residual = residual[..., : residual.shape[-2] - odd[0], : residual.shape[-1] - odd[1]]
        luma: Tensor = crop(residual, self.config.margin - HEAD_EATS)  # (B, 1, H, W)
        return luma + crop(planes[:, :1], self.config.margin) if self.config.residual_output else luma


def crop(x: Tensor, border: int) -> Tensor:
    """Cut `border` samples from each of the four sides of (..., H, W)."""
    return x[..., border : x.shape[-2] - border, border : x.shape[-1] - border]
