"""Make the convolutions of a residual dense network, with branches beside the 3x3 kernel while it is trained.

A convolution with branches is a 3x3, a 3x1, a 1x3 and a 1x1 convolution whose outputs are added. The sum of
convolutions is the convolution by the sum of their kernels, so a step costs hardly more than without branches, and the
network that is used has none. What differs is how the weights move, as every branch has its own step.

Ding et al., "ACNet: strengthening the kernel skeletons for powerful CNN via asymmetric convolution blocks", ICCV 2019;
Ding et al., "RepVGG: making VGG-style ConvNets great again", CVPR 2021 (1x1). Both have a batch norm in every branch,
which is left out here.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def conv(inputs: int, outputs: int, kernel: int, padding: int, stride: int = 1) -> nn.Conv2d:
    """Return a convolution with the initial weights of He et al. (ICCV 2015) and biases of zero."""
    return _begun(nn.Conv2d(inputs, outputs, kernel, stride, padding))


def conv_3x3(inputs: int, outputs: int, padding: int, branches: bool) -> nn.Conv2d:
    """Return a 3x3 convolution with random weights, with branches or without."""
    return _begun((BranchedConv if branches else nn.Conv2d)(inputs, outputs, 3, 1, padding))


def kernel_of(layer: nn.Conv2d) -> Tensor:
    """Return the kernel that a convolution is computed by: (outputs, inputs, height, width)."""
    return layer.merged_kernel() if isinstance(layer, BranchedConv) else layer.weight


class BranchedConv(nn.Conv2d):
    """Compute a 3x3 convolution and its branches as one convolution; untrained branches are zero."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, padding: int) -> None:
        super().__init__(inputs, outputs, kernel, stride, padding)
        self.column = nn.Parameter(torch.zeros(outputs, inputs, 3, 1))
        self.row = nn.Parameter(torch.zeros(outputs, inputs, 1, 3))
        self.point = nn.Parameter(torch.zeros(outputs, inputs, 1, 1))

    def merged_kernel(self) -> Tensor:
        """Return the sum of all kernels, each in the middle of 3x3."""
        wide, high, small = F.pad(self.column, (1, 1)), F.pad(self.row, (0, 0, 1, 1)), F.pad(self.point, (1, 1, 1, 1))
        return self.weight + wide + high + small

    def forward(self, x: Tensor) -> Tensor:
        """Return features (B, outputs, H, W) of features (B, inputs, H, W)."""
        features: Tensor = self._conv_forward(x, self.merged_kernel(), self.bias)
        return features


def _begun(layer: nn.Conv2d) -> nn.Conv2d:
    if not layer.weight.is_meta:  # a meta tensor has no values, and its first operator costs a second of imports
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer
