"""Compute and measure how much memory an Rdn needs for a batch.

The closed forms count the tensors: planes, weights, their moving average, the state of the optimiser, features and
their gradients. They do not count the workspace of the convolution library (im2col and others) or the program.
With attention or modulation they are lower bounds, as some intermediate features are not counted: filtering took 2 to
10 % more with the shapes of the filters, and 37 % more in a wide network of one short block. Measurements on CUDA
include the workspace of cuDNN and cuBLAS.
"""

from collections.abc import Callable

import torch

from codecnn.models.closed_forms import MakeOptimiser, OptimiserName, Precision
from codecnn.models.costs import measured_bytes, parameter_count
from codecnn.models.rdn.config import HEAD_EATS, RdnConfig
from codecnn.models.rdn.network import Rdn

FLOAT = 4  # bytes
# float32 values that an optimiser with momentum keeps for a parameter; muon keeps 2 for the few that it moves by Adam
STATES = {"adam": 2, "adamw": 2, "sgd": 1, "rmsprop": 2, "muon": 1}


def inference_bytes(config: RdnConfig, batch: int, size: int) -> int:
    """Return the peak memory, weights included, of filtering `batch` windows to size x size samples in float32."""
    channels, blocks = config.channels, config.blocks
    grown = (config.convolutions - 1) * config.growth
    side, first = _sides(config, size)
    # The peak is in the last block, with its last two concatenations, or after it, with all outputs and their copy.
    before = channels * (blocks - 1 if blocks > 1 or first == side else 1)
    before += channels if config.modulation else 0  # a block's input before and after it
    features = max(before + 2 * channels + 2 * grown, 2 * blocks * channels + 2 * channels)
    samples = _planes(config, size) + features * side**2 + channels * first**2  # planes, features, shallow features
    return FLOAT * (_parameters(config) + batch * samples)


def training_bytes(
    config: RdnConfig,
    batch: int,
    patch: int,
    precision: Precision = "bf16",
    optimiser: OptimiserName = "muon",
) -> int:
    """Return the peak memory of a training step on `batch` patches of patch x patch, with a moving average of weights.

    The peak is early in the backward pass, when nearly all saved tensors are still there and no gradients of weights
    yet. With few features in a batch the peak is later, when the library computes the gradients of weights in its own
    memory. That memory is not counted here: up to 8 % more was measured on a CPU with 4 patches of 32x32, and up to
    18 % with one patch of 64x64.
    """
    channels, blocks = config.channels, config.blocks
    grown = (config.convolutions - 1) * config.growth
    side, first = _sides(config, patch)
    feature_bytes, copies = (2, 2) if precision == "bf16" else (FLOAT, 0)  # autocast keeps copies in its own precision
    kept = blocks * (channels + 2 * grown) * side**2  # for each block: the last concatenation, and the grown features
    for weighs in (config.attention, config.modulation):  # what is multiplied is kept for the gradient
        kept += blocks * channels * side**2 if weighs else 0
    shallow = channels * first**2
    # The peak is in the last block, with the gradients of all outputs, of the shallow features, and twice its own; or
    # before it in the backward pass, where the outputs of the blocks are joined.
    block_gradients = (blocks * channels + (channels if blocks > 1 else 0) + 2 * grown) * side**2
    in_block = shallow + block_gradients + (shallow if first > side else 0)
    at_fuse = 2 * shallow + (2 * blocks * channels + 2 * channels) * side**2
    per_patch = feature_bytes * (kept + max(in_block, at_fuse)) + (FLOAT + copies) * _planes(config, patch)
    return (FLOAT * (2 + STATES[optimiser]) + copies) * _parameters(config) + batch * per_patch


def largest_batch(config: RdnConfig, patch: int, memory: int, need: Callable[..., int] = training_bytes) -> int:
    """Return the largest batch that fits into `memory` bytes by the closed form `need`; 0 if one patch is too large."""
    weights = need(config, 0, patch)
    return max(0, (memory - weights) // (need(config, 1, patch) - weights))


def measured_inference_bytes(config: RdnConfig, batch: int, size: int, device: torch.device) -> int:
    """Measure the peak memory that `inference_bytes` computes, with random weights."""

    def work() -> None:
        model = Rdn(config).to(device).eval()
        with torch.inference_mode():
            model.restore(_random_planes(config, batch, size, device))

    return measured_bytes(work, device)


def measured_training_bytes(
    config: RdnConfig,
    batch: int,
    patch: int,
    precision: Precision,
    device: torch.device,
    make_optimiser: MakeOptimiser,
) -> int:
    """Measure the peak memory that `training_bytes` computes, in two steps; the first makes the optimiser's state."""

    def work() -> None:
        model = Rdn(config).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        average = [parameter.detach().clone() for parameter in model.parameters()]
        optimiser = make_optimiser(model)
        planes = _random_planes(config, batch, patch, device)
        for _ in range(2):
            with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
                filtered = model.restore(planes).float()
            torch.autograd.backward(filtered.square().mean())
            del filtered
            optimiser.step()
            optimiser.zero_grad()
        del average

    return measured_bytes(work, device)


def _random_planes(config: RdnConfig, batch: int, size: int, device: torch.device) -> torch.Tensor:
    side = size + 2 * config.margin
    planes = torch.empty((batch, config.planes, side, side), device=device, memory_format=torch.channels_last)
    return planes.uniform_()


def _parameters(config: RdnConfig) -> int:
    with torch.device("meta"):
        return parameter_count(Rdn(config))


def _planes(config: RdnConfig, size: int) -> int:
    """Return the number of samples in the planes of a window."""
    return config.planes * (size + 2 * config.margin) ** 2


def _sides(config: RdnConfig, size: int) -> tuple[int, int]:
    """Return the side, in positions, of the features and of the shallow features."""
    side = -(-(size + 2 * (config.margin - HEAD_EATS)) // config.stride)
    return side, side + 2 if config.head == "two 3x3" else side
