"""sweep-network: search network sizes for the best figure at the lowest cost, with Optuna (extra 'sweep').

Reads a base configuration, ranges of fields of the network and the highest cost from a file such as
experiments/configs/sweep.yaml, and trains one network for each trial. Finished trainings are kept: the same command
continues after an interruption, or with more --trials. Saves report.md, results.json and front.png; every
training has a folder of its own in runs.
"""

import codecnn.torch_settings  # noqa: F401

# isort: split

import argparse
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from codecnn.errors import InputError
from codecnn.tasks.registry import TASKS
from codecnn.training.run_folder import WITHOUT_EFFECT, locked
from command_line.arguments import count
from command_line.progress import say
from experiments.reports.shared.page import finish
from experiments.studies.command import run_study, study_parser
from experiments.studies.cost import kmac_of
from experiments.studies.study_file import Fields, flatten, known_fields, known_task, read_study
from experiments.studies.sweep_page import page, plot, results
from experiments.studies.trial import Place, check_run, failures, finish_run, kept_going
from experiments.studies.variant import Variant

LETTERS = {"channels": "C", "blocks": "D", "convolutions": "n", "growth": "g"}  # short names of fields


@dataclass(frozen=True)
class Space:
    """Hold the space that is searched, as the file gives it."""

    base: dict[str, Any]
    ranges: dict[str, tuple[int, int]]  # least and largest value of whole-number fields of the network
    limit: float  # kMAC per luma sample
    seed: int  # seed of the sampler
    task: str = "in-loop-filter"

    def __post_init__(self) -> None:
        for name, (low, high) in self.ranges.items():
            if low > high:
                raise ValueError(f"{name} must be a least and a largest value such as [8, 32], not {[low, high]}")
        if not self.ranges or not self.limit > 0 or not 0 <= self.seed < 1 << 31:
            raise ValueError(
                "ranges must not be empty, limit must be above 0 and seed from 0 to 2^31 - 1, not "
                f"{len(self.ranges)} ranges, {self.limit} and {self.seed}"
            )

    def settings(self, base: Fields) -> dict[str, Any]:
        """Return all that must not change while a search continues."""
        fixed = {f"base: {name}": value for name, value in base.items() if name not in WITHOUT_EFFECT}
        ranges = {name: list(ends) for name, ends in self.ranges.items()}
        return {**ranges, "limit": self.limit, "seed": self.seed, **fixed}


def base_of(space: Space, path: Path) -> Fields:
    """Return the fields of the base; InputError, naming the file, if they do not fit the ranges."""
    base = flatten(space.base, f"{path}: base", known_task(space.task, str(path)))
    known = known_fields(space.task, str(base.get("network", TASKS[space.task].network)), str(path))
    for name in space.ranges:
        if f"model.{name}" in base:
            raise InputError(f"{path}: base: model.{name} is given by {name}")
        if type(known.get(f"model.{name}")) is not int:
            raise InputError(f"{path}: ranges: {name} is no whole-number field of the network")
    return base


def sweep(args: argparse.Namespace) -> None:
    """Make the trials not made yet, then print and save the report, which names the trainings that failed."""
    try:
        from experiments.studies.search import Search
    except ImportError as error:
        raise InputError(f"{error.name} is not installed: pip install 'codecnn[sweep]'") from error
    config: Path = args.config
    space = read_study(config, Space)
    base, place = base_of(space, config), Place(space.task, args.data, args.val, args.out)
    smallest, _ = (  # before a file is written
        place.run_of(base | {f"model.{name}": ends[end] for name, ends in space.ranges.items()}, str(config), "")
        for end in (0, 1)
    )
    check_run(smallest, str(config))
    with locked(args.out):
        search = Search(args.out / "trials.db", space.ranges, space.seed, space.settings(base))
        networks: dict[str, Variant] = {}
        failed: dict[str, str] = {}
        over = lost = 0
        for number in range(args.trials):
            if (sizes := search.sizes(number)) is None:
                lost += 1
                continue
            name = " ".join(f"{LETTERS.get(field, field)}{sizes[field]}" for field in space.ranges)
            fields = base | {f"model.{field}": sizes[field] for field in space.ranges}
            run = place.run_of(fields, f"{config}: {name}", name.replace(" ", "_"))
            cost = kmac_of(run)
            say(f"{number + 1} of {args.trials}: {name}, {cost:.1f} kMAC/px")
            if cost > space.limit:
                over += 1
                search.reject(number)
                continue
            if name not in failed:
                with kept_going("sweep-network", name, failed):
                    result = finish_run("sweep-network", run)
                    networks[name] = Variant(name, run.recipe, "", {run.recipe.training.seed: result}, cost)
            if name in failed:
                search.fail(number)
                continue
            sign = 1 if run.recipe.task.larger_is_better else -1
            search.tell(number, sign * networks[name].figure.mean, cost)
        if not networks:
            reason = f"limit: none of {args.trials} trials is within {space.limit} kMAC/px"
            raise InputError(f"{config}: {next(iter(failed.values()), reason)}")
        found = list(networks.values())
        repeated = args.trials - len(found) - over - lost - len(failed)
        about = failures(failed) | {
            "trials": f"{args.trials}: {len(found)} networks; {over} over {space.limit:g} kMAC/px, not trained; "
            f"{repeated} repetitions; {lost} lost to an interruption",
            "ranges": ", ".join(f"{LETTERS.get(n, n)} {low} to {high}" for n, (low, high) in space.ranges.items()),
            "seed of the search": str(space.seed),
        }
        finish(args.out, page(found, about), results(found, about), {"front.png": partial(plot, found)})


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = study_parser("sweep-network", __doc__)
    parser.add_argument("--trials", type=count, required=True, help="networks to try in all, those over the limit too")
    return run_study("sweep-network", sweep, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
