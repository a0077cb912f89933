"""Collect the closed forms of the costs of an Rdn behind the interface that reports use."""

from dataclasses import dataclass

import torch

from codecnn.models.closed_forms import MakeOptimiser, OptimiserName, Precision
from codecnn.models.rdn import macs, memory
from codecnn.models.rdn.config import RdnConfig


@dataclass(frozen=True)
class RdnClosedForms:
    """Compute the costs of one network; `codecnn.models.closed_forms.ClosedForms` defines the interface."""

    config: RdnConfig

    def ctu_macs(self, ctu_size: int) -> int:
        """Return the multiply-accumulates for one CTU window."""
        return macs.ctu_macs(self.config, ctu_size)

    def inference_bytes(self, batch: int, size: int) -> int:
        """Return the peak memory of filtering in float32."""
        return memory.inference_bytes(self.config, batch, size)

    def training_bytes(self, batch: int, patch: int, precision: Precision, optimiser: OptimiserName) -> int:
        """Return the peak memory of a training step."""
        return memory.training_bytes(self.config, batch, patch, precision, optimiser)

    def measured_inference_bytes(self, batch: int, size: int, device: torch.device) -> int:
        """Measure the peak memory of filtering in float32."""
        return memory.measured_inference_bytes(self.config, batch, size, device)

    def measured_training_bytes(
        self, batch: int, patch: int, precision: Precision, device: torch.device, make_optimiser: MakeOptimiser
    ) -> int:
        """Measure the peak memory of two training steps."""
        return memory.measured_training_bytes(self.config, batch, patch, precision, device, make_optimiser)
