"""compare-backbones: train networks that rank intra modes by the same recipe, and compare what they reach at what cost.

Reads a base configuration of train-modes, seeds, and variants of it from a file such as
experiments/configs/backbones_16.yaml, whose form is that of ablate-network. Finished trainings are kept: the same
command continues after an interruption. Then judges all networks on the same blocks, of the sources that the trainings
have held out, or of --test. Saves report.md, results.json and front.png; every training has a folder of its own in the
folder runs.
"""

import codecnn.torch_settings  # noqa: F401

# isort: split

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from statistics import fmean
from typing import NamedTuple

from codecnn.dataset.reader import Shard
from codecnn.errors import InputError
from codecnn.models.blocks import ModeNetwork
from codecnn.tasks.block_sites import MEASURES, Sites
from codecnn.tasks.intra_mode import IntraMode
from codecnn.training.data import choose_shards
from codecnn.training.recipe import Run
from codecnn.training.run_folder import locked
from command_line.arguments import count, path
from experiments.reports.modes.means import means_of
from experiments.reports.modes.measure import measure_all
from experiments.reports.modes.rankings import PLANAR, Ranking, always, by_network
from experiments.reports.modes.speed import times_of
from experiments.reports.shared.block_networks import Case, case_of
from experiments.reports.shared.means import grouped
from experiments.reports.shared.page import finish
from experiments.studies.ablate_network import StudyText, checked_runs, train_variants
from experiments.studies.backbone_page import FIRST, Judged, labels_of, page, plot, results
from experiments.studies.command import run_study, study_parser
from experiments.studies.study_file import read_study
from experiments.studies.trial import failures, mode_network
from experiments.studies.variant import Variant


def compare(args: argparse.Namespace) -> None:
    """Train the variants not trained yet, judge them, then print and save the report."""
    study = read_study(args.config, StudyText)
    if study.task != IntraMode.name:
        raise InputError(f"{args.config}: task must be {IntraMode.name}, not {study.task}")
    runs = checked_runs(study, args)
    shards = choose_shards(replace(next(iter(runs.values())), test=args.test))
    with locked(args.out):
        variants, failed = train_variants("compare-backbones", study, runs, args.config)
        on = shards.test if args.test else shards.held_out
        judged = judge(variants, runs, on, args.ctus)
        about = failures(failed)
        finish(args.out, page(judged, on, about), results(judged, on, about), {"front.png": partial(plot, judged)})


def judge(
    variants: Sequence[Variant], runs: Mapping[tuple[str, int], Run], shards: Sequence[Shard], ctus: int
) -> list[Judged]:
    """Judge the networks of all variants under the measure of their labels, all of a block size on the same blocks."""
    labels = labels_of(variants[0])
    measures = MEASURES if labels == "rd" else tuple(measure for measure in MEASURES if measure != "rd")
    judged = []
    for (case,), its in grouped([Trained.of(variant, runs) for variant in variants], "case"):
        networks = [(f"{one.variant.name} {seed}", net) for one in its for seed, net in one.networks.items()]
        rankings = [Ranking("planar", partial(always, PLANAR), single=True)]
        rankings += [Ranking(name, partial(by_network, network)) for name, network in networks]
        sites = Sites(shards, case.size)
        rows, _ = measure_all(sites, ctus, case, rankings, measures)
        means = {mean.ranking: mean for mean in means_of(rows) if mean.measure == labels}  # the last over all QPs
        times = {time.what: time.microseconds for time in times_of(sites, case, networks, measures)}
        for one in its:
            names = [f"{one.variant.name} {seed}" for seed in one.networks]
            of_seeds = [means[name] for name in names]
            judged.append(
                Judged(
                    one.variant,
                    case,
                    microseconds=fmean(times[name] for name in names),
                    top1=fmean(mean.top_of(1) for mean in of_seeds),
                    regrets={k: fmean(mean.regret_of(k) for mean in of_seeds) for k in FIRST},
                )
            )
    return judged


class Trained(NamedTuple):
    """Hold the networks of a variant, by seed."""

    variant: Variant
    case: Case
    networks: dict[int, ModeNetwork]

    @staticmethod
    def of(variant: Variant, runs: Mapping[tuple[str, int], Run]) -> "Trained":
        """Read the networks of a variant."""
        config = variant.recipe.model
        networks = {seed: mode_network(runs[variant.name, seed]) for seed in variant.results}
        return Trained(variant, case_of(config), networks)


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = study_parser("compare-backbones", __doc__)
    parser.add_argument("--test", type=path, help="folder of dataset files to judge on once, in place of held-out ones")
    parser.add_argument("--ctus", type=count, default=0, help="CTUs of each of those files, spread evenly; 0 for all")
    return run_study("compare-backbones", compare, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
