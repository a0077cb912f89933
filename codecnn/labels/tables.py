"""Compute the costs of all modes for any blocks of a plane: by SATD, and by rate and distortion."""

import numpy as np
from torch import Tensor

from codecnn.intra.block_size import BlockSize
from codecnn.labels.magnitude_bits import magnitude_bits
from codecnn.labels.mode_sets import ModeSet, count_of, mode_table, reference_lines_of
from codecnn.labels.numba_engine.costs import block_costs as numba_block_costs
from codecnn.labels.numba_engine.rate_distortion import rate_distortion_costs
from codecnn.labels.numba_engine.references import empty_references
from codecnn.labels.rate_distortion import Coding, lagrange_multiplier, quantisation_step
from codecnn.labels.torch_engine.costs import block_costs as torch_block_costs
from codecnn.labels.torch_engine.stencils import stencils_of
from codecnn.vectors import LANES


def satd_tables(
    original: np.ndarray,
    reference: np.ndarray,
    blocks: np.ndarray,
    size: BlockSize,
    bit_depth: int,
    modes: ModeSet,
    ctu_size: int,
) -> np.ndarray:
    """Return the Hadamard SATD and the DCT SATD of all modes: (2, N, modes) float32, orthonormal scale.

    original, reference: (H, W) uint16 luma, 0..2^bit_depth - 1, that begin at a multiple of the CTU size. blocks:
    (N, 4), from `blocks_at`. Infinite for a mode that a block cannot have.
    """
    return by_block(*lane_costs(original, reference, blocks, size, bit_depth, modes, ctu_size), size, len(blocks))


def rate_distortion_tables(
    original: np.ndarray,
    reference: np.ndarray,
    blocks: np.ndarray,
    size: BlockSize,
    bit_depth: int,
    modes: ModeSet,
    ctu_size: int,
    step: float,
    bits_of: np.ndarray,
) -> np.ndarray:
    """Return the squared error and the estimated bits of all modes: (2, N, modes) float32.

    step: of the quantiser; bits_of: of each magnitude, as `codecnn.labels.rate_distortion.bits_of_magnitudes` returns
    them. The other arguments are those of `satd_tables`.
    """
    lanes = _lane_error_and_bits(original, reference, blocks, size, bit_depth, modes, ctu_size, step, bits_of)
    return np.stack([in_rows(costs, len(blocks)) for costs in lanes])


def lagrangian_table(
    original: np.ndarray,
    reference: np.ndarray,
    blocks: np.ndarray,
    size: BlockSize,
    bit_depth: int,
    modes: ModeSet,
    ctu_size: int,
    coding: Coding,
) -> np.ndarray:
    """Return the rate-distortion cost J of all modes: (N, modes) float32, in squared samples of the bit depth.

    J = SSE + lambda * bits, with the bits of magnitudes that come with the project. The other arguments are those of
    `satd_tables`. ValueError if no lambda is known for the codec.
    """
    lanes = lane_lagrangian_costs(original, reference, blocks, size, bit_depth, modes, ctu_size, coding)
    return in_rows(lanes, len(blocks))


def lane_lagrangian_costs(
    original: np.ndarray,
    reference: np.ndarray,
    blocks: np.ndarray,
    size: BlockSize,
    bit_depth: int,
    modes: ModeSet,
    ctu_size: int,
    coding: Coding,
) -> np.ndarray:
    """Return the costs of `lagrangian_table` as the engine computes them: (batches, modes, LANES) float32."""
    error, bits = _lane_error_and_bits(
        original, reference, blocks, size, bit_depth, modes, ctu_size,
        quantisation_step(coding.qp, bit_depth), magnitude_bits(size, coding.qp),
    )  # fmt: skip
    costs: np.ndarray = error + np.float32(lagrange_multiplier(coding.codec, coding.qp, bit_depth)) * bits
    return costs


