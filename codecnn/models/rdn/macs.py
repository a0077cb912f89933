"""What an Rdn costs: parameters, and multiply-accumulates by a closed form and by measurement."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from codecnn.models.rdn.network import HEAD_EATS, Rdn, RdnConfig


def block_macs(config: RdnConfig) -> int:
    """MACs per sample of one residual dense block; quadratic in convolutions and growth."""
    channels, growth, layers = config.channels, config.growth, config.convolutions - 1
    inputs = layers * channels + growth * layers * (layers - 1) // 2  # of all 3x3 convolutions together
    return 9 * inputs * growth + (channels + layers * growth) * channels


def ctu_macs(config: RdnConfig, ctu_size: int = 128) -> int:
    """MACs for one CTU window, exactly, with the larger area that the head and a margin above 2 are computed on."""
    channels, planes = config.channels, config.planes
    side = (ctu_size + 2 * (config.margin - HEAD_EATS)) // config.step  # all after the head
    if config.head == "two 3x3":
        head = 9 * planes * channels * (side + 2) ** 2 + 9 * channels**2 * side**2
    else:
        head = (25 if config.head == "one 5x5" else 36) * planes * channels * side**2
    fuse = config.blocks * channels**2 + 9 * channels**2
    return head + (config.blocks * block_macs(config) + fuse + 9 * channels * config.step**2) * side**2


def kmac_per_sample(config: RdnConfig, ctu_size: int = 128) -> float:
    """Thousand MACs per luma sample of a CTU."""
    return ctu_macs(config, ctu_size) / ctu_size**2 / 1000


def measured_ctu_macs(model: Rdn, ctu_size: int = 128) -> int:
    """MACs that PyTorch counts while one CTU window is filtered."""
    side = ctu_size + 2 * model.config.margin
    weight = model.last.weight
    planes = torch.zeros((1, model.config.planes, side, side), device=weight.device, dtype=weight.dtype)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        model(planes)
    return int(counter.get_total_flops()) // 2


def parameter_count(model: torch.nn.Module) -> int:
    """Trained parameters, biases included."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
