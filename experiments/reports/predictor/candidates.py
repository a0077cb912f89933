"""Compute what predictions of blocks cost: those of all modes, of predictors, and of matrices."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from codecnn.intra.mip import mip_modes, predict_mip
from codecnn.labels.magnitude_bits import magnitude_bits
from codecnn.labels.mode_sets import count_of
from codecnn.labels.rate_distortion import estimated_bits, quantisation_step, quantised_dct
from codecnn.labels.torch_engine.costs import predict
from codecnn.labels.torch_engine.stencils import stencils_of
from codecnn.tasks.block_sites import Site, lagrangian_of
from codecnn.transforms.torch_satd import block_dct_satd, block_hadamard_satd

MODES = count_of("vvc-67")


class Costs(NamedTuple):
    """Hold what each prediction of each block costs, in the scale of 8 bit: (n, predictions) each."""

    hadamard_satd: NDArray
    dct_satd: NDArray
    squared_error: NDArray
    j: NDArray  # SSE + lambda * bits of the quantised DCT of the residual

    def least(self) -> "Costs":
        """Return the costs of the best prediction of each block, by each measure on its own: (n, 1)."""
        return Costs(*(costs.min(1, keepdims=True) for costs in self))

    def of(self, prediction: int) -> "Costs":
        """Return the costs of one prediction: (n, 1)."""
        return Costs(*(costs[:, prediction : prediction + 1] for costs in self))


def costs_of(predicted: NDArray, site: Site) -> Costs:
    """Return the costs of predictions (n, predictions, N, N), whole numbers in the bit depth of the site."""
    residual, deep = residual_of(predicted, site), 1 << (site.bit_depth - 8)
    tensor = torch.from_numpy(residual)
    hadamard, dct = (satd(tensor, torch.zeros_like(tensor)).numpy() for satd in (block_hadamard_satd, block_dct_satd))
    squared = np.square(residual.astype(np.float64)).sum((2, 3))
    return Costs(hadamard / deep, dct / deep, squared / deep**2, j_of(residual, site))


def costs_of_modes(site: Site) -> tuple[Costs, NDArray]:
    """Return the costs of the 67 modes of H.266, and J of the modes on reference lines 1 and 2: (n, 132).

    J is infinite where a block cannot have these lines.
    """
    hadamard, dct = site.satd_tables("vvc-67")
    references = torch.from_numpy(site.samples.references.astype(np.int32))
    stencils = stencils_of("vvc-67", site.size, 0, torch.device("cpu"))
    residual = residual_of(predict(references, stencils, site.size, site.bit_depth).numpy(), site)
    squared = np.square(residual, dtype=np.float64).sum((2, 3)) / 4 ** (site.bit_depth - 8)
    j = site.rate_distortion_table("vvc-67-mrl")
    used = [line * MODES + mode for line in (1, 2) for mode in range(1, MODES)]  # they have no planar mode
    return Costs(hadamard, dct, squared, j[:, :MODES]), j[:, used]


def j_of_matrices(site: Site) -> NDArray:
    """Return J of the predictions of H.266 by all matrices (MIP), each also transposed: (n, 2 x matrices)."""
    references, side = site.samples.references.astype(np.int32), site.size.width
    j = []
    for mode in range(mip_modes(side, side)):
        for transposed in (False, True):
            predicted = predict_mip(references, side, side, mode, site.bit_depth, transposed)
            j.append(j_of(residual_of(predicted[:, None], site), site))
    return np.concatenate(j, 1)


def residual_of(predicted: NDArray, site: Site) -> NDArray:
    """Return original - prediction, (n, predictions, N, N) float32."""
    residual: NDArray = site.originals[:, None].astype(np.float32) - predicted.astype(np.float32)
    return residual


def j_of(residual: NDArray, site: Site) -> NDArray:
    """Return SSE + lambda * bits of residuals (n, predictions, N, N), as `Site.rate_distortion_table` computes it."""
    qp = site.shard.info.qp
    levels, error = quantised_dct(residual, quantisation_step(qp, site.bit_depth))
    bits = estimated_bits(levels, magnitude_bits(site.size, qp))
    j: NDArray = error / 4 ** (site.bit_depth - 8) + lagrangian_of(site.shard) * bits
    return j
