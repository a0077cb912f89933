"""Train an RDN in-loop filter: train-filter CONFIG.yaml --data DIR --out DIR."""

import codecnn.torch_settings  # noqa: F401

# isort: split

import copy
import hashlib
import json
import math
import os
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader
from tqdm import tqdm

from codecnn import losses
from codecnn.dataset.schema import SIGNALS
from codecnn.dataset.store import Shard, open_folder
from codecnn.errors import InputError
from codecnn.inference.filtering import filter_picture
from codecnn.metrics import psnr_gain
from codecnn.models.pretrained import find_weights
from codecnn.models.rdn.network import Rdn, make_planes
from codecnn.models.weights import Notes, load, save
from codecnn.training.batches import Batch, Batches, split_by_source
from codecnn.training.device import choose_device, hardware, has_bf16
from codecnn.training.muon import Muon
from codecnn.training.provenance import codecs_of, commit, trained_on
from codecnn.training.recipe import Optimiser, Recipe, Run, parse
from codecnn.training.run_folder import Former, RunFolder, describe, fingerprint
from codecnn.training.signals import caught_signals, ignore_signals
from command_line.parser import enough_memory

NO_STAGE: Former = {"sources": [], "sources_sha256": [], "stages": []}
# Of the notes of weights that are gone on from
STAGE = ("recipe", "windows", "codecs", "qps", "step", "seconds", "hardware", "torch", "commit")


