"""Count the costs of networks: parameters, multiply-accumulates and memory."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from codecnn.labels.mode_sets import count_of
from codecnn.models.blocks import Blocks, ModeNetwork
from codecnn.models.chroma_rdn import ChromaRdn
from codecnn.models.in_loop_filter import FilterConfig, FilterNetwork, Windows


def parameter_count(network: torch.nn.Module) -> int:
    """Count the trained parameters, biases included."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def macs(network: Callable[[Any], object], inputs: object) -> int:
    """Count the multiply-accumulates of convolutions and matrix products in one call, by PyTorch's own counter.

    Tensors on the device "meta" take no time and no memory.
    """
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(inputs)
    return int(counter.get_total_flops()) // 2


def ctu_macs(network: FilterNetwork | ChromaRdn, ctu_size: int = 128) -> int:
    """Count the multiply-accumulates for one CTU window at 4:2:0."""
    with torch.device("meta"):
        twin = type(network)(network.config).eval()  # type: ignore[arg-type]
        return macs(twin, zero_windows(network.config, 1, ctu_size))


def kmac_per_sample(network: FilterNetwork | ChromaRdn, ctu_size: int = 128) -> float:
    """Count thousand multiply-accumulates per luma sample of a CTU."""
    return ctu_macs(network, ctu_size) / ctu_size**2 / 1000


def kmac_per_block(network: ModeNetwork) -> float:
    """Count thousand multiply-accumulates for one block."""
    with torch.device("meta"):
        twin = type(network)(network.config).eval()
        return macs(twin, zero_blocks(twin, 1)) / 1000


def zero_blocks(network: ModeNetwork, count: int) -> Blocks[Tensor]:
    """Return black 8-bit blocks with all references for a network, on PyTorch's current default device."""
    size, modes = network.config.size, count_of(network.config.modes)
    return Blocks(
        torch.zeros((count, size, size)),
        torch.zeros((count, 4 * size + 1)),
        torch.ones((count, 4)),
        torch.zeros(count),
        torch.full((count,), 255.0),
        torch.zeros((count, 2, modes)) if network.takes_costs else None,
    )


def zero_windows(config: FilterConfig, count: int, size: int) -> Windows[Tensor]:
    """Return black 8-bit windows at 4:2:0 whose output is size x size, on PyTorch's current default device."""
    side = size + 2 * config.margin
    luma = torch.zeros((count, side, side), dtype=torch.uint8)
    chroma = luma[:, ::2, ::2]
    extra, more = (luma, chroma) if config.input == "both" else (None, None)
    return Windows(luma, chroma, chroma, extra, torch.zeros(count), torch.full((count,), 255.0), more, more)


def measured_bytes(work: Callable[[], object], device: torch.device) -> int:
    """Measure the peak of the tensors that `work` allocates: CUDA's own count, elsewhere by following allocations.

    The count of CUDA includes the workspace of cuDNN and cuBLAS.
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
