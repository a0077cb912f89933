"""Train an RDN in-loop filter: train-filter CONFIG.yaml --data DIR --out DIR."""

import copy
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader
from tqdm import tqdm

from codecnn import losses
from codecnn.errors import InputError
from codecnn.filtering import filter_picture
from codecnn.metrics import psnr
from codecnn.models.rdn import Rdn, make_planes
from codecnn.store import Shard, open_folder
from codecnn.weights import save
from experiments.batches import Batch, Batches, split_by_source
from experiments.recipe import Optimiser, Recipe, Run, parse
from experiments.run_folder import RunFolder, describe, fingerprint


def main(argv: list[str] | None = None) -> int:
    """Train as the command line says: 0 when done, 2 if it cannot be, 128 + signal when stopped by one."""
    try:
        with caught_signals() as caught:
            return train(parse(sys.argv[1:] if argv is None else argv), caught)
    except InputError as error:
        print(f"train-filter: {error}", file=sys.stderr)
        return 2
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()


def train(run: Run, caught: list[int]) -> int:
    """A training run, in this process of the one or more that share every batch; `caught` are the signals so far."""
    recipe, began = run.recipe, time.perf_counter()

    # Processes and device
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    if recipe.batch < world:
        raise InputError(f"batch is {recipe.batch}, too small for {world} processes")
    device = choose_device(recipe.device)

    # Data
    training, held_out = choose_shards(run)
    batches = Batches(training, recipe.model, recipe.patch, recipe.batch, recipe.seed, rank, world)
    data = fingerprint([*training, *held_out])

    # Network and optimiser, and where they stood when resuming
    torch.manual_seed(recipe.seed)
    model = Rdn(recipe.model).to(device)
    if recipe.channels_last:
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = copy.deepcopy(model).requires_grad_(False)
    optimiser = make_optimiser(model, recipe.optimiser)
    done, best = 0, -math.inf  # steps, mean gain in dB
    running = torch.zeros(2, dtype=torch.float64, device=device)  # loss and samples since the last line logged
    folder = RunFolder(run.out, run.resume)
    if run.resume:
        saved = folder.load(recipe, data)
        done, best, began = saved["step"], saved["best"], began - saved["seconds"]
        running += torch.tensor(saved["running"], device=device)
        model.load_state_dict(saved["model"])
        average.load_state_dict(saved["average"])
        optimiser.load_state_dict(saved["optimiser"])
    network: nn.Module = model
    if world > 1:
        distributed.init_process_group(
            "nccl" if device.type == "cuda" else "gloo",
            timeout=timedelta(hours=4),  # the others wait while the first validates
        )
        network = DistributedDataParallel(network)
    if recipe.compile:
        network.compile()

    notes = {
        "sources": sorted({shard.info.source for shard in training}),
        "held_out": sorted({shard.info.source for shard in held_out}),
        "commit": commit(),
        "recipe": describe(recipe),
    }

    def checkpoint() -> None:
        folder.save(
            {
                "recipe": json.dumps(describe(recipe)),
                "data": data,
                "step": done,
                "seconds": time.perf_counter() - began,
                "running": running.tolist(),
                "best": best,
                "model": model.state_dict(),
                "average": average.state_dict(),
                "optimiser": optimiser.state_dict(),
            }
        )
        save(folder.path / "last.safetensors", average, notes | {"step": done, "best_gain": best})

    if rank == 0:
        folder.begin(done)
        checkpoint()
    loader = DataLoader(
        batches,
        batch_size=None,  # an item is a whole batch
        sampler=range(done, recipe.steps),
        num_workers=recipe.workers,
        prefetch_factor=4 if recipe.workers else None,
        pin_memory=device.type == "cuda",
        worker_init_fn=ignore_signals,
    )
    bar = tqdm(total=recipe.steps, initial=done, disable=rank > 0, unit="step")
    incoming = iter(loader)
    stopping, logged, waited, since = False, done, 0.0, time.perf_counter()
    while done < recipe.steps and not stopping:
        waiting = time.perf_counter()
        batch = next(incoming).to(device)
        waited += time.perf_counter() - waiting

        # One step: the loss is normalised by the samples of all processes, whose gradients DDP averages
        rate = learning_rate(recipe.optimiser, done, recipe.steps)
        for group in optimiser.param_groups:
            group["lr"] = rate
        total, samples = loss_of(network, batch, recipe)
        sums = torch.stack([total.detach().double(), samples.double(), samples.new_tensor(bool(caught)).double()])
        if world > 1:
            distributed.all_reduce(sums)
        (total * (world / sums[1].float())).backward()
        if recipe.clip:
            nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
        optimiser.step()
        optimiser.zero_grad()
        decay = min(recipe.ema, (1 + done) / (10 + done))  # short while there is little to average
        with torch.no_grad():
            torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)
        running += sums[:2]
        done += 1
        bar.update()
        stopping = bool(sums[2]) if world > 1 else bool(caught)

        if done % recipe.log_every == 0:
            loss = float(running[0] / running[1])  # waits for the device
            seconds = time.perf_counter() - since
            work = recipe.batch * (done - logged) * (recipe.patch / training[0].info.ctu_size) ** 2
            row = {"step": done, "loss": loss, "lr": rate, "seconds": time.perf_counter() - began}
            row |= {"ctu_per_s": work / seconds, "waiting": waited / seconds}
            ...
    return 0
