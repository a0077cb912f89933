"""What a training run is told: the fields of a configuration file, each of which is an option as well."""

import math
from argparse import ArgumentError
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Literal

from jsonargparse import ArgumentParser

from codecnn.errors import InputError
from codecnn.io.yaml_files import read_yaml
from codecnn.models.rdn.network import RdnConfig


@dataclass(frozen=True)
class Optimiser:
    """How the weights are moved.

    Args:
        name: adam, sgd, rmsprop or muon, which moves kernels by orthogonal matrices.
        lr: learning rate after the warm-up.
        last: learning rate of the last convolution as a share of the others': a step there changes the residual most.
        momentum: of sgd and rmsprop; the decay of the mean gradient of adam, and of muon that of the kernels.
        weight_decay: decay of the weights, L2.
        schedule: cosine falls to 0 at the last step, constant stays.
        warmup: steps over which the rate rises from 0.
    """

    name: Literal["adam", "sgd", "rmsprop", "muon"] = "muon"
    lr: float = 4e-3
    last: float = 0.01
    momentum: float = 0.95
    weight_decay: float = 0.0
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup: int = 200


@dataclass(frozen=True)
class Recipe:
    """A training run.

    Args:
        model: the network.
        start: weights to start from, of a network of the same form: a file, a run folder, or the name of weights that
            come with the project; none if empty.
        optimiser: how the weights are moved.
        loss: what is made small, over the valid samples: mse, the logarithm of the mse of each patch, charbonnier, or
            the SATD of 8x8 tiles under the Hadamard transform or the DCT-II.
        steps: batches to train on in all.
        batch: patches in a batch, over all processes.
        patch: luma samples of a patch on each side, even, at most a CTU.
        qps: train and validate on these QPs only; all if empty.
        seed: of the first weights and of every draw.
        device: cpu, cuda, or whichever is there.
        precision: fp32, or bf16 by autocast; validation is always in fp32.
        channels_last: keep the channels of a sample together in memory.
        compile: compile the network with torch.compile.
        workers: processes that read batches ahead; 0 reads in between.
        ema: decay of the moving average of the weights, which is what is validated and saved; 0 for none.
        clip: largest norm of the gradient; 0 for no limit.
        log_every: steps between two lines of metrics.jsonl.
        validate_every: steps between two validations.
        validate_frames: frames of each held-out clip that are validated on, spread evenly.
        checkpoint_every: steps between two checkpoints.
        holdout: share of the sources that is held out for validation, where no folder is given for it.
    """

    model: RdnConfig = field(default_factory=RdnConfig)
    start: str = ""
    optimiser: Optimiser = field(default_factory=Optimiser)
    loss: Literal["mse", "log_mse", "charbonnier", "hadamard_satd", "dct_satd"] = "log_mse"
    steps: int = 20000
    batch: int = 16
    patch: int = 64
    qps: tuple[int, ...] = ()
    seed: int = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["fp32", "bf16"] = "bf16"
    channels_last: bool = True
    compile: bool = False
    workers: int = 1
    ema: float = 0.999
    clip: float = 1.0
    log_every: int = 20
    validate_every: int = 1000
    validate_frames: int = 2
    checkpoint_every: int = 500
    holdout: float = 0.1

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "patch", "log_every", "validate_every", "validate_frames", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, not {getattr(self, name)}")
        if self.patch % 2:
            raise ValueError(f"patch must be even, not {self.patch}")
        if not (0 <= self.ema < 1 and 0 < self.holdout < 1):
            raise ValueError(f"ema must be in [0, 1) and holdout in (0, 1), not {self.ema} and {self.holdout}")
        given = self.optimiser
        for name, value in (("lr", given.lr), ("last", given.last)):
            if not 0 < value < math.inf:
                raise ValueError(f"optimiser.{name} must be above 0 and finite, not {value}")
        if not (0 <= given.momentum < 1 and 0 <= given.weight_decay < math.inf):
            raise ValueError(
                f"optimiser.momentum must be in [0, 1) and optimiser.weight_decay not negative and finite, "
                f"not {given.momentum} and {given.weight_decay}"
            )
        if min(self.seed, self.workers, given.warmup) < 0 or not 0 <= self.clip < math.inf:
            raise ValueError(
                "seed, workers, optimiser.warmup and clip must not be negative, nor infinite, not "
                f"{self.seed}, {self.workers}, {given.warmup} and {self.clip}"
            )


@dataclass(frozen=True)
class Run:
    """One call of train-filter."""

    recipe: Recipe
    data: Path
    val: Path | None
    out: Path
    resume: bool


def parse(argv: list[str]) -> Run:
    """Read the command line and the configuration file named in it; InputError if either is not understood."""
    parser = ArgumentParser(
        prog="train-filter",
        usage="train-filter CONFIG.yaml --data DIR --out DIR [--val DIR] [--resume] [--any.field VALUE ...]",
        description="Train an RDN in-loop filter on a folder of CTU datasets.",
        exit_on_error=False,
    )
    parser.add_argument("--config", action="config", help="the configuration file, where it is not the first argument")
    parser.add_argument("--data", type=Path, required=True, help="folder of dataset files to train on")
    parser.add_argument("--val", type=Path, help="folder of dataset files to validate on, in place of held-out sources")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run: weights, checkpoint, metrics.jsonl")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out")
    parser.add_class_arguments(Recipe)
    if argv and not argv[0].startswith("-"):
        argv = ["--config", *argv]
    argv = [word for given in argv for word in (given.split("=", 1) if given.startswith("--config=") else [given])]
    for option, value in pairwise(argv):
        if option == "--config":
            read_yaml(Path(value))  # refuses what the parser would take too long for
    try:
        given = parser.instantiate(parser.parse_args(argv))
        names = Recipe.__dataclass_fields__
        recipe = Recipe(**{name: given[name] for name in names})
    except (ArgumentError, ValueError) as error:
        raise InputError(" ".join(str(error).split())) from error
    except TypeError as error:
        raise InputError("model and optimiser must be sets of fields, not a single value or none") from error
    return Run(recipe, given.data, given.val, given.out, given.resume)
