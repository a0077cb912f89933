"""The memory that an Rdn takes, by a closed form in batch and patch, and as measured.

Counted are the tensors: the planes, the weights with the optimiser's state and their moving average, the features and
their gradients at their precision. Not counted is what the convolution library takes for itself (im2col and the like),
nor the program. CUDA's own count of a measurement does include the workspace of cuDNN and cuBLAS.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch.profiler import ProfilerActivity, profile

from codecnn.models.rdn.macs import parameter_count
from codecnn.models.rdn.network import HEAD_EATS, Rdn, RdnConfig
from codecnn.training.muon import Muon

FLOAT = 4  # bytes
Precision = Literal["bf16", "fp32"]
OptimiserName = Literal["adam", "sgd", "rmsprop", "muon"]
# float32 values that an optimiser with momentum keeps for a parameter; muon 2 for the few that it moves as Adam does
STATES = {"adam": 2, "sgd": 1, "rmsprop": 2, "muon": 1}


def inference_bytes(config: RdnConfig, batch: int, size: int) -> int:
    """Peak while `batch` windows with an output of size x size are filtered in float32, the weights included."""
    channels, blocks = config.channels, config.blocks
    grown = (config.convolutions - 1) * config.growth
    side, first = _sides(config, size)
    # Either in the last block, with its last two concatenations, or after it, with the outputs of all and their copy.
    before = channels * (blocks - 1 if blocks > 1 or first == side else 1)
    features = max(before + 2 * channels + 2 * grown, 2 * blocks * channels + 2 * channels)
    samples = _planes(config, size) + features * side**2 + channels * first**2  # the last: the shallow features
    return FLOAT * (_parameters(config) + batch * samples)


def training_bytes(
    config: RdnConfig,
    batch: int,
    patch: int,
    precision: Precision = "bf16",
    optimiser: OptimiserName = "muon",
) -> int:
    """Peak of a training step on `batch` patches of patch x patch, with a moving average of the weights.

    The peak comes early in the backward pass, when nearly all that was kept for it is still there, and no gradients of
    weights yet. Where a batch has few features, it comes when the library computes those, in memory of its own that is
    not counted here: with 4 patches of 32x32 up to 8 % more was measured on a processor, with one of 64x64 up to 18 %.
    """
    channels, blocks = config.channels, config.blocks
    grown = (config.convolutions - 1) * config.growth
    side, first = _sides(config, patch)
    feature_bytes, copies = (2, 2) if precision == "bf16" else (FLOAT, 0)  # autocast keeps copies in its own precision
    kept = blocks * (channels + 2 * grown) * side**2  # of every block the last concatenation, and what was added to it
    shallow = channels * first**2
    # Either in the last block, with the gradients of all outputs and of the shallow features, and its own twice; or
    # before it, where the outputs of the blocks meet.
    block_gradients = (blocks * channels + (channels if blocks > 1 else 0) + 2 * grown) * side**2
    in_block = shallow + block_gradients + (shallow if first > side else 0)
    at_fuse = 2 * shallow + (2 * blocks * channels + 2 * channels) * side**2
    per_patch = feature_bytes * (kept + max(in_block, at_fuse)) + (FLOAT + copies) * _planes(config, patch)
    return (FLOAT * (2 + STATES[optimiser]) + copies) * _parameters(config) + batch * per_patch


def largest_batch(config: RdnConfig, patch: int, memory: int, need: Callable[..., int] = training_bytes) -> int:
    """The largest batch that fits into `memory` bytes by the closed form `need`; 0 if not even one patch does."""
    weights = need(config, 0, patch)
    return max(0, (memory - weights) // (need(config, 1, patch) - weights))


def measured_bytes(work: Callable[[], object], device: torch.device) -> int:
    """The peak of the tensors that `work` allocates: by CUDA's own count, elsewhere by following every allocation.

    What CUDA counts includes the workspace that cuDNN and cuBLAS take, which the closed forms leave out.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        work()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        work()
    held = peak = 0
    assert recorded.profiler is not None
    assert recorded.profiler.kineto_results is not None
    events = [event for event in recorded.profiler.kineto_results.events() if event.name() == "[memory]"]
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    return peak


def measured_inference_bytes(config: RdnConfig, batch: int, size: int, device: torch.device) -> int:
    """As `inference_bytes`, of a network with random weights."""

    def work() -> None:
        model = Rdn(config).to(device).eval()
        with torch.inference_mode():
            model(_random_planes(config, batch, size, device))

    return measured_bytes(work, device)


def measured_training_bytes(
    config: RdnConfig,
    batch: int,
    patch: int,
    precision: Precision,
    device: torch.device,
    optimiser: OptimiserName = "muon",
) -> int:
    """As `training_bytes`, of two steps in channels last, the optimiser's state being made in the first."""

    def work() -> None:
        model = Rdn(config).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        average = [parameter.detach().clone() for parameter in model.parameters()]
        steps = _optimiser(optimiser, model)
        planes = _random_planes(config, batch, patch, device)
        for _ in range(2):
            with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
                filtered = model(planes).float()
            torch.autograd.backward(filtered.square().mean())
            del filtered
            steps.step()
            steps.zero_grad()
        del average

    return measured_bytes(work, device)


def _optimiser(name: OptimiserName, model: Rdn) -> torch.optim.Optimizer:
    if name == "adam":
        return torch.optim.Adam(model.parameters())
    if name == "muon":
        return Muon(model.parameters(), 1e-3)
    if name == "sgd":
        return torch.optim.SGD(model.parameters(), momentum=0.9)
    return torch.optim.RMSprop(model.parameters(), momentum=0.9)


def _random_planes(config: RdnConfig, batch: int, size: int, device: torch.device) -> torch.Tensor:
    side = size + 2 * config.margin
    planes = torch.empty((batch, config.planes, side, side), device=device, memory_format=torch.channels_last)
    return planes.uniform_()


def _parameters(config: RdnConfig) -> int:
    with torch.device("meta"):
        return parameter_count(Rdn(config))


def _planes(config: RdnConfig, size: int) -> int:
    """Samples of the planes of a window."""
    return config.planes * (size + 2 * config.margin) ** 2


def _sides(config: RdnConfig, size: int) -> tuple[int, int]:
    """Positions on a side of the features, and of the first of them."""
    side = -(-(size + 2 * (config.margin - HEAD_EATS)) // config.step)
    return side, side + 2 if config.head == "two 3x3" else side
