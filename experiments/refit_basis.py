"""refit-basis: make the basis in which report-gain --refit corrects the last layer of a filter for each picture.

Filters the first frame of every file of a dataset of training pictures. The basis is saved beside the weights, with
the suffix .refit; encoder and decoder need it. It is for these weights only.
"""

import codecnn.torch_settings  # noqa: F401

# isort: split

import argparse
import hashlib
import sys

from codecnn.dataset.reader import open_folder
from codecnn.errors import InputError
from codecnn.inference.refit.basis import fit_basis, save_basis
from codecnn.inference.refit.statistics import observe, refittable
from codecnn.io.files import keep_inputs
from codecnn.models.weights import find_weights, read_filter
from codecnn.tasks.block_sites import lagrangian_of
from codecnn.training.device import choose_device
from codecnn.training.provenance import commit
from command_line.arguments import file_to_write
from command_line.parser import Parser, run_command
from command_line.progress import Progress, say
from command_line.terminal import printable
from experiments.reports.shared.arguments import WEIGHTS, add_data, add_device
from experiments.reports.shared.frames import read_frame
from experiments.some_sources import add_sources, some_sources


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return run_command("refit-basis", run, parse(argv))


def run(args: argparse.Namespace) -> None:
    """Filter, make the basis and save it."""
    file = find_weights(args.weights)
    out = args.out or file.with_suffix(".refit")
    network = refittable(read_filter(file)[0], str(file)).to(choose_device(args.device))
    every = open_folder(args.data)
    keep_inputs(out, [file, *(shard.path for shard in every)])
    shards = some_sources(every, args.sources)
    multipliers = [lagrangian_of(shard) / 255**2 for shard in shards]
    observed = []
    for shard in Progress(shards, unit="file", desc="filtering"):
        info = shard.info
        observed.append(observe(network, *read_frame(shard, 0), info.hevc_qp, info.ctu_size, args.way)[1])
    try:
        basis = fit_basis(observed, multipliers)
    except ValueError as error:
        raise InputError(f"{file}: {error}") from error
    sources = {shard.info.source_sha256: shard.info.source for shard in shards}
    notes = {"sources": [*sources.values()], "sources_sha256": [*sources], "way": args.way, "commit": commit()}
    out.parent.mkdir(parents=True, exist_ok=True)
    save_basis(out, basis, hashlib.sha256(file.read_bytes()).hexdigest(), notes)
    say(printable(f"{basis.classes.size} directions from {len(sources)} sources, {len(shards)} files; saved {out}"))


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(prog="refit-basis", description=__doc__)
    parser.add_argument("weights", help=WEIGHTS)
    add_data(parser)
    add_sources(parser)
    parser.add_argument("--out", type=file_to_write, metavar="FILE", help="if not beside the weights")
    parser.add_argument("--way", choices=("ctu", "picture"), default="ctu", help="filter CTU by CTU, or whole pictures")
    add_device(parser)
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
