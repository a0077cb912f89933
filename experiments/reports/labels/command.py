"""report-labels: how far the labels by Hadamard SATD and by DCT SATD agree, and what each costs in bits and error.

Labels made with the Hadamard transform are a fast approximation that a network which learns them cannot get past;
those made with the exact DCT may be closer to what is really coded. Measures on a labelled dataset how often the two
agree, the regret of each under the other's measure, and the regret of both under a rate-distortion cost. Saves
report.md, results.json, agreement.png, regrets.png and, of the modes, histograms.png.
"""

import codecnn.torch_settings  # noqa: F401

# isort: split

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from tqdm import tqdm

from codecnn.dataset.reader import Shard, open_folder
from codecnn.errors import InputError
from codecnn.intra.block_size import SHAPES
from codecnn.labels.mode_sets import MODE_SETS
from codecnn.labels.rate_distortion import lagrange_multiplier
from command_line.arguments import count
from command_line.parser import Parser, run_command
from experiments.reports.labels.measure import Row, blocks_inside, interval, measure
from experiments.reports.labels.page import COST_STATISTICS, STATISTICS, cells, page
from experiments.reports.labels.plots import plot_agreement, plot_histograms, plot_regrets
from experiments.reports.shared.one_comparison import check_comparable, check_equal
from experiments.reports.shared.page import results, save


def describe(shards: Sequence[Shard], args: argparse.Namespace) -> dict[str, str]:
    """Describe what the numbers of a report were measured on."""
    infos = [shard.info for shard in shards]
    first = infos[0]
    versions = {info.codec_version + (f", preset {info.preset}" if info.preset else "") for info in infos}
    frames = {shard.info.source: shard.frames for shard in shards}
    return {
        "data": f"{len(shards)} files, {sum(frames.values())} frames of {len(frames)} sequences: "
        + ", ".join(f"{source} ({number})" for source, number in frames.items()),
        "codec": f"{first.codec}: {'; '.join(sorted(versions))}; all-intra, "
        f"QP {', '.join(map(str, sorted({info.qp for info in infos})))}",
        "labels": f"{first.label_modes}, references from the {first.label_references} picture",
        "settings": f"{args.samples} samples for the rate-distortion cost, seed {args.seed}",
        "package": f"codecnn {version('codecnn')}",
    }


def check(shards: Sequence[Shard], samples: int) -> None:
    """Raise InputError unless all files can be measured together."""
    for shard in shards:
        info = shard.info
        if not info.blocks:
            raise InputError(f"{shard.path}: has no labels")
        if info.label_modes not in MODE_SETS:
            raise InputError(f"{shard.path}: labels of {info.label_modes!r}, which is no mode set")
        check_equal(shard, shards[0], ("codec", "label_modes", "label_references"))
        if samples:
            try:
                lagrange_multiplier(info.codec, info.qp, info.bit_depth)
            except ValueError as error:
                raise InputError(f"{shard.path}: {error}; --samples 0 leaves the rate-distortion cost out") from error
    check_comparable(shards)


def study(shards: Sequence[Shard], samples: int, seed: int) -> list[Row]:
    """Measure all sizes at all QPs; InputError if no block lies wholly inside of its picture."""
    jobs = []
    for size in SHAPES:
        of_size = [shard for shard in shards if size in shard.info.blocks and blocks_inside(shard, size)]
        jobs += [(size, [s for s in of_size if s.info.qp == qp]) for qp in sorted({s.info.qp for s in of_size})]
    if not jobs:
        raise InputError(f"{shards[0].path.parent}: no picture holds a block")
    rows: list[Row] = []
    with tqdm(total=sum(len(chosen) for _, chosen in jobs), unit="file", disable=None) as progress:
        for size, chosen in jobs:
            progress.set_description(f"blocks of {size}")
            rows += measure(chosen, size, samples, seed)
            progress.update(len(chosen))
    return rows


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(prog="report-labels", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("data", type=Path, help="a dataset folder of build-dataset, with labels")
    add("--out", type=Path, required=True, help="folder for the report, made if missing")
    add("--samples", type=count, default=1 << 18, help="luma samples, in whole blocks, that the rate-distortion cost "
        "is measured on for each size and file; 0 leaves it out")  # fmt: skip
    add("--seed", type=count, default=0, help="of the random choice of those blocks")
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> None:
    """Measure, print and save."""
    shards = open_folder(args.data)
    check(shards, args.samples)
    rows = study(shards, args.samples, args.seed)
    about = describe(shards, args)
    text = page(rows, shards[0].info, about, args.samples).markdown()
    print(text)
    statistics = STATISTICS + (COST_STATISTICS if args.samples else ())
    means = [
        {"size": size, "qp": qp, **{name: interval(chosen, name)._asdict() for name in statistics}}
        for size, qp, chosen in cells(rows)
    ]
    tables = {"means": means, "rows": [asdict(row) for row in rows]}
    files = {
        "report.md": text.encode(),
        "results.json": results("labels", about, tables),
        "agreement.png": plot_agreement(rows),
        "regrets.png": plot_regrets(rows),
        "histograms.png": plot_histograms(rows),
    }
    save(args.out, files)


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return run_command("report-labels", run, parse(argv))


if __name__ == "__main__":
    sys.exit(main())
