"""Filter by a function or a PyTorch module of somebody else's Python code."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from codecnn.models.costs import macs, zero_windows
from codecnn.models.foreign.contract import Contract
from codecnn.models.foreign.filter import stacked
from codecnn.models.in_loop_filter import Windows


class PythonFunction:
    """Call `function(planes)`: planes (B, P, H, W) float32, on the CPU, or for an nn.Module on `device`."""

    def __init__(self, function: Callable[[Tensor], Any], device: torch.device) -> None:
        self.function, self.device = function, torch.device("cpu")
        if isinstance(function, nn.Module):
            self.function, self.device = function.to(device).eval(), device

    def __call__(self, windows: Windows[Tensor], contract: Contract) -> object:
        """Return what the function gives."""
        return self.function(stacked(windows, contract).to(self.device))

    def macs(self, contract: Contract, size: int) -> float | None:
        """Count the multiply-accumulates for a sample of PyTorch's convolutions and matrix products; None if none."""
        windows = zero_windows(contract, 1, size)
        found = macs(lambda windows: self(windows, contract), windows)
        return found / size**2 if found else None