def lane_costs(
    original: np.ndarray | Tensor,
    reference: np.ndarray | Tensor,
    blocks: np.ndarray,
    size: BlockSize,
    bit_depth: int,
    modes: ModeSet,
    ctu_size: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the costs as the engines compute them, (batches, modes, LANES): int32 by Hadamard, float32 by DCT.

    Planes that are int32 tensors are computed with torch on their device. Multiply by `scales_of` for SATD. The
    largest number of the type stands for a mode that a block cannot have.
    """
    hadamard = _empty(blocks, modes, np.iinfo(np.int32).max, np.int32)
    dct = _empty(blocks, modes, np.inf, np.float32)
    strong = modes == "hevc-35"
    for reference_line in range(reference_lines_of(modes)):
        if isinstance(original, Tensor) and isinstance(reference, Tensor):
            stencils = stencils_of(modes, size, reference_line, original.device)
            planes = original, reference
            torch_block_costs(planes, blocks, size, stencils, bit_depth, reference_line, strong, hadamard, dct)
        else:
            table = mode_table(modes, size, reference_line)
            references = empty_references(*size, bit_depth, reference_line, strong)
            numba_block_costs(original, reference, blocks, tuple(size), table, references, hadamard, dct)
    for costs in (hadamard, dct):
        _exclude(costs, blocks, modes, ctu_size)
    return hadamard, dct


def scales_of(size: BlockSize) -> np.ndarray:
    """Return what brings the costs of the engines to orthonormal scale: Hadamard and DCT, (2, 1, 1) float32."""
    return np.array([2 / min(*size, 8), 2 / np.sqrt(size.width * size.height)], np.float32).reshape(2, 1, 1)


def by_block(hadamard: np.ndarray, dct: np.ndarray, size: BlockSize, count: int) -> np.ndarray:
    """Return both costs from `lane_costs` for each of `count` blocks: (2, N, modes) float32, orthonormal scale."""
    tables = np.stack([in_rows(hadamard.astype(np.float32), count), in_rows(dct, count)])
    tables[0, in_rows(hadamard, count) == highest(hadamard)] = np.inf
    scaled: np.ndarray = tables * scales_of(size)
    return scaled


def in_rows(costs: np.ndarray, count: int) -> np.ndarray:
    """Return costs of (batches, modes, LANES) for each of `count` blocks: (count, modes)."""
    return costs.swapaxes(1, 2).reshape(-1, costs.shape[1])[:count]


def highest(costs: np.ndarray) -> np.int32 | np.float32:
    """Return the number that stands for a mode that a block cannot have."""
    return np.float32(np.inf) if costs.dtype == np.float32 else np.int32(np.iinfo(np.int32).max)


def _lane_error_and_bits(
    original: np.ndarray,
    reference: np.ndarray,
    blocks: np.ndarray,
    size: BlockSize,
    bit_depth: int,
    modes: ModeSet,
    ctu_size: int,
    step: float,
    bits_of: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    error, bits = (_empty(blocks, modes, np.inf, np.float32) for _ in range(2))
    for reference_line in range(reference_lines_of(modes)):
        table = mode_table(modes, size, reference_line)
        references = empty_references(*size, bit_depth, reference_line, modes == "hevc-35")
        rate_distortion_costs(
            original, reference, blocks, tuple(size), table, references, step, bits_of.reshape(-1), error, bits
        )
    for costs in (error, bits):
        _exclude(costs, blocks, modes, ctu_size)
    return error, bits


def _empty(blocks: np.ndarray, modes: ModeSet, value: float, dtype: type) -> np.ndarray:
    return np.full((-(-len(blocks) // LANES), count_of(modes), LANES), value, dtype)


def _exclude(costs: np.ndarray, blocks: np.ndarray, modes: ModeSet, ctu_size: int) -> None:
    """Exclude reference lines 1 and 2 at the upper edge of a CTU, where only line 0 is kept (H.266 7.3.11.5)."""
    if modes == "vvc-67-mrl":
        rows = len(costs) * LANES
        first_row = np.resize(blocks[:, 1] % ctu_size == 0, rows).reshape(-1, LANES)
        np.copyto(costs[:, count_of("vvc-67") :], highest(costs), where=first_row[:, None])
