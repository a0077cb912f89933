"""ablate: train variants of a network, each with several seeds, on the same data, and say what each of them gains.

Reads a base configuration, seeds, and variants of it from a file such as experiments/configs/ablation.yaml. What is
trained already is kept, so that the same command goes on after an interruption. Saves report.md, results.json and
gains.png; every training has a folder of its own in the folder runs.
"""

import codecnn.torch_settings  # noqa: F401

# isort: split

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from codecnn.errors import InputError
from codecnn.io.files import write_whole
from codecnn.training.recipe import Run
from codecnn.training.run_folder import lock
from codecnn.training.signals import caught_signals
from command_line.parser import Parser, enough_memory
from experiments.studies.ablation_page import markdown, plot, results
from experiments.studies.trial import Fields, check, flatten, read_result, read_study, run_of, train_or_go_on
from experiments.studies.variant import Variant

SHARED = {"seed", "steps", "qps", "holdout", "validate_every", "validate_frames"}  # not for a variant to change


@dataclass(frozen=True)
class Study:
    """What is trained: variants by their names, each the fields of its recipe and what was found about it before."""

    seeds: list[int]
    recipes: dict[str, Fields]
    found: dict[str, str]

    @staticmethod
    def read(path: Path) -> "Study":
        """The study of a file; InputError, with the file, for whatever is wrong in it."""
        text = read_study(path, {"base", "seeds", "variants"})
        base, seeds, variants = flatten(text["base"], f"{path}: base"), text["seeds"], text["variants"]
        if "seed" in base:
            raise InputError(f"{path}: base: seed is given by seeds")
        whole = isinstance(seeds, list) and all(type(seed) is int for seed in seeds)
        if not whole or not seeds or len(set(seeds)) < len(seeds):
            raise InputError(f"{path}: seeds must be a list of different whole numbers, not {seeds!r}")
        if not isinstance(variants, list) or not variants:
            raise InputError(f"{path}: variants must be a list of one or more")
        study = Study(seeds, {}, {})
        for variant in variants:
            study._add(variant, base, path)
        return study

    def _add(self, variant: object, base: Fields, path: Path) -> None:
        if not isinstance(variant, dict) or "name" not in variant or variant.keys() - {"name", "change", "found"}:
            raise InputError(f"{path}: a variant has a name, and may have change and found, but no more: {variant!r}")
        name = variant["name"]
        if not isinstance(name, str) or not re.fullmatch(r"\w[\w .+-]*", name):
            raise InputError(f"{path}: a variant's name is of letters, digits and spaces, not {name!r}")
        if folder_name(name) in map(folder_name, self.recipes):
            raise InputError(f"{path}: two variants have the name {name}")
        change = flatten(variant.get("change", {}), f"{path}: {name}")
        if common := SHARED & change.keys():
            raise InputError(f"{path}: {name}: {', '.join(sorted(common))} must be the same in all variants")
        self.recipes[name] = base | change
        self.found[name] = str(variant.get("found", ""))


def folder_name(variant: str) -> str:
    """The name of a variant as that of a folder."""
    return variant.replace(" ", "_").lower()


def ablate(config: Path, data: Path, val: Path | None, out: Path, caught: list[int]) -> int:
    """Train what is not trained yet, then print and save the report; 0, or 128 + signal when stopped by one."""
    study = Study.read(config)
    runs: dict[tuple[str, int], Run] = {
        (name, seed): run_of(
            fields | {"seed": seed}, f"{config}: {name}", data, val, out / "runs" / f"{folder_name(name)}_seed{seed}"
        )
        for seed in study.seeds  # outside: a part of the runs has something of every variant
        for name, fields in study.recipes.items()
    }
    for (name, seed), run in runs.items():
        if seed == study.seeds[0] or (run.out / "last.pt").exists():
            check(run, f"{config}: {name}")
    with lock(out):
        for number, ((name, seed), run) in enumerate(runs.items(), start=1):
            print(f"{number} of {len(runs)}: {name}, seed {seed}", flush=True)
            if code := train_or_go_on(run, caught):
                print("ablate: stopped; the same command goes on", file=sys.stderr)
                return code
        variants = [
            Variant(
                name,
                runs[name, study.seeds[0]].recipe,
                study.found[name],
                {seed: read_result(runs[name, seed].out) for seed in study.seeds},
            )
            for name in study.recipes
        ]
        text = markdown(config.stem, variants)
        files = {"report.md": text.encode(), "results.json": results(variants), "gains.png": plot(variants)}
        for name, content in files.items():
            write_whole(out / name, content)
        print(text)
    return 0


def main(argv: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = Parser(prog="ablate", description=__doc__)
    parser.add_argument("config", type=Path, help="base, seeds and variants: a YAML file")
    parser.add_argument("--data", type=Path, required=True, help="folder of dataset files to train on")
    parser.add_argument("--val", type=Path, help="folder of dataset files to validate on, in place of held-out sources")
    parser.add_argument("--out", type=Path, required=True, help="folder for report.md, results.json, gains.png, runs")
    args = parser.parse_args(argv)
    try:
        with enough_memory(), caught_signals() as caught:
            return ablate(args.config, args.data, args.val, args.out, caught)
    except (InputError, OSError) as error:
        print(f"ablate: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
