"""Define the interface of closed forms: formulas for the multiply-accumulates and memory of an in-loop filter."""

from collections.abc import Callable
from typing import Literal, Protocol

import torch

from codecnn.models.network import Network

Precision = Literal["fp32", "bf16"]
OptimiserName = Literal["adam", "adamw", "sgd", "rmsprop", "muon"]
MakeOptimiser = Callable[[Network], torch.optim.Optimizer]


class ClosedForms(Protocol):
    """Compute the costs of an in-loop filter by closed forms, and measure its memory; not every family has this."""

    def ctu_macs(self, ctu_size: int) -> int:
        """Return the multiply-accumulates for one CTU window."""

    def inference_bytes(self, batch: int, size: int) -> int:
        """Return the peak memory, in bytes, of filtering `batch` windows to size x size samples in float32."""

    def training_bytes(self, batch: int, patch: int, precision: Precision, optimiser: OptimiserName) -> int:
        """Return the peak memory, in bytes, of a training step on `batch` patches of patch x patch samples."""

    def measured_inference_bytes(self, batch: int, size: int, device: torch.device) -> int:
        """Measure the peak memory of filtering, with random weights."""

    def measured_training_bytes(
        self, batch: int, patch: int, precision: Precision, device: torch.device, make_optimiser: MakeOptimiser
    ) -> int:
        """Measure the peak memory of two training steps, with random weights."""
