"""Bring the samples around blocks to a common brightness and contrast."""

from typing import NamedTuple

import torch
from torch import Tensor

from codecnn.models.predictors.neighbourhood import Neighbourhood

SLOPE = 2.0  # differences are smaller than the samples
SIDE = 6  # numbers beside the samples: availability, QP, and the contrast in quantisation steps


class Normalised(NamedTuple):
    """Hold the samples around B blocks with mean 0 and mean magnitude 1; a sample that is not decoded is 0."""

    above: Tensor  # (B, L, L + 2 N) float32
    left: Tensor  # (B, 2 N, L)
    side: Tensor  # (B, SIDE): shares of left, below left, above and above right that are decoded, QP, contrast
    mean: Tensor  # (B, 1), of the decoded samples, where the peak is 1
    contrast: Tensor  # (B, 1)

    def transposed(self) -> "Normalised":
        """Return the samples around the transposed blocks: what was left of a block is above it."""
        lines = self.left.shape[-1]
        corner, above = self.above[..., :lines], self.above[..., lines:]
        return self._replace(
            above=torch.cat((corner.mT, self.left.mT), 2), left=above.mT, side=self.side[:, [2, 3, 0, 1, 4, 5]]
        )

    def restored(self, blocks: Tensor) -> Tensor:
        """Return blocks (B, predictions, N, N) in the brightness and contrast of the samples around them."""
        mean, contrast = (part[..., None, None] for part in (self.mean, self.contrast))
        return mean + contrast * blocks


def slopes(given: Normalised) -> Tensor:
    """Return the differences of neighbouring samples around blocks, and the nearest lines themselves: (B, `slopes_of`).

    Neighbouring samples are nearly equal: layers learn far faster from their differences.
    """
    above, left = given.above, given.left
    parts = (
        SLOPE * above.diff(dim=1), SLOPE * above.diff(dim=2), above[:, -1:],
        SLOPE * left.diff(dim=2), SLOPE * left.diff(dim=1), left[..., -1:],
    )  # fmt: skip
    return torch.cat([part.flatten(1) for part in parts], 1)


def slopes_of(size: int, lines: int) -> int:
    """Return how many numbers `slopes` gives."""
    length, height = lines + 2 * size, 2 * size
    return (2 * lines - 1) * length - lines + length + (2 * lines - 1) * height - lines + height


def normalised(blocks: Neighbourhood[Tensor]) -> Normalised:
    """Return the samples around blocks, normalised; the mean is 1/2 for a block without any."""
    peak = blocks.peak.float()[:, None, None]
    known = blocks.above_known[:, None].float(), blocks.left_known[..., None].float()
    samples = blocks.above.float() / peak, blocks.left.float() / peak  # 0 where they are not known
    lines = blocks.left.shape[-1]
    count = lines * (known[0].sum((1, 2)) + known[1].sum((1, 2)))
    mean = torch.where(count > 0, (samples[0].sum((1, 2)) + samples[1].sum((1, 2))) / count.clamp(min=1), 0.5)
    above, left = ((part - mean[:, None, None]) * mask for part, mask in zip(samples, known, strict=True))
    contrast = (above.abs().sum((1, 2)) + left.abs().sum((1, 2))) / count.clamp(min=1) + 1 / 512
    qp = blocks.qp.float()[:, None]
    steps = torch.log2(256 * contrast)[:, None] - (qp - 4) / 6
    halves = known[1].squeeze(2).chunk(2, 1) + known[0].squeeze(1)[:, lines:].chunk(2, 1)
    side = torch.cat((*(half.mean(1, keepdim=True) for half in halves), (qp - 32) / 8, (steps - 1) / 2), 1)
    scale = contrast[:, None, None]
    return Normalised(above / scale, left / scale, side, mean[:, None], contrast[:, None])