def main(argv: list[str] | None = None) -> int:
    """Train as the command line says: 0 when done, 2 if it cannot be, 128 + signal when stopped by one."""
    try:
        with enough_memory(), caught_signals() as caught:
            return train(parse(sys.argv[1:] if argv is None else argv), caught)
    except (InputError, OSError) as error:
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
    if rank == 0 and recipe.precision == "bf16" and not has_bf16(device):
        print("train-filter: warning: this processor has no bf16; --precision=fp32 is faster", file=sys.stderr)

    # Data
    training, held_out = choose_shards(run)
    batches = Batches(training, recipe.model, recipe.patch, recipe.batch, recipe.seed, rank, world)
    data = fingerprint([*training, *held_out])

    # Network and optimiser, and where they stood when resuming
    torch.manual_seed(recipe.seed)
    model, former = (Rdn(recipe.model), NO_STAGE) if run.resume else first_weights(recipe, held_out)
    model = model.to(device)
    if recipe.channels_last:
        # PyTorch types Module.to for devices and dtypes alone
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = copy.deepcopy(model).requires_grad_(False)
    optimiser = make_optimiser(model, recipe.optimiser)
    done, best = 0, -math.inf  # steps, mean gain in dB
    running = torch.zeros(2, dtype=torch.float64, device=device)  # loss and samples since the last line logged
    folder = RunFolder(run.out, run.resume)
    if rank == 0:
        folder.lock()
    if run.resume:
        saved = folder.load(recipe, data)
        former = saved["former"]
        done, best, began = saved["step"], saved["best"], began - saved["seconds"]
        running += torch.tensor(saved["running"], dtype=running.dtype, device=device)
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

    infos = [shard.info for shard in training]
    notes = {
        "sources": sorted({info.source for info in infos} | set(former["sources"])),
        "codecs": codecs_of(infos),
        "qps": sorted({info.qp for info in infos}),
        "windows": len(batches.windows),
        "held_out": sorted({shard.info.source for shard in held_out}),
        "commit": commit(),
        "hardware": hardware(device),
        "torch": torch.__version__,
        "recipe": describe(recipe),
        "stages": former["stages"],
    }
    if (hashes := former.get("sources_sha256")) is not None:
        notes["sources_sha256"] = sorted({info.source_sha256 for info in infos} | set(hashes))

    def progress() -> Notes:
        return notes | {"step": done, "seconds": time.perf_counter() - began}

    def checkpoint() -> None:
        folder.save(
            {
                "recipe": json.dumps(describe(recipe)),
                "data": data,
                "step": done,
                "seconds": time.perf_counter() - began,
                "former": former,
                "running": running.tolist(),
                "best": best,
                "model": model.state_dict(),
                "average": average.state_dict(),
                "optimiser": optimiser.state_dict(),
            }
        )
        save(folder.path / "last.safetensors", average, progress() | {"best_gain": best})

    if rank == 0:
        checkpoint()
        folder.begin(done)
    loader = DataLoader(
        batches,
        batch_size=None,  # an item is a whole batch
        sampler=range(done, recipe.steps),
        num_workers=recipe.workers,
        prefetch_factor=4 if recipe.workers else None,
        pin_memory=device.type == "cuda",
        worker_init_fn=ignore_signals,
    )
    incoming = iter(loader)
    bar = tqdm(total=recipe.steps, initial=done, disable=True if rank else None, unit="step")
    stopping, fresh, busy, waited = False, 0, 0.0, 0.0  # steps and seconds since the last line logged
    while done < recipe.steps and not stopping:
        started = time.perf_counter()
        batch = next(incoming).to(device)
        waited += time.perf_counter() - started

        # One step. The loss is normalised by the samples of all processes, and DDP takes the mean of the gradients.
        rate = learning_rate(recipe.optimiser, done, recipe.steps)
        for group in optimiser.param_groups:
            group["lr"] = rate * group["share"]
        total, samples = loss_of(network, batch, recipe)
        sums = torch.stack([total.detach().double(), samples.double(), samples.new_tensor(bool(caught)).double()])
        if world > 1:
            distributed.all_reduce(sums)
        torch.autograd.backward(total * (world / sums[1].float()))
        if recipe.clip:
            nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
        optimiser.step()
        optimiser.zero_grad()
        decay = min(recipe.ema, (1 + done) / (10 + done))  # shorter while there is little to average
        with torch.no_grad():
            torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)
        running += sums[:2]
        done, fresh = done + 1, fresh + 1
        stopping = bool(sums[2]) if world > 1 else bool(caught)
        logging = done % recipe.log_every == 0
        loss = float(running[0] / running[1]) if logging else math.nan  # waits for the device
        busy += time.perf_counter() - started

        bar.update()
        if logging:
            ctus = fresh * recipe.batch * (recipe.patch / training[0].info.ctu_size) ** 2
            row = {"step": done, "loss": loss, "lr": rate, "seconds": time.perf_counter() - began}
            if rank == 0:
                folder.log(row | {"ctu_per_s": ctus / busy, "waiting": waited / busy})
            bar.set_postfix(loss=f"{loss:.5f}")
            running.zero_()
            fresh, busy, waited = 0, 0.0, 0.0
        if rank > 0:
            continue
        if done % recipe.validate_every == 0 or done == recipe.steps:
            gains = validate(average, held_out, recipe.validate_frames)
            gain = sum(gains.values()) / len(gains)
            folder.log({"step": done, "gain": gain} | {f"gain_{qp}": value for qp, value in gains.items()})
            bar.write(f"step {done}: {gain:+.3f} dB  " + "  ".join(f"QP {q} {g:+.3f}" for q, g in gains.items()))
            if gain > best:
                best = gain
                save(folder.path / "best.safetensors", average, progress() | {"gain": gain})
        if done % recipe.checkpoint_every == 0 or done == recipe.steps or stopping:
            checkpoint()
    bar.close()
    if stopping and done < recipe.steps:
        number = caught[0] if caught else signal.SIGTERM
        if rank == 0:
            print(f"stopped after step {done}; give --resume to go on", file=sys.stderr)
        return 128 + number
    return 0


def choose_shards(run: Run) -> tuple[list[Shard], list[Shard]]:
    """The shards to train on and those to validate on, of the QPs of the recipe; InputError if they overlap."""
    qps = set(run.recipe.qps)

    def wanted(folder: Path) -> list[Shard]:
        shards = [shard for shard in open_folder(folder) if not qps or shard.info.qp in qps]
        if missing := qps - {shard.info.qp for shard in shards}:
            raise InputError(f"{folder}: no dataset files of QP {', '.join(map(str, sorted(missing)))}")
        return shards

    if run.val is None:
        return split_by_source(wanted(run.data), run.recipe.holdout)
    training, held_out = wanted(run.data), wanted(run.val)
    if common := {s.info.source_sha256 for s in training} & {s.info.source_sha256 for s in held_out}:
        names = sorted({s.info.source for s in held_out if s.info.source_sha256 in common})
        raise InputError(f"{run.val}: {', '.join(names)} is trained on as well")
    return training, held_out


