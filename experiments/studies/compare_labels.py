"""compare-labels: train the same network on labels by several measures, and judge all of them by the same measures.

A network cannot be better than its ground truth, if it is judged by the truth. Reads a base configuration of
train-modes, seeds, block sizes and labels from a file such as experiments/configs/labels.yaml, and trains a network for
each. Finished trainings are kept: the same command continues after an interruption. Then judges the networks and the
labels themselves on --test, which no training has seen, by the regret under the Hadamard SATD, the DCT SATD and the
rate-distortion cost J. Saves report.md, results.json and regrets.png; every training has a folder of its own in the
folder runs.
"""

import codecnn.torch_settings  # noqa: F401

# isort: split

import argparse
import sys
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from codecnn.dataset.reader import Shard, open_folder
from codecnn.errors import InputError
from codecnn.models.blocks import ModeNetwork
from codecnn.tasks.block_sites import MEASURES, Measure, Site, Sites, lagrangian_of
from codecnn.tasks.intra_mode import IntraMode, logits_of
from codecnn.training.recipe import Run
from codecnn.training.run_folder import locked
from command_line.arguments import count, path
from command_line.progress import say
from command_line.terminal import printable
from experiments.reports.modes.measure import measure_all
from experiments.reports.modes.rankings import Ranking
from experiments.reports.shared.block_networks import Case
from experiments.reports.shared.one_comparison import check_comparable
from experiments.reports.shared.page import finish
from experiments.studies.command import run_study, study_parser
from experiments.studies.label_judgement import Judged, judged_of
from experiments.studies.label_page import describe, page, plot, results
from experiments.studies.study_file import Fields, flatten, read_study
from experiments.studies.trial import Place, check_run, failures, finish_run, kept_going, mode_network, shards_of

GIVEN = {"model.size", "labels", "seed"}  # by the study


@dataclass(frozen=True)
class SizeText:
    """Hold a block size as the file gives it: seeds, changed fields, and for each label the fields that it changes."""

    size: int
    seeds: list[int]
    labels: dict[Measure, dict[str, Any]]
    change: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds must be a list of different whole numbers, not {self.seeds!r}")
        if not self.labels:
            raise ValueError(f"labels must be one or more of {', '.join(MEASURES)}")


@dataclass(frozen=True)
class StudyText:
    """Hold a study as the file gives it."""

    base: dict[str, Any]
    sizes: list[SizeText]

    def __post_init__(self) -> None:
        if not self.sizes or len({one.size for one in self.sizes}) < len(self.sizes):
            raise ValueError("sizes must be a list of different block sizes")

    @property
    def trainings(self) -> list[tuple[int, Measure, int]]:
        """Return size, label and seed of each training; the first seeds of all come first."""
        turns = [
            (turn, (one.size, label, seed))
            for one in self.sizes
            for turn, seed in enumerate(one.seeds)
            for label in one.labels
        ]
        return [training for _, training in sorted(turns, key=itemgetter(0))]


def recipes_of(study: StudyText, path: Path) -> dict[tuple[int, Measure], Fields]:
    """Return the fields for each size and label; InputError, naming the file, if they are not valid."""
    recipes = {}
    for one in study.sizes:
        parts = [(study.base, "base"), (one.change, f"size {one.size}")]
        for label, change in one.labels.items():
            fields: Fields = {}
            for part, name in (*parts, (change, f"size {one.size}, {label}")):
                flat = flatten(part, f"{path}: {name}", IntraMode.name)
                if given := GIVEN & flat.keys():
                    raise InputError(f"{path}: {name}: {', '.join(sorted(given))} is given by seeds and sizes")
                fields |= flat
            recipes[one.size, label] = fields | {"model.size": one.size, "labels": label}
    return recipes


def compare(args: argparse.Namespace) -> None:
    """Train what is not trained yet, then judge, print and save; seeds with a failed training are left out."""
    study = read_study(args.config, StudyText)
    place = Place(IntraMode.name, args.data, args.val, args.out)
    recipes = recipes_of(study, args.config)
    runs: dict[tuple[int, Measure, int], Run] = {
        (size, label, seed): place.run_of(
            recipes[size, label] | {"seed": seed}, f"{args.config}: size {size}, {label}", f"{size}_{label}_seed{seed}"
        )
        for size, label, seed in study.trainings
    }
    shards = open_folder(args.test)
    check_test(shards, next(iter(runs.values())), args.test)
    firsts = {one.size: one.seeds[0] for one in study.sizes}
    for (size, label, seed), run in runs.items():
        if seed == firsts[size] or (run.out / "last.pt").exists():
            check_run(run, f"{args.config}: size {size}, {label}")
    failed: dict[str, str] = {}
    finished: dict[tuple[int, Measure, int], Run] = {}
    with locked(args.out):
        for number, ((size, label, seed), run) in enumerate(runs.items(), start=1):
            name = f"size {size}, labels {label}, seed {seed}"
            say(printable(f"{number} of {len(runs)}: {name}"))
            with kept_going("compare-labels", name, failed):
                finish_run("compare-labels", run)
                finished[size, label, seed] = run
        judged = []
        for one in study.sizes:
            seeds = [seed for seed in one.seeds if all((one.size, label, seed) in finished for label in one.labels)]
            judged += judge(one, seeds, finished, shards, args.ctus) if seeds else []
        if not judged:
            raise InputError(
                f"{args.config}: no size has a seed whose trainings all ended well: {min(failed.values())}"
            )
        about = describe(finished, shards, args.ctus) | failures(failed)
        finish(args.out, page(judged, about), results(judged, about), {"regrets.png": partial(plot, judged)})


def check_test(shards: list[Shard], run: Run, folder: Path) -> None:
    """Raise InputError unless shards can be judged on: by J, and of no source that is trained or validated on."""
    check_comparable(shards)
    for shard in shards:
        lagrangian_of(shard)
    seen = {shard.info.source_sha256 for shard in shards_of(run).everything}
    if common := sorted({shard.info.source for shard in shards if shard.info.source_sha256 in seen}):
        raise InputError(f"{folder}: {', '.join(common)} is trained or validated on as well")


def judge(
    one: SizeText, seeds: list[int], runs: dict[tuple[int, Measure, int], Run], shards: list[Shard], ctus: int
) -> list[Judged]:
    """Judge the labels of a size themselves, and the networks trained on them with each seed."""
    trained = {(label, seed): mode_network(runs[one.size, label, seed]) for label in one.labels for seed in seeds}
    modes = next(iter(trained.values())).config.modes
    rankings = [Ranking(label, partial(label_of, MEASURES.index(label)), single=True) for label in one.labels]
    rankings += [
        Ranking(f"{label} {seed}", partial(first_of, network), single=True)
        for (label, seed), network in trained.items()
    ]
    rows, _ = measure_all(Sites(shards, one.size), ctus, Case(one.size, modes), rankings, MEASURES)
    return judged_of(rows)


def label_of(place: int, site: Site, costs: NDArray) -> NDArray:
    """Return the labels by one of the measures: (n, 1)."""
    modes: NDArray = costs[place].argmin(1)
    return modes[:, None]


def first_of(network: ModeNetwork, site: Site, costs: NDArray) -> NDArray:
    """Return the modes that a network puts first: (n, 1)."""
    modes: NDArray = logits_of(network, site).argmax(1)
    return modes[:, None]


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = study_parser("compare-labels", __doc__)
    parser.add_argument("--test", type=path, required=True, help="folder of dataset files to judge on, once")
    parser.add_argument("--ctus", type=count, default=0, help="CTUs of each of those files, spread evenly; 0 for all")
    return run_study("compare-labels", compare, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
