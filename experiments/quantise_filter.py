"""quantise-filter: convert a trained filter to 16-bit integers, which give the same picture on every machine.

Chooses the scales by the features of the network for a few windows of every file of a dataset. Then measures the loss
on as many windows of another dataset, or on the same windows. The result is for report-gain and for decoders.
"""

import codecnn.torch_settings  # noqa: F401

# isort: split

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codecnn.dataset import ctu
from codecnn.dataset.reader import Shard, open_folder
from codecnn.errors import InputError
from codecnn.inference.filtering import ctu_windows, filter_windows
from codecnn.io.files import keep_inputs
from codecnn.metrics import psnr_gain
from codecnn.models.in_loop_filter import FilterConfig, FilterNetwork, IntegerFilter, Windows, to_tensors
from codecnn.models.registry import family_of, name_of
from codecnn.models.weights import find_weights, read_weights
from codecnn.video.picture import Plane
from command_line.arguments import count, file_to_write, path
from command_line.parser import Parser, run_command
from command_line.progress import Progress, say
from command_line.terminal import printable
from experiments.reports.shared.frames import read_frame
from experiments.reports.shared.means import grouped
from experiments.reports.shared.table import Cell, Column, MeanCell, Table
from experiments.some_sources import add_sources, some_sources


class Sample(NamedTuple):
    """Hold one CTU: its windows (a batch of one) and the valid part of the original."""

    windows: Windows[Plane]
    original: Plane
    qp: int
    bit_depth: int


class Loss(NamedTuple):
    """Hold the loss by integers in one CTU."""

    qp: int
    db: float  # PSNR-Y of the network minus PSNR-Y of the network in integers; NaN if one is infinite
    difference: NDArray[np.int64]  # integers minus network, sample by sample


def samples(shards: Sequence[Shard], config: FilterConfig, number: int) -> Iterator[Sample]:
    """Yield `number` CTUs of every file, evenly spaced over its frames."""
    for shard in Progress(shards, unit="file"):
        info, in_frame = shard.info, len(shard) // shard.frames
        for row in sorted({(2 * i + 1) * len(shard) // (2 * number) for i in range(number)}):
            frame, position = divmod(row, in_frame)
            original, baseline, unfiltered = read_frame(shard, frame)
            windows = ctu_windows(config, baseline, unfiltered, info.hevc_qp, info.ctu_size)
            valid = np.s_[: shard.ctus[row]["height"], : shard.ctus[row]["width"]]
            whole = ctu.tile(original, info.ctu_size, 0)[position]
            yield Sample(windows.rows(slice(position, position + 1)), whole[valid], info.hevc_qp, baseline.bit_depth)


def measure(network: FilterNetwork, integers: IntegerFilter, sample: Sample) -> Loss:
    """Filter a CTU by both networks and compare."""
    height, width = sample.original.shape
    wanted, got = (filter_windows(each, sample.windows)[0, :height, :width] for each in (network, integers))
    db = psnr_gain(sample.original, got, wanted, sample.bit_depth)
    return Loss(sample.qp, db, got.astype(np.int64) - wanted)


def table(losses: Sequence[Loss]) -> str:
    """Return a table of the losses at each QP, in Markdown."""
    columns: list[str | Column] = ["QP", "CTUs", Column("loss dB", "+.4f", "filtered without error")]
    rows: list[list[Cell]] = []
    for (qp,), group in sorted(grouped(losses, "qp"), key=lambda group: group[0]):
        difference = np.concatenate([loss.difference.ravel() for loss in group])
        defined = [loss.db for loss in group if not math.isnan(loss.db)]
        db = MeanCell(fmean(defined), len(defined), len(group)) if defined else math.nan
        share, most = float(np.mean(difference != 0)), int(np.abs(difference).max())
        rows.append([qp, len(group), db, share, most])
    return Table([*columns, Column("samples that differ", ".2%"), "by at most"], 0, rows).markdown()


def others(folder: Path, calibration: Sequence[Shard]) -> list[Shard]:
    """Return the files of a dataset; InputError if a source of them is in the calibration."""
    shards, known = open_folder(folder), {shard.info.source_sha256 for shard in calibration}
    if common := sorted({shard.info.source for shard in shards if shard.info.source_sha256 in known}):
        raise InputError(f"{folder}: {', '.join(common)} is calibrated on as well")
    return shards


def run(args: argparse.Namespace) -> None:
    """Quantise, measure, save and print."""
    file = find_weights(args.weights)
    network, _, notes = read_weights(file)
    if not isinstance(network, FilterNetwork):
        raise InputError(f"{file}: no in-loop filter of floating-point numbers")
    family = family_of(network.config)
    if family.quantise is None or family.save_integers is None:
        raise InputError(f"{file}: the network {name_of(network.config)} has no form in integers")
    every = open_folder(args.data)
    shards = some_sources(every, args.sources)
    measured = shards if args.val is None else others(args.val, shards)
    keep_inputs(args.out, [file, *(shard.path for shard in (*every, *measured))])
    windows = (to_tensors(sample.windows) for sample in samples(shards, network.config, args.windows))
    try:
        integers = family.quantise(network, windows)
    except InputError:  # already has its file and reason
        raise
    except ValueError as error:
        raise InputError(f"{file}: {error}") from error
    losses = [measure(network, integers, sample) for sample in samples(measured, network.config, args.windows)]
    calibration = {
        "files": [shard.path.name for shard in shards],
        "windows of each": args.windows,
        "headroom": integers.headroom,
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    family.save_integers(args.out, integers, notes | {"calibration": calibration})
    say(printable(f"loss on {args.val or f'{args.data}, whose windows the scales were chosen by'}") + "\n")
    say(table(losses))
    say(printable(f"saved {args.out}"))


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(prog="quantise-filter", description=__doc__)
    add = parser.add_argument
    add("weights", help="a run folder of train-filter, a weights file, or the name of weights of the project")
    add(
        "--data",
        type=path,
        required=True,
        help="a dataset folder of build-dataset to choose the scales by; best a part of the training data",
    )
    add_sources(parser)
    add("--val", type=path, help="a dataset folder of other sources to measure the loss on; if not given, --data")
    add("--windows", type=count, default=4, help="CTUs to take from every file of --data and --val")
    add("--out", type=file_to_write, required=True, metavar="FILE", help="the weights file to write")
    args = parser.parse_args(argv)
    if not args.windows:
        parser.error("--windows: must be 1 or more")
    return args


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return run_command("quantise-filter", run, parse(argv))


if __name__ == "__main__":
    sys.exit(main())