def first_weights(recipe: Recipe, held_out: Sequence[Shard]) -> tuple[Rdn, Former]:
    """The network as training begins, and what it was trained with before.

    InputError if the weights to start from are those of another network, or were trained on what is held out here.
    """
    if not recipe.start:
        return Rdn(recipe.model), NO_STAGE
    file = find_weights(recipe.start)
    model, notes = load(file)
    if model.config != recipe.model:
        raise InputError(f"{file}: the weights of {model.config}, not of {recipe.model}")
    if common := trained_on(notes, [shard.info for shard in held_out]):
        raise InputError(f"{file}: was trained on {', '.join(common)}, held out here")
    stage = {name: notes[name] for name in STAGE if name in notes}
    stage["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    former: Former = {"sources": notes.get("sources", []), "stages": [*notes.get("stages", []), stage]}
    if "sources_sha256" in notes:
        former["sources_sha256"] = notes["sources_sha256"]
    return model.train(), former


def make_optimiser(model: Rdn, choice: Optimiser) -> torch.optim.Optimizer:
    """The optimiser of a recipe; at every step the learning rate of a group is set, times its `share`."""
    last = list(model.last.parameters())
    hidden = [parameter for name, parameter in model.named_parameters() if not name.startswith("last.")]
    groups: list[dict[str, Any]] = [{"params": hidden, "share": 1.0}, {"params": last, "share": choice.last}]
    decay, momentum = choice.weight_decay, choice.momentum
    if choice.name == "muon":
        groups[1]["orthogonal"] = False  # it has one output, or four
        return Muon(groups, choice.lr, momentum, decay)
    if choice.name == "adam":
        return torch.optim.Adam(groups, choice.lr, betas=(momentum, 0.999), weight_decay=decay)
    if choice.name == "sgd":
        return torch.optim.SGD(groups, choice.lr, momentum=momentum, weight_decay=decay)
    return torch.optim.RMSprop(groups, choice.lr, momentum=momentum, weight_decay=decay)


def learning_rate(choice: Optimiser, step: int, steps: int) -> float:
    """The rate of a step: linear over the warm-up, then constant or half a cosine down to 0."""
    if step < choice.warmup:
        return choice.lr * (step + 1) / choice.warmup
    if choice.schedule == "constant":
        return choice.lr
    return choice.lr * 0.5 * (1 + math.cos(math.pi * (step - choice.warmup) / (steps - choice.warmup)))


def loss_of(network: nn.Module, batch: Batch, recipe: Recipe) -> tuple[Tensor, Tensor]:
    """Sum of the loss over the valid samples of a batch, and their count."""
    planes = make_planes(batch.picture, batch.unfiltered_y, batch.qp, batch.peak)  # channels last
    if not recipe.channels_last:
        planes = planes.contiguous()  # every convolution takes after its input
    with torch.autocast(planes.device.type, torch.bfloat16, enabled=recipe.precision == "bf16"):
        filtered = network(planes)[:, 0].float()
    original = batch.original / batch.peak.view(-1, 1, 1)
    measures = {
        "mse": losses.mse,
        "log_mse": losses.log_mse,
        "charbonnier": losses.charbonnier,
        "hadamard_satd": losses.hadamard_satd,
        "dct_satd": losses.dct_satd,
    }
    return measures[recipe.loss](filtered, original, batch.valid)


def validate(model: Rdn, shards: Sequence[Shard], frames: int) -> dict[int, float]:
    """PSNR gain in dB by QP: the mean over at most `frames` frames of each shard, filtered CTU by CTU and rounded.

    A frame coded without any error is left out; InputError if there is no other.
    """
    gains = defaultdict(list)
    for shard in shards:
        for frame in range(0, shard.frames, math.ceil(shard.frames / frames)):
            original, baseline, unfiltered = (shard.picture(signal, frame) for signal in SIGNALS)
            filtered = filter_picture(model, baseline, unfiltered, shard.info.qp, shard.info.ctu_size)
            gain = psnr_gain(original.y, baseline.y, filtered, original.bit_depth)
            if not math.isnan(gain):
                gains[shard.info.qp].append(gain)
    if not gains:
        raise InputError(f"{shards[0].path}: nothing to gain in it, nor in other files held out: coded without error")
    return {qp: sum(values) / len(values) for qp, values in sorted(gains.items())}


if __name__ == "__main__":
    sys.exit(main())
