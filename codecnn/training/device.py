"""Choose and describe the device that a network runs on."""

import os
import platform
from pathlib import Path

import torch

from codecnn.errors import InputError
from codecnn.models.network import Network


def choose_device(name: str) -> torch.device:
    """Return the device of a name: auto, cpu or cuda. Under torchrun each process takes the GPU of its local rank."""
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise InputError("device is cuda, but PyTorch finds none here")
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    torch.cuda.set_device(device)
    return device


def to_device(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return a tensor on a device; the copy to a GPU goes on while other work is done."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor


def has_bf16(device: torch.device) -> bool:
    """Return whether a device has instructions for bf16; a processor without them is about 8 times slower."""
    return device.type != "cpu" or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def hardware(device: torch.device) -> str:
    """Return the name of the GPU, or of the processor with the number of threads in use."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, threads: {torch.get_num_threads()}"


def placed(network: Network, device: torch.device, channels_last: bool) -> Network:
    """Return a network on a device, with the channels of a sample together in memory or apart."""
    network = network.to(device)
    if channels_last:
        # PyTorch types Module.to only for devices and dtypes
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.memory_format = torch.channels_last if channels_last else torch.contiguous_format
    return network
