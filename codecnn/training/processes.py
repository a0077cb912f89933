"""Share a training between the processes that torchrun starts."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from codecnn.errors import InputError


@dataclass(frozen=True)
class Processes:
    """Hold the number of this process and how many there are, from the environment that torchrun sets."""

    rank: int
    world: int

    @staticmethod
    def of_environment(batch: int) -> "Processes":
        """Return the processes of this run; InputError if a batch is too small for them."""
        rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
        if batch < world:
            raise InputError(f"batch is {batch}, too small for {world} processes")
        return Processes(rank, world)

    @property
    def first(self) -> bool:
        """Return whether this process is the one that validates and writes."""
        return self.rank == 0

    def share(self, network: nn.Module, device: torch.device) -> nn.Module:
        """Wait for all processes and return the network with its gradients shared; one process needs none of it."""
        if self.world == 1:
            return network
        distributed.init_process_group(
            "nccl" if device.type == "cuda" else "gloo",
            timeout=timedelta(hours=4),  # the others wait while the first validates
        )
        return DistributedDataParallel(network)

    def add_up(self, sums: Tensor) -> Tensor:
        """Return the sums over all processes."""
        if self.world > 1:
            distributed.all_reduce(sums)
        return sums

    def agreed(self, number: int, device: torch.device) -> int:
        """Return the number that the first process has, in all of them."""
        if self.world == 1:
            return number
        told = torch.tensor(number, device=device)
        distributed.broadcast(told, src=0)
        return int(told)


@contextmanager
def process_group_closed() -> Iterator[None]:
    """Leave the other processes at the end, however it comes."""
    try:
        yield
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()
