"""Share a training between the processes that torchrun starts."""

import os
import re
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from codecnn.errors import InputError
from codecnn.training.signals import ended_by_signals

LEFT = re.compile("closed by peer|reset by peer|broken pipe|remote process", re.IGNORECASE)  # gloo says, and NCCL


@dataclass(frozen=True)
class Processes:
    """Hold the number of this process and how many there are, from the environment that torchrun sets."""

    rank: int
    world: int

    @staticmethod
    def of_environment() -> "Processes":
        """Return the processes of this run."""
        return Processes(int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1)))

    @property
    def first(self) -> bool:
        """Return whether this process is the one that validates and writes."""
        return self.rank == 0

    @contextmanager
    def joined(self, device: torch.device) -> Iterator[None]:
        """Wait for the other processes, and leave them at the end, however it comes; one process needs none of it.

        A process that leaves ends the others: they raise InputError where they wait for it.
        """
        if self.world == 1:
            yield
            return
        with ended_by_signals():
            try:
                distributed.init_process_group(
                    "nccl" if device.type == "cuda" else "gloo",
                    timeout=timedelta(hours=4),  # the others wait while the first validates
                )
                distributed.barrier()  # nobody leaves while others are still connecting: gloo would print its own error
                yield
            except RuntimeError as error:
                if LEFT.search(str(error)):
                    raise InputError("another process of this training has ended") from error
                raise
            finally:
                if distributed.is_initialized():
                    # A process group that is deleted waits for its threads and holds Python's lock meanwhile. A thread
                    # that has just ended a sum needs this lock to let go of its tensors: let it come first.
                    time.sleep(0.5)
                    distributed.destroy_process_group()

    def share(self, network: nn.Module) -> nn.Module:
        """Return the network with its gradients shared."""
        if self.world == 1:
            return network
        # PyTorch warns of 1x1 kernels, whose different strides mean the same place in memory.
        warnings.filterwarnings("ignore", "Grad strides do not match", UserWarning)
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
