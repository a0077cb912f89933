"""Where a network runs."""

import os
import platform
from pathlib import Path

import torch

from codecnn.errors import InputError


def choose_device(name: str) -> torch.device:
    """The device of that name: auto, cpu or cuda; under torchrun each process takes the GPU of its local rank."""
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise InputError("device is cuda, but PyTorch finds none here")
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    torch.cuda.set_device(device)
    return device


def has_bf16(device: torch.device) -> bool:
    """Whether a device computes in bf16 by instructions of its own; a processor without them is some 8 times slower."""
    return device.type != "cpu" or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def hardware(device: torch.device) -> str:
    """What computes there: the name of the GPU, or of the processor and the threads in use."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, threads: {torch.get_num_threads()}"
