"""List the stages that make all weights of the project from training pictures."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from codecnn.errors import InputError

PHOTOGRAPHS = "photographs"
TWICE = '--weights {"train/*":2}'  # pictures of 8 bit and preset medium, beside those of 10 bit and preset fast


class Stage(NamedTuple):
    """Describe a stage; in its command {photographs} stands for those to train on, {name} for what that stage made."""

    name: str
    command: str  # without --out
    ships: bool = True  # whether what it makes comes with the project; else other stages need it

    @property
    def trains(self) -> bool:
        """Return whether the stage is a training."""
        return self.command.startswith("train-")

    @property
    def needs(self) -> list[str]:
        """Return the names of the stages whose results it needs."""
        return [name for name in re.findall(r"{(\w+)}", self.command) if name != PHOTOGRAPHS]

    def result(self, out: Path) -> Path:
        """Return the folder or file that it makes: a dataset, a run folder, or weights in other forms."""
        command = self.command.split()[0]
        if command == "quantise-filter":
            return out / "weights" / f"{self.name}.safetensors"
        if command == "hash-pictures":
            return out / "weights" / f"{self.name}.json"
        if command == "refit-basis":
            return out / "weights" / f"{self.name.removesuffix('_refit')}.refit"
        return out / ("runs" if self.trains else "data") / self.name


STAGES = (
    Stage("train", "build-dataset {photographs} --codec x265 --preset medium --no-labels", ships=False),
    Stage(
        "train_10bit", "build-dataset {photographs} --codec x265 --preset fast --bit-depth 10 --no-labels", ships=False
    ),
    Stage("train_vvc", "build-dataset {photographs} --codec vvenc --preset faster --no-labels", ships=False),
    Stage("pictures", "hash-pictures {train}"),
    # in-loop filters
    Stage("rdn_xs", f"train-filter rdn_xs --data {{train}} {{train_10bit}} {TWICE}"),
    Stage("rdn_s", f"train-filter rdn_s --data {{train}} {{train_10bit}} {TWICE}"),
    Stage("rdn_m_1", "train-filter rdn_m --data {train}", ships=False),
    Stage("rdn_m_2", "train-filter rdn_m_2 --start {rdn_m_1} --data {train}", ships=False),
    Stage("rdn_m_3", "train-filter rdn_m_3 --start {rdn_m_2} --data {train}", ships=False),
    Stage("rdn_m", f"train-filter rdn_m_4 --start {{rdn_m_3}} --data {{train}} {{train_10bit}} {TWICE}"),
    Stage("rdn_xs_vvc", "train-filter rdn_xs_vvc --start {rdn_xs} --data {train_vvc}"),
    Stage("rdn_s_vvc", "train-filter rdn_s_vvc --start {rdn_s} --data {train_vvc}"),
    Stage("rdn_m_vvc", "train-filter rdn_m_vvc --start {rdn_m} --data {train_vvc}"),
    Stage(
        "rdn_s_baseline",
        f"train-filter rdn_s_baseline --start {{rdn_s}} --data {{train}} {{train_10bit}} {{train_vvc}} {TWICE}",
    ),
    Stage("rdn_xs_chroma", f"train-chroma rdn_xs_chroma --data {{train}} {{train_10bit}} {TWICE}"),
    Stage("rdn_s_chroma", f"train-chroma rdn_s_chroma --data {{train}} {{train_10bit}} {TWICE}"),
    Stage("rdn_s_int16", "quantise-filter {rdn_s} --data {train} --sources 137"),
    Stage("rdn_xs_refit", "refit-basis {rdn_xs} --data {train} --sources 36"),
    Stage("rdn_s_refit", "refit-basis {rdn_s} --data {train} --sources 36"),
    Stage("rdn_m_refit", "refit-basis {rdn_m} --data {train} --sources 36"),
    # networks for blocks
    Stage("modes_8", "train-modes modes_8 --data {train}"),
    Stage("modes_16", "train-modes modes_16 --data {train}"),
    Stage("modes_32", "train-modes modes_32 --data {train}"),
    Stage("rank_8", "train-modes rank_8 --data {train}"),
    Stage("mode_coder_8_mpm", "train-mode-coding mode_coding_8 --data {train}", ships=False),
    Stage("mode_coder_8", "train-mode-coding mode_coding_8_own --start {mode_coder_8_mpm} --data {train}"),
    Stage("predictor_8", "train-predictor predictor_8 --data {train}"),
    Stage("predictor_16", "train-predictor predictor_16 --data {train}"),
)


def chosen(stages: Sequence[Stage], only: Sequence[str]) -> list[Stage]:
    """Return the stages of some names with all that they need, in order, or all; InputError for an unknown name."""
    by_name = {stage.name: stage for stage in stages}
    if unknown := sorted({*only} - by_name.keys()):
        raise InputError(f"no stage {', '.join(unknown)}, only {', '.join(by_name)}")
    wanted = {*(only or by_name)}
    for stage in reversed(stages):
        if stage.name in wanted:
            wanted |= {*stage.needs}
    return [stage for stage in stages if stage.name in wanted]


def words_of(stage: Stage, out: Path, photographs: Sequence[Path], steps: int | None) -> list[str]:
    """Return the command line of a stage, with results of all stages in `out`; steps: of a short training."""
    values = {f"{{{each.name}}}": [str(each.result(out))] for each in STAGES}
    values[f"{{{PHOTOGRAPHS}}}"] = [*map(str, photographs)]
    words: list[str] = []
    for word in stage.command.split():
        words += values.get(word, [word])
    if stage.trains and steps is not None:
        words += ["--steps", str(steps)]
    return [*words, "--out", str(stage.result(out))]
