"""One training of many: a recipe from the fields of a study's file, trained in a folder of its own, begun or not."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from codecnn.dataset.store import Shard
from codecnn.errors import InputError
from codecnn.io.yaml_files import read_yaml
from codecnn.models.weights import load
from codecnn.training.batches import Batches
from codecnn.training.device import choose_device
from codecnn.training.metrics_log import read_rows, validations
from codecnn.training.recipe import Recipe, Run, parse
from codecnn.training.run_folder import RunFolder, describe, fingerprint
from experiments.train_filter import choose_shards, first_weights, train

Fields = dict[str, Any]  # of a recipe, by their dotted names


@dataclass(frozen=True)
class Result:
    """A finished training, as its folder tells it; gains in dB of PSNR-Y over the baseline."""

    gains: dict[int, float]  # by step, mean over the QPs, of every validation
    by_qp: dict[int, float]  # of the last validation
    notes: dict[str, Any]  # of its weights

    @property
    def gain(self) -> float:
        """That of the last validation: nothing is selected."""
        return self.gains[max(self.gains)]


def read_study(path: Path, keys: set[str]) -> dict[str, Any]:
    """A study's file: a mapping of these keys and no other; InputError if it is none."""
    study = read_yaml(path)
    if not isinstance(study, dict):
        raise InputError(f"{path}: not a mapping of {', '.join(sorted(keys))}")
    for what, wrong in (("unknown", study.keys() - keys), ("missing", keys - study.keys())):
        if wrong:
            raise InputError(f"{path}: {what} {', '.join(sorted(map(str, wrong)))}")
    return study


def flatten(fields: object, where: str) -> Fields:
    """Fields of a recipe, nested or dotted, by their dotted names; InputError if one is unknown or given twice."""
    if not isinstance(fields, Mapping):
        raise InputError(f"{where}: must be a mapping of fields of a configuration, not {fields!r}")
    flat: Fields = {}
    for key, value in fields.items():
        inner = {f"{key}.{name}": v for name, v in value.items()} if isinstance(value, Mapping) else {str(key): value}
        for name in inner:
            if name not in describe(Recipe()):
                raise InputError(f"{where}: unknown field {name}")
            if name in flat:
                raise InputError(f"{where}: {name} is given twice")
        flat |= inner
    return flat


def run_of(fields: Fields, where: str, data: Path, val: Path | None, out: Path) -> Run:
    """The run of train-filter with these fields as its options; InputError if it does not understand them."""
    folders = ["--data", str(data), "--out", str(out), *(["--val", str(val)] if val else [])]
    try:
        options = [f"--{k}={v if isinstance(v, str) else json.dumps(v)}" for k, v in fields.items()]
        return parse([*folders, *options])
    except (InputError, TypeError) as error:  # TypeError: YAML has types that JSON lacks, such as dates
        raise InputError(f"{where}: {error}") from error


def check(run: Run, where: str) -> None:
    """InputError for what train would refuse on these data, while nothing is written or trained yet."""
    recipe = run.recipe
    try:
        training, held_out = choose_shards(run)
        Batches(training, recipe.model, recipe.patch, recipe.batch, recipe.seed)
        choose_device(recipe.device)
        if (run.out / "last.pt").exists():
            steps_done(run, training, held_out)
        else:
            first_weights(recipe, held_out)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def train_or_go_on(run: Run, caught: list[int]) -> int:
    """Train in `run.out`, from where a former call was interrupted; train's exit code, 0 at once where it is finished.

    InputError if the folder holds a run of another configuration or on other data.
    """
    if not (run.out / "last.pt").exists():
        return train(run, caught)
    return 0 if steps_done(run, *choose_shards(run)) == run.recipe.steps else train(replace(run, resume=True), caught)


def steps_done(run: Run, training: Sequence[Shard], held_out: Sequence[Shard]) -> int:
    """How far the training in `run.out` is; InputError if it is one of another configuration, or on other data."""
    saved = RunFolder(run.out, resume=True).load(run.recipe, fingerprint([*training, *held_out]))
    if saved["step"] > run.recipe.steps:
        raise InputError(f"{run.out}: was trained for {saved['step']} steps already, not {run.recipe.steps}")
    return saved["step"]


def read_result(folder: Path) -> Result:
    """What a finished training came to; InputError if its files are damaged."""
    file = folder / "metrics.jsonl"
    checks = validations(file, read_rows(file))
    gains = {check.step: check.gain for check in checks}
    return Result(gains, checks[-1].by_qp, load(folder / "last.safetensors")[1])
