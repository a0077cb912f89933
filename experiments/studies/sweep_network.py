"""sweep: search the size of a network for gain at least cost, with Optuna (pip install 'codecnn[sweep]').

Reads a base configuration, ranges of its size and the highest cost from a file such as experiments/configs/sweep.yaml,
and trains one network a trial. What is trained already is kept, so that the same command goes on after an interruption,
or with more --trials. Saves report.md, results.json and front.png; every training has a folder of its own in runs.
"""

import codecnn.torch_settings  # noqa: F401

# isort: split

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codecnn.errors import InputError
from codecnn.io.files import write_whole
from codecnn.models.rdn.macs import kmac_per_sample
from codecnn.training.run_folder import FREE, lock
from codecnn.training.signals import caught_signals
from command_line.parser import Parser, count, enough_memory
from experiments.studies.sweep_page import markdown, plot, results
from experiments.studies.trial import Fields, check, flatten, read_result, read_study, run_of, train_or_go_on
from experiments.studies.variant import Variant

SIZES = {"channels": "C", "blocks": "D", "convolutions": "n", "growth": "g"}  # fields of RdnConfig, the field's letters


@dataclass(frozen=True)
class Space:
    """What is searched."""

    base: Fields
    ranges: dict[str, tuple[int, int]]  # least and largest value of each field of SIZES
    limit: float  # kMAC/px
    seed: int  # of the sampler

    @staticmethod
    def read(path: Path) -> "Space":
        """That of a file; InputError, with the file, for whatever is wrong in it."""
        text = read_study(path, {"base", "limit", "seed", *SIZES})
        base = flatten(text["base"], f"{path}: base")
        ranges = {name: text[name] for name in SIZES}
        for name, given in ranges.items():
            if f"model.{name}" in base:
                raise InputError(f"{path}: base: model.{name} is given by {name}")
            two = isinstance(given, list) and [type(end) for end in given] == [int, int]
            if not two or given[0] > given[1]:
                raise InputError(f"{path}: {name} must be a least and a largest value such as [8, 32], not {given}")
        limit, seed = text["limit"], text["seed"]
        if type(limit) not in (int, float) or not limit > 0 or type(seed) is not int or seed < 0:
            raise InputError(f"{path}: limit must be a number above 0 and seed a whole number, not {limit} and {seed}")
        return Space(base, {name: (low, high) for name, (low, high) in ranges.items()}, limit, seed)

    def settings(self) -> dict[str, Any]:
        """What must stay the same while a search goes on."""
        base = {f"base: {name}": value for name, value in self.base.items() if name not in FREE}
        ranges = {name: list(ends) for name, ends in self.ranges.items()}
        return {**ranges, "limit": self.limit, "seed": self.seed, **base}


def sweep(config: Path, data: Path, val: Path | None, out: Path, trials: int, caught: list[int]) -> int:
    """Make the trials that are not made yet, then print and save the report; 0, or 128 + signal when stopped by one."""
    try:
        from experiments.studies.search import Proposals
    except ImportError as error:
        raise InputError(f"{error.name} is not installed: pip install 'codecnn[sweep]'") from error
    space = Space.read(config)
    smallest = {f"model.{name}": low for name, (low, _) in space.ranges.items()}
    check(run_of(space.base | smallest, str(config), data, val, out), str(config))  # before a file is written
    with lock(out):
        proposals = Proposals(out / "trials.db", space.ranges, space.seed, space.settings())
        networks: dict[str, Variant] = {}
        over = lost = 0
        for number in range(trials):
            if (sizes := proposals.sizes(number)) is None:
                lost += 1
                continue
            name = " ".join(f"{letter}{sizes[size]}" for size, letter in SIZES.items())
            fields = space.base | {f"model.{size}": value for size, value in sizes.items()}
            run = run_of(fields, f"{config}: {name}", data, val, out / "runs" / name.replace(" ", "_"))
            cost = kmac_per_sample(run.recipe.model)
            print(f"{number + 1} of {trials}: {name}, {cost:.1f} kMAC/px", flush=True)
            if cost > space.limit:
                over += 1
                proposals.reject(number)
                continue
            if code := train_or_go_on(run, caught):
                print("sweep: stopped; the same command goes on", file=sys.stderr)
                return code
            networks[name] = Variant(name, run.recipe, "", {run.recipe.seed: read_result(run.out)})
            proposals.tell(number, networks[name].gain.mean, cost)
        if not networks:
            raise InputError(f"{config}: limit: none of {trials} trials is within {space.limit} kMAC/px")
        found = list(networks.values())
        about = {
            "trials": f"{trials}: {len(found)} networks; {over} over {space.limit:g} kMAC/px, not trained; "
            f"{trials - len(found) - over - lost} repetitions; {lost} lost to an interruption",
            "ranges": ", ".join(f"{SIZES[size]} {low} to {high}" for size, (low, high) in space.ranges.items()),
            "seed of the search": str(space.seed),
        }
        text = markdown(found, about)
        files = {"report.md": text.encode(), "results.json": results(found, about), "front.png": plot(found)}
        for file, content in files.items():
            write_whole(out / file, content)
        print(text)
    return 0


def main(argv: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = Parser(prog="sweep", description=__doc__)
    parser.add_argument("config", type=Path, help="base, ranges and limit: a YAML file")
    parser.add_argument("--data", type=Path, required=True, help="folder of dataset files to train on")
    parser.add_argument("--val", type=Path, help="folder of dataset files to validate on, in place of held-out sources")
    parser.add_argument("--out", type=Path, required=True, help="folder for report.md, results.json, front.png, runs")
    parser.add_argument("--trials", type=count, required=True, help="networks to try in all, those over the limit too")
    args = parser.parse_args(argv)
    try:
        with enough_memory(), caught_signals() as caught:
            return sweep(args.config, args.data, args.val, args.out, args.trials, caught)
    except (InputError, OSError) as error:
        print(f"sweep: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
