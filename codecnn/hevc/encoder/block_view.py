"""Show a chooser the block that it chooses for."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codecnn.hevc.coding_unit import MPMS
from codecnn.hevc.encoder.kernels import rank_modes
from codecnn.hevc.encoder.scratch import Task
from codecnn.intra.hevc import DC, MODES


@dataclass(frozen=True)
class Block:
    """Hold a block of luma that is to be coded, and what a decoder has at this time.

    Args:
        states, scratches, task: what the compiled functions work on; `states["contexts"][0]` are the context variables,
            each 2 * pStateIdx + valMps.
        x, y, size: in luma samples.
        qp: of luma. lagrangian: lambda, in squared samples per bit.
    """

    states: NDArray
    scratches: NDArray
    task: Task
    x: int
    y: int
    size: int
    qp: int
    lagrangian: float

    @property
    def original(self) -> NDArray:
        """Return the samples of the source: (size, size) int16."""
        return self.task.original[0, self.y : self.y + self.size, self.x : self.x + self.size]

    @property
    def most_probable_modes(self) -> list[int]:
        """Return candModeList of three modes (8.4.2)."""
        left = above = DC
        grid, row, column = self.task.arrays.grid, self.y >> 2, self.x >> 2
        if self.x > 0:
            left = int(grid["luma_mode"][row, column - 1])
        if self.y & ((1 << int(self.states["ctb_bits"][0])) - 1):
            above = int(grid["luma_mode"][row - 1, column])
        modes: list[int] = MPMS[left, above].tolist()
        return modes

    def rank_modes(self, uses_dct: bool = False) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the SATD of every luma mode, Hadamard or DCT, in orthonormal scale, and the bits of the mode."""
        distortions, bits = np.empty(MODES), np.empty(MODES)
        bits_of_size = self.size.bit_length() - 1
        rank_modes(self.states, self.scratches, self.task, self.x, self.y, bits_of_size, uses_dct, distortions, bits)
        return distortions, bits
