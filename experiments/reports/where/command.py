"""report-where: where the gain of a trained filter is won and lost.

Filters every picture of a dataset CTU by CTU, at once, and as the mean over its flips and transposes, and says what is
gained by distance from the CTU edge, by activity, and with a flag for each CTU that switches the filter off. Saves
report.md, results.json, edge.png, activity.png and flags.png.
"""

import codecnn.torch_settings  # noqa: F401

# isort: split

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from codecnn.dataset.reader import open_folder
from command_line.parser import run_command
from experiments.reports.shared.filter_arguments import ctu_sizes, describe, filter_parser, load_filter, warn_of_codec
from experiments.reports.shared.one_comparison import check_comparable
from experiments.reports.shared.page import results, save
from experiments.reports.where.means import average, decile_means, qp_means, summarise
from experiments.reports.where.measure import measure
from experiments.reports.where.page import page
from experiments.reports.where.plots import plot_activity, plot_edge, plot_flags


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = filter_parser("report-where", __doc__)
    parser.add_argument("--data", type=Path, required=True, help="a dataset folder of build-dataset")
    return run_command("report-where", run, parser.parse_args(argv))


def run(args: argparse.Namespace) -> None:
    """Measure, print and save."""
    chosen = load_filter(args)
    shards = open_folder(args.data)
    check_comparable(shards)
    warn_of_codec("report-where", chosen, shards)
    measured = [one for shard in tqdm(shards, unit="file", desc="filtering") for one in measure(chosen.network, shard)]
    measured.sort(key=lambda m: (m.row.source, m.row.codec, m.row.qp))
    points, deciles, clips = qp_means(measured), decile_means(measured), summarise(measured)
    means = average(clips)
    about = describe(chosen, shards, "")
    about["filtered"] = (
        f"CTUs of {ctu_sizes(shards)}; rounded and clipped to integers at the bit depth, same bits as the baseline"
    )
    text = page(points, deciles, clips, means, about).markdown()
    print(text.split("\n## Per clip")[0])
    parts: dict[str, Sequence[Any]] = {
        "rows": [m.row for m in measured],
        "points": points,
        "deciles": deciles,
        "clips": clips,
        "means": means,
    }
    tables = {name: [asdict(row) for row in part] for name, part in parts.items()}
    files = {
        "report.md": text.encode(),
        "results.json": results("where", about, tables, notes=chosen.notes),
        "edge.png": plot_edge(points),
        "activity.png": plot_activity(deciles),
        "flags.png": plot_flags(points),
    }
    save(args.out, files)


if __name__ == "__main__":
    sys.exit(main())
