"""Hold labels: the best intra modes of blocks, and their costs."""

from dataclasses import dataclass, field

import numpy as np

NO_LABEL = 255  # the mode of a block that is not wholly inside the picture; its cost is NaN


@dataclass(frozen=True)
class SizeLabels:
    """Hold the labels of all blocks of one size: (rows, columns) of blocks of the picture padded to whole CTUs.

    With more than one best mode the shape is (rows, columns, best), in the order of their costs. Modes are numbers in
    their mode set. A block that is not wholly inside the picture has NO_LABEL and NaN. SATD is in orthonormal scale and
    the rate-distortion cost J = SSE + lambda * bits in squared samples, both of the bit depth that was searched at.
    """

    hadamard_mode: np.ndarray  # uint8
    hadamard_cost: np.ndarray  # float32
    dct_mode: np.ndarray  # uint8
    dct_cost: np.ndarray  # float32
    rd_mode: np.ndarray | None = None  # uint8; None: not searched for
    rd_cost: np.ndarray | None = None  # float32
    tables: "CostTables | None" = field(default=None, kw_only=True)

    def maps(self) -> dict[str, np.ndarray]:
        """Return modes and costs by their names in a dataset file."""
        names = ("hadamard_mode", "hadamard_cost", "dct_mode", "dct_cost", "rd_mode", "rd_cost")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


@dataclass(frozen=True)
class CostTables:
    """Hold the costs of all modes of a mode set for every block: (rows, columns, modes) float32, scaled as in labels.

    The cost is infinite for modes that a block cannot have: planar on reference lines 1 and 2, and any mode on these
    lines at the upper edge of a CTU. A block that is not wholly inside the picture has NaN.
    """

    hadamard: np.ndarray
    dct: np.ndarray
    rd: np.ndarray | None = None
