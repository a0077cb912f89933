"""report-where: where the gain of a trained filter is won and lost.

Filters every picture of a dataset CTU by CTU, at once, and as the mean over its flips and transposes, and says what is
gained by distance from the CTU edge, by activity, and with a flag for each CTU that switches the filter off. Saves
report.md, results.json, edge.png, activity.png and flags.png.
"""

import codecnn.torch_settings  # noqa: F401

# isort: split

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from tqdm import tqdm

from codecnn.dataset.store import open_folder
from codecnn.io.files import write_whole
from codecnn.models.pretrained import find_weights
from codecnn.models.rdn.integer_weights import load_filter
from codecnn.models.rdn.network import Rdn
from codecnn.training.device import choose_device
from codecnn.training.provenance import codec_caution
from command_line.parser import Parser, run_command
from experiments.reports.gain.command import describe
from experiments.reports.shared.cells import to_json
from experiments.reports.shared.curves import check_comparable
from experiments.reports.where.means import average, decile_means, qp_means, summarise
from experiments.reports.where.measure import measure
from experiments.reports.where.page import markdown
from experiments.reports.where.plots import plot_activity, plot_edge, plot_flags


def run(args: argparse.Namespace) -> None:
    """Measure, print and save."""
    file = find_weights(args.weights)
    model, notes = load_filter(file)
    device = choose_device(args.device)
    if isinstance(model, Rdn):
        model.to(device)
    shards = open_folder(args.data)
    check_comparable(shards)
    infos = [shard.info for shard in shards]
    if caution := codec_caution(notes, infos):
        print(f"report-where: {caution}", file=sys.stderr)
    measured = [one for shard in tqdm(shards, unit="file", desc="filtering") for one in measure(model, shard)]
    measured.sort(key=lambda m: (m.row.source, m.row.codec, m.row.qp))
    points, deciles, summaries = qp_means(measured), decile_means(measured), summarise(measured)
    means = average(summaries)
    about = describe(model, notes, file, shards, "ctu")
    sizes = " or ".join(map(str, sorted({shard.info.ctu_size for shard in shards})))
    about["filtered"] = f"CTUs of {sizes}; rounded and clipped to integers at the bit depth, same bits as the baseline"
    text = markdown(points, deciles, summaries, means, about)
    results = {
        "about": about,
        "notes": notes,
        "rows": [asdict(one.row) for one in measured],
        "points": [asdict(point) for point in points],
        "deciles": [asdict(decile) for decile in deciles],
        "clips": [asdict(summary) for summary in summaries],
        "means": [asdict(mean) for mean in means],
    }
    files = {
        "report.md": text.encode(),
        "results.json": to_json(results),
        "edge.png": plot_edge(points),
        "activity.png": plot_activity(deciles),
        "flags.png": plot_flags(points),
    }
    args.out.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        write_whole(args.out / name, data)
    print(text.split("\n## Per clip")[0])
    print(f"saved {', '.join(files)} in {args.out}")


def main(argv: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = Parser(prog="report-where", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("weights", help="a run folder of train-filter (its best.safetensors is taken), a weights file, or the name of "
        "weights that come with the project, such as rdn_s")  # fmt: skip
    add("--data", type=Path, required=True, help="a dataset folder of build-dataset")
    add("--out", type=Path, required=True, help="folder for the report")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="integer weights run on the CPU")
    return run_command("report-where", run, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
