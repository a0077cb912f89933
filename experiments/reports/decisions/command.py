"""report-decisions: what a choice of the luma mode costs in real bits, and how often labels are what x265 chose.

Codes the first frame of every clip with our own HEVC encoder: once with the full search, and with the luma modes
chosen by Hadamard SATD, by DCT SATD, by the estimated rate-distortion cost of labels, and by the full cost of a few
candidates. With --no-labels only the full search and x265 are compared.
Saves report.md, results.json and every rate-distortion point as points.csv.
"""

import codecnn.torch_settings  # noqa: F401

# isort: split

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from joblib import delayed

from codecnn.errors import InputError
from codecnn.io.files import write_whole
from codecnn.io.processes import in_processes
from codecnn.video.clip import open_clip
from codecnn.video.format_options import FormatOptions
from codecnn.video.picture import check_samples
from command_line.arguments import count, jobs, path
from command_line.parser import run_command
from command_line.progress import Progress
from experiments.reports.decisions.measure import Agreement, Point, bd_rates, measure_picture, middle
from experiments.reports.decisions.methods import METHODS
from experiments.reports.decisions.page import page
from experiments.reports.shared.arguments import report_parser
from experiments.reports.shared.csv_file import to_csv
from experiments.reports.shared.page import finish, results
from experiments.reports.shared.provenance import provenance

SMALLEST = 64  # of a clip, in luma samples: x265 refuses smaller ones


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = report_parser("report-decisions", __doc__)
    add = parser.add_argument
    add("clips", type=path, nargs="+", help="pictures or clips of 4:2:0 or 4:0:0, 8 or 10 bit; pictures are converted")
    add("--side", type=count, default=0, help="only the middle of this many luma samples each way, a multiple of 2; "
        "0: the whole picture")  # fmt: skip
    add("--qps", type=count, nargs="+", default=[22, 27, 32, 37], help="QPs, at least 4 for BD-rates")
    add("--no-labels", action="store_true", help="only the full search and x265")
    add("--jobs", type=jobs, default=1, help="pictures coded at the same time, a process each")
    return run_command("report-decisions", run, parser.parse_args(argv))


def run(args: argparse.Namespace) -> None:
    """Measure, print and save."""
    if args.side % 2 or 0 < args.side < SMALLEST:
        raise InputError(f"--side {args.side}: an even number of at least {SMALLEST} is needed")
    check_names(args.clips)
    options = FormatOptions()
    clips = []
    for file in args.clips:
        clip = open_clip(file, options, first_frames=1)
        picture = middle(check_samples(next(iter(clip.frames())), file, 0), args.side)
        height, width = picture.y.shape
        if min(height, width) < SMALLEST or picture.chroma not in ("400", "420"):
            raise InputError(f"{file}: {width}x{height} {picture.chroma}: at least {SMALLEST}x{SMALLEST} of 4:0:0 or "
                             "4:2:0 is needed")  # fmt: skip
        clips.append((clip, picture))
    methods = () if args.no_labels else METHODS
    qps = sorted({*args.qps})
    work = [delayed(measure_picture)(clip, picture, qp, methods) for clip, picture in clips for qp in qps]
    found: list[Point | Agreement] = []
    for part in Progress(in_processes(work, args.jobs), total=len(work), unit="picture"):
        found += part
    points = [each for each in found if isinstance(each, Point)]
    agreements = [each for each in found if isinstance(each, Agreement)]
    rates = bd_rates(points)
    report = page(points, agreements, rates).made_by(provenance(args))
    rows = [
        {
            "method": key[0],
            "partition": key[1],
            "source": source,
            "bd_rate": rate.percent,
            "bd_rate_reason": rate.reason,
        }
        for key, by_source in rates.items()
        for source, rate in by_source.items()
    ]
    tables: dict[str, Sequence[Any]] = {"points": points, "bd_rates": rows, "agreement": agreements}
    args.out.mkdir(parents=True, exist_ok=True)
    write_whole(args.out / "points.csv", to_csv(points))
    finish(args.out, report, results("decisions", report.about, tables), {})


def check_names(files: Sequence[Path]) -> None:
    """Check that no two files have the same name, by which clips are told apart; InputError if two have."""
    places: dict[str, Path] = {}
    for file in files:
        if file.name in places:
            raise InputError(f"{file}: has the name of {places[file.name]}, and clips are told apart by their names")
        places[file.name] = file


if __name__ == "__main__":
    sys.exit(main())
