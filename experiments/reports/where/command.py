"""report-where: where the gain of a trained filter is won and lost.

Filters every picture of a dataset CTU by CTU, at once, and as the mean over its flips and transposes. Reports the gain
by distance from the CTU edge, by activity, and with a flag for each CTU that switches the filter off. Saves report.md,
results.json, edge.png, activity.png and flags.png, and all of it as report.html.
"""

import codecnn.torch_settings  # noqa: F401

# isort: split

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from codecnn.dataset.reader import Shard, open_folder
from codecnn.models.in_loop_filter import AnyFilter
from codecnn.video.picture import Plane
from command_line.parser import run_command
from command_line.progress import Progress
from experiments.reports.shared.arguments import add_data, add_device, add_weights, report_parser
from experiments.reports.shared.cautions import warn
from experiments.reports.shared.chosen_filter import check_shards, choose_filter, ctu_sizes, describe
from experiments.reports.shared.frames import FrameSignals
from experiments.reports.shared.one_comparison import check_comparable
from experiments.reports.shared.page import finish, results
from experiments.reports.shared.pictures import add_pictures, picture_sections, pictures_of
from experiments.reports.shared.provenance import provenance
from experiments.reports.where.means import average, decile_means, qp_means, summarise
from experiments.reports.where.measure import WAYS, filtered, measure
from experiments.reports.where.page import NAMES, page
from experiments.reports.where.plots import activity_curves, edge_curves, plot_activity, plot_edge, plot_flags


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = report_parser("report-where", __doc__)
    add_weights(parser)
    add_data(parser)
    add_device(parser)
    add_pictures(parser)
    return run_command("report-where", run, parser.parse_args(argv))


def run(args: argparse.Namespace) -> None:
    """Measure, print and save."""
    chosen = choose_filter(args.weights, args.device)
    shards = open_folder(args.data)
    check_comparable(shards)
    shown = pictures_of(args, shards)
    found = check_shards(chosen, shards)
    warn("report-where", found)
    with Progress(total=sum(shard.frames for shard in shards), unit="frame", desc="filtering") as bar:
        measured = measure(chosen.network, shards, bar.update)
    points, deciles, clips = qp_means(measured), decile_means(measured), summarise(measured)
    means = average(clips)
    about = describe(chosen, shards, "", found)
    about["filtered"] = (
        f"CTUs of {ctu_sizes(shards)}; rounded and clipped to integers at the bit depth, same bits as the baseline"
    )
    about |= provenance(args, shards)
    tables: dict[str, Sequence[Any]] = {
        "rows": [one.row for one in measured],
        "points": points,
        "deciles": deciles,
        "clips": clips,
        "means": means,
    }
    numbers = results("where", about, tables, notes=chosen.notes)
    plots = {"edge.png": partial(plot_edge, points)}
    plots |= {"activity.png": partial(plot_activity, deciles)} if deciles else {}  # none if no frame is in the means
    plots |= {"flags.png": partial(plot_flags, points)}
    curves = {"edge.png": edge_curves(points), "activity.png": activity_curves(deciles)}
    report = replace(page(points, deciles, clips, means, about), curves=curves)
    gains = {(m.row.source, m.row.codec, m.row.qp): m.row.gain for m in measured if m.row.way == "ctu"}
    filters = {NAMES[way]: partial(_filtered, chosen.network, way) for way in WAYS}
    more = partial(picture_sections, shards, gains, filters, shown)
    finish(args.out, report, numbers, plots, "## Per clip", more)


def _filtered(network: AnyFilter, way: str, frame: FrameSignals, shard: Shard) -> Plane:
    return filtered(network, frame.baseline, frame.unfiltered, shard.info, way)


if __name__ == "__main__":
    sys.exit(main())
