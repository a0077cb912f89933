"""Where a network runs."""

import os

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
