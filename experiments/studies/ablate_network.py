"""ablate-network: train variants of a network, each with several seeds, on the same data, and compare them.

Reads a base configuration, seeds, and variants of it from a file such as experiments/configs/ablation.yaml. Finished
trainings are kept: the same command continues after an interruption. Saves report.md, results.json and
gains.png; every training has a folder of its own in the folder runs.
"""

import codecnn.torch_settings  # noqa: F401

# isort: split

import argparse
import re
import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from codecnn.errors import InputError
from codecnn.training.recipe import Run
from codecnn.training.run_folder import locked
from command_line.progress import say
from command_line.terminal import printable
from experiments.reports.shared.page import finish
from experiments.studies.ablation_page import page, plot, results
from experiments.studies.command import run_study, study_parser
from experiments.studies.cost import kmac_of
from experiments.studies.study_file import Fields, flatten, known_task, read_study
from experiments.studies.trial import Place, Result, check_run, failures, finish_run, kept_going
from experiments.studies.variant import Variant

# No variant may change these. labels: regrets are by the same measure.
SHARED = {
    "seed",
    "steps",
    "qps",
    "holdout",
    "holdout_test",
    "validate_every",
    "validate_frames",
    "validate_ctus",
    "labels",
}


@dataclass(frozen=True)
class VariantText:
    """Hold a variant as the file gives it: the fields that it changes, and an earlier finding about it."""

    name: str
    change: dict[str, Any] = field(default_factory=dict)
    found: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\w[\w .+-]*", self.name):
            raise ValueError(f"a variant's name is of letters, digits and spaces, not {self.name!r}")

    @property
    def folder(self) -> str:
        """Return the name of its folder."""
        return self.name.replace(" ", "_").lower()


@dataclass(frozen=True)
class StudyText:
    """Hold a study as the file gives it."""

    base: dict[str, Any]
    seeds: list[int]
    variants: list[VariantText]
    task: str = "in-loop-filter"

    def __post_init__(self) -> None:
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds must be a list of different whole numbers, not {self.seeds!r}")
        if not self.variants:
            raise ValueError("variants must be a list of one or more")
        folders = [variant.folder for variant in self.variants]
        for number, variant in enumerate(self.variants):
            if variant.folder in folders[:number]:
                raise ValueError(f"two variants have the name {variant.name}")


def recipes_of(study: StudyText, path: Path) -> dict[str, Fields]:
    """Return the fields of each variant; InputError, naming the file, if they are not valid."""
    base = flatten(study.base, f"{path}: base", known_task(study.task, str(path)))
    if "seed" in base:
        raise InputError(f"{path}: base: seed is given by seeds")
    recipes = {}
    for variant in study.variants:
        change = flatten(variant.change, f"{path}: {variant.name}", study.task)
        if common := SHARED & change.keys():
            raise InputError(f"{path}: {variant.name}: {', '.join(sorted(common))} must be the same in all variants")
        recipes[variant.name] = base | change
    return recipes


def checked_runs(study: StudyText, args: argparse.Namespace) -> dict[tuple[str, int], Run]:
    """Return the run of each variant and seed; InputError, before anything is written, if one cannot be done."""
    config: Path = args.config
    recipes, place = recipes_of(study, config), Place(study.task, args.data, args.val, args.out)
    runs: dict[tuple[str, int], Run] = {
        (variant.name, seed): place.run_of(
            recipes[variant.name] | {"seed": seed}, f"{config}: {variant.name}", f"{variant.folder}_seed{seed}"
        )
        for seed in study.seeds  # the outer loop, so that the first runs cover every variant
        for variant in study.variants
    }
    for (name, seed), run in runs.items():
        if seed == study.seeds[0] or (run.out / "last.pt").exists():
            check_run(run, f"{config}: {name}")
    return runs


def train_variants(
    prog: str, study: StudyText, runs: dict[tuple[str, int], Run], config: Path
) -> tuple[list[Variant], dict[str, str]]:
    """Train what is not trained yet; return the variants, and the trainings that failed. InputError if all did."""
    finished: dict[str, dict[int, Result]] = {variant.name: {} for variant in study.variants}
    failed: dict[str, str] = {}
    for number, ((name, seed), run) in enumerate(runs.items(), start=1):
        say(printable(f"{number} of {len(runs)}: {name}, seed {seed}"))
        with kept_going(prog, f"{name}, seed {seed}", failed):
            finished[name][seed] = finish_run(prog, run)
    variants = [
        Variant(v.name, first.recipe, v.found, finished[v.name], kmac_of(first))
        for v, first in ((v, runs[v.name, study.seeds[0]]) for v in study.variants)
        if finished[v.name]
    ]
    if not variants:
        raise InputError(f"{config}: all trainings failed: {next(iter(failed.values()))}")
    return variants, failed


def ablate(args: argparse.Namespace) -> None:
    """Train the variants not trained yet, then print and save the report, which names the trainings that failed."""
    config: Path = args.config
    study = read_study(config, StudyText)
    runs = checked_runs(study, args)
    with locked(args.out):
        variants, failed = train_variants("ablate-network", study, runs, config)
        about = failures(failed)
        plots = {"gains.png": partial(plot, variants)}
        finish(args.out, page(config.stem, variants, about), results(variants, about), plots)


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return run_study("ablate-network", ablate, study_parser("ablate-network", __doc__).parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
