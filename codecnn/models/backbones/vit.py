"""Define a small vision transformer.

Dosovitskiy et al., "An image is worth 16x16 words: transformers for image recognition at scale", ICLR 2021. The mean of
the tokens is in the place of a token of its own for the class.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from codecnn.models.backbones.config import BackboneConfig, ranged
from codecnn.models.backbones.parts import Backbone
from codecnn.models.backbones.planes import PLANES


@dataclass(frozen=True)
class VitConfig(BackboneConfig):
    """Hold the size of a Vit; ValueError if a field is out of its range.

    Args:
        width: features of a token, a multiple of the heads.
        tokens: patches along a side of the block, 1 to 16 and at most its size: a power of two.
        depth: layers of attention and perceptron.
        heads: of an attention.
        expansion: features within a perceptron, to those of a token.
    """

    width: int = ranged(32, 1, 1024)
    tokens: int = 4
    depth: int = ranged(1, 1, 64)
    heads: int = ranged(2, 1, 64)
    expansion: int = ranged(2, 1, 16)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.tokens not in (1, 2, 4, 8, 16) or self.tokens > self.size:
            raise ValueError(
                f"tokens must be 1, 2, 4, 8 or 16, and at most the size, {self.size}, not {self.tokens!r:.80}"
            )
        if self.width % self.heads:
            raise ValueError(f"width must be a multiple of heads, not {self.width} with {self.heads}")


class Vit(Backbone):
    """Rank modes: Blocks to logits (B, modes)."""

    config: VitConfig

    def __init__(self, config: VitConfig) -> None:
        layers = [Layer(config) for _ in range(config.depth)]
        super().__init__(config, nn.Sequential(Tokens(config), *layers, Mean(config.width)), config.width)


class Tokens(nn.Module):
    """Cut an image into patches and make a token of each: (B, PLANES, N, N) to (B, tokens^2, width)."""

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        patch = config.size // config.tokens
        self.embed = nn.Conv2d(PLANES, config.width, patch, stride=patch)
        self.place = nn.Parameter(0.02 * torch.randn(config.tokens**2, config.width))

    def forward(self, image: Tensor) -> Tensor:
        """Return the tokens, with what was learned about their places."""
        tokens: Tensor = self.embed(image).flatten(2).transpose(1, 2) + self.place
        return tokens


class Layer(nn.Module):
    """Let tokens attend to each other, then change each by a perceptron: (B, T, width) to the same."""

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        self.heads, within = config.heads, config.expansion * config.width
        self.norm = nn.LayerNorm(config.width)
        self.attend, self.join = nn.Linear(config.width, 3 * config.width), nn.Linear(config.width, config.width)
        self.perceptron = nn.Sequential(
            nn.LayerNorm(config.width), nn.Linear(config.width, within), nn.GELU(), nn.Linear(within, config.width)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the changed tokens."""
        batch, count, width = tokens.shape
        shape = batch, count, 3, self.heads, width // self.heads
        query, key, value = self.attend(self.norm(tokens)).view(shape).permute(2, 0, 3, 1, 4)  # (B, heads, T, ...)
        # By plain products, which PyTorch's counter of multiply-accumulates sees on every device.
        weights = torch.softmax(query @ key.transpose(2, 3) / math.sqrt(shape[-1]), 3)
        tokens = tokens + self.join((weights @ value).transpose(1, 2).reshape(batch, count, width))
        changed: Tensor = tokens + self.perceptron(tokens)
        return changed


class Mean(nn.Module):
    """Return the mean of the normalised tokens: (B, T, width) to (B, width)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the mean."""
        mean: Tensor = self.norm(tokens).mean(1)
        return mean
