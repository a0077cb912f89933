"""Define the settings of a training: a part for the training itself, a part for the task, and the network."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal

from codecnn.models.closed_forms import OptimiserName, Precision
from codecnn.models.registry import name_of
from codecnn.tasks.task import Task
from codecnn.training.transfer import AddedPlanes

MOST = 1e9  # of numbers with a fraction: far above what trains, far below what float32 cannot hold
MANY = (1 << 31) - 1
MOST_WEIGHT = 100  # of a source
RANGES = {  # least and largest whole number
    "steps": (1, MANY),
    "batch": (1, 1 << 16),
    "seed": (0, (1 << 63) - 1),
    "workers": (0, 1 << 10),
    "log_every": (1, MANY),
    "validate_every": (1, MANY),
    "validate_batches": (0, MANY),
    "patience": (0, MANY),
    "checkpoint_every": (1, MANY),
    "optimiser.warmup": (0, MANY),
}


@dataclass(frozen=True)
class Optimiser:
    """Choose the optimiser, its learning rate and its schedule.

    Args:
        name: adam, adamw, sgd, rmsprop or muon, which moves kernels by orthogonal matrices.
        lr: learning rate after the warm-up.
        last: learning rate of the last layer as a share of lr, for networks with a last layer that needs small steps.
        deeper: learning rate of a layer as a multiple of that of the layer before it; the fastest one has lr.
        momentum: momentum of sgd and rmsprop, and of the kernels for muon; decay of the mean gradient of adam and
            adamw.
        weight_decay: decay of the weights: a part of the gradient (L2), or with adamw apart from it (Loshchilov and
            Hutter, ICLR 2019).
        schedule: cosine falls to 0 at the last step, constant stays.
        warmup: steps over which the rate rises from 0.
    """

    name: OptimiserName = "muon"
    lr: float = 4e-3
    last: float = 0.01
    deeper: float = 1.0
    momentum: float = 0.95
    weight_decay: float = 0.0
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup: int = 200


@dataclass(frozen=True)
class Training:
    """Hold the part of a recipe that is the same for all tasks.

    Args:
        start: weights to start from: a file, a run folder, or the name of weights that come with the project; none if
            empty. What fits is taken over from networks of another form.
        added_planes: weights, of the first convolution, of input planes that the network of start does not have: zero,
            or the mean over those that it has.
        freeze: name of a module, such as blocks.0: its weights, and those of the modules before it, stay as they are;
            none if empty.
        optimiser: how the weights are moved.
        steps: batches to train on in all.
        batch: number of units, such as CTU windows, from which a batch takes its samples, over all processes.
        qps: train and validate on these QPs only, in the codec's own scale; all if empty.
        weights: how many times a source is in the data, 1 without a weight: by its name, such as wikipedia_*: 2, or by
            folder and name, such as new/*: 3. With 0 it is left out. Where several patterns fit, their product.
        seed: of the first weights and of every random draw.
        device: cpu, cuda, or auto: cuda if there is a GPU.
        precision: fp32, or bf16 by autocast; validation is always in fp32.
        channels_last: keep the channels of a sample together in memory.
        compile: compile the network with torch.compile.
        workers: processes that read batches ahead; with 0 the training itself reads them.
        ema: decay of the moving average of the weights; the average is validated and saved; 0 for none.
        clip: largest norm of the gradient; 0 for no limit.
        log_every: steps between two lines of metrics.jsonl.
        validate_every: steps between two validations.
        validate_batches: held-out batches at each validation, for figures that compare with those of training.
        patience: stop early after this number of validations without a better one; 0 never stops early.
        checkpoint_every: steps between two checkpoints.
        holdout: share of the sources that is held out for validation, if no folder for validation is given.
        holdout_test: share of the sources that is held out to judge the best weights on once, at the end; 0 for none.
    """

    start: str = ""
    added_planes: AddedPlanes = "zero"
    freeze: str = ""
    optimiser: Optimiser = field(default_factory=Optimiser)
    steps: int = 20000
    batch: int = 16
    qps: tuple[int, ...] = ()
    weights: dict[str, int] = field(default_factory=dict, hash=False)
    seed: int = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Precision = "bf16"
    channels_last: bool = True
    compile: bool = False
    workers: int = 1
    ema: float = 0.999
    clip: float = 1.0
    log_every: int = 20
    validate_every: int = 1000
    validate_batches: int = 4
    patience: int = 0
    checkpoint_every: int = 500
    holdout: float = 0.1
    holdout_test: float = 0.0

    def __post_init__(self) -> None:
        for name, (low, high) in RANGES.items():
            value = self.optimiser.warmup if name == "optimiser.warmup" else getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} must be from {low} to {high}, not {value!s:.40}")
        if not (0 <= self.ema < 1 and 0 < self.holdout < 1 and 0 <= self.holdout_test < 1):
            raise ValueError(
                "ema must be in [0, 1), holdout in (0, 1) and holdout_test in [0, 1), not "
                f"{self.ema}, {self.holdout} and {self.holdout_test}"
            )
        for pattern, weight in self.weights.items():
            if not pattern or not 0 <= weight <= MOST_WEIGHT:
                raise ValueError(f"weights.{pattern:.80} must be from 0 to {MOST_WEIGHT}, not {weight!s:.40}")
        given = self.optimiser
        for name, number in (("lr", given.lr), ("last", given.last), ("deeper", given.deeper)):
            if not 0 < number <= MOST:
                raise ValueError(f"optimiser.{name} must be above 0 and at most {MOST:g}, not {number}")
        if not (0 <= given.momentum < 1 and 0 <= given.weight_decay <= MOST and 0 <= self.clip <= MOST):
            raise ValueError(
                f"optimiser.momentum must be in [0, 1), optimiser.weight_decay and clip from 0 to {MOST:g}, "
                f"not {given.momentum}, {given.weight_decay} and {self.clip}"
            )


@dataclass(frozen=True)
class Recipe:
    """Hold all that decides the result of a run on given data."""

    training: Training
    task: Task[Any]
    model: Any  # the configuration of a network of the registry


@dataclass(frozen=True)
class Run:
    """Hold a recipe with the folders of its data, and its own folder."""

    recipe: Recipe
    data: Sequence[Path]  # folders
    val: Path | None
    out: Path
    resume: bool = False
    test: Path | None = None


def describe(recipe: Recipe) -> dict[str, Any]:
    """Return the fields of a recipe by their dotted names, as on the command line, with the name of the network."""
    flat: dict[str, Any] = {"network": name_of(recipe.model)}
    flat |= {f"model.{name}": value for name, value in asdict(recipe.model).items()}
    for part in (recipe.training, recipe.task):
        for name, value in ((each.name, getattr(part, each.name)) for each in fields(part)):  # type: ignore[arg-type]
            if is_dataclass(value) and not isinstance(value, type):
                flat |= {f"{name}.{key}": its for key, its in asdict(value).items()}
            else:
                flat[name] = value
    return flat
