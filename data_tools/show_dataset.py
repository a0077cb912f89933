"""show-dataset: look at a dataset.

Writes one HTML file that needs nothing else: counts, histograms of labels and samples, and CTUs spread evenly over the
dataset, each with its blocks, the angle of each label as a line, its signals, and what the labels predict. Or, where
the name of --out ends in .png, one CTU as a picture; or, where it ends in .vtmbmsstats, the labels of one file as text
that YUView opens beside the video.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from codecnn.dataset.integrity import fingerprint
from codecnn.dataset.reader import Shard, dataset_files
from codecnn.errors import InputError
from codecnn.intra.block_size import BlockSize
from codecnn.io.files import PartialFile, write_whole
from codecnn.models.blocks import ModeNetwork
from codecnn.models.weights import find_weights, read_weights
from command_line.arguments import count, file_to_write, path, positive
from command_line.parser import Parser, run_command
from command_line.progress import Progress, say
from command_line.terminal import printable
from data_tools.block_statistics import SUFFIX, labels_text
from data_tools.viewer.counts import count as count_all
from data_tools.viewer.ctus import ShownCtu, read_ctu, spread
from data_tools.viewer.page import dataset_page
from data_tools.viewer.png import draw_ctu

UNUSED = {  # options by the kind of file that they change nothing in
    ".html": ("block_size",),
    ".png": ("ctus",),
    SUFFIX: ("ctus", "ctu", "block_size", "network", "search"),
}


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(prog="show-dataset", description=__doc__)
    add = parser.add_argument
    add("data", type=path, help="a dataset folder of build-dataset")
    add("--out", type=_out, default=Path("dataset.html"), help="the file to write: .html, .png or .vtmbmsstats")
    add("--files", default="*", metavar="PATTERN", help="only files of such names, such as '*_qp37.h5'")
    add("--ctus", type=positive, metavar="N", help="how many CTUs a page shows, spread evenly over the files; 24 if "
        "not given; each adds about 100 kB with labels")  # fmt: skip
    add("--ctu", type=count, metavar="NUMBER", help="only this one of each file, counted from 0 in raster order, frame "
        "after frame")  # fmt: skip
    add("--block-size", type=_size, metavar="SIZE", help="of a .png: which blocks are drawn, such as 16 or 16x8; the "
        "first of 16, 8 or any other that has labels, if not given")  # fmt: skip
    add("--network", nargs="+", default=[], metavar="WEIGHTS", help="mode networks, whose choices are shown too: "
        "weights files, run folders, or names of weights that come with the project, such as modes_8")  # fmt: skip
    add("--search", action="store_true", help="search the labels of the CTUs that are shown (both SATDs, the modes of "
        "VVC, square blocks) where the files have none")  # fmt: skip
    args = parser.parse_args(argv)
    if unused := [name for name in UNUSED[args.out.suffix] if getattr(args, name) != parser.get_default(name)]:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in unused)
        parser.error(f"{names}: not for a file {args.out.suffix}")
    args.ctus = args.ctus or 24
    return args


def run(args: argparse.Namespace) -> None:
    """Read the dataset, and write the file."""
    networks = {f"network {word}": _network(word) for word in args.network}
    files = [file for file in dataset_files(args.data) if file.match(args.files)]
    if not files:
        raise InputError(f"{args.data}: no dataset file of a name as {args.files!r:.80}")
    if args.out.suffix == SUFFIX:
        return save_statistics(files, args.out)
    shards = [Shard(file) for file in Progress(files, unit="file", desc="opening")]
    most = 1 if args.out.suffix == ".png" else args.ctus
    chosen = [*spread(shards, most, args.ctu)]
    shown = [read_ctu(shard, row, networks, args.search) for shard, row in Progress(chosen, unit="CTU", desc="reading")]
    if args.out.suffix == ".png":
        made = draw_ctu(shown[0], _size_of(shown[0], args.block_size))
    else:
        counts = count_all(Progress(shards, unit="file", desc="counting"))
        about = {
            "dataset": f"{len(shards)} files, sha256 {fingerprint(shards)}",
            "labels": "; ".join(dict.fromkeys(_labels(shard, args.search) for shard in shards)),
            "command": args.command,
        }
        made = dataset_page(args.data.resolve().name, counts, shown, about)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(args.out, made)
    say(f"saved {printable(str(args.out))}, {len(made) / 1e6:.1f} MB: {len(shown)} CTUs of {len(shards)} files")


def save_statistics(files: Sequence[Path], out: Path) -> None:
    """Write the labels of the one file that is chosen; InputError if there are more, or if it has no labels."""
    if len(files) > 1:
        raise InputError(f"{files[0].parent}: {len(files)} files, and {SUFFIX} is of one; choose it with --files")
    shard = Shard(files[0])
    if not shard.info.block_maps:
        raise InputError(f"{shard.path}: has no labels, and no decisions of the encoder")
    out.parent.mkdir(parents=True, exist_ok=True)
    with PartialFile(out) as file:
        for text in labels_text(shard):
            file.write(text.encode())
        file.publish()
    say(f"saved {printable(str(out))}: {shard.frames} frames of {printable(shard.path.name)}")


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return run_command("show-dataset", run, parse(argv))


def _network(word: str) -> ModeNetwork:
    file = find_weights(word)
    network, task, _ = read_weights(file)
    if not isinstance(network, ModeNetwork):
        raise InputError(f"{file}: weights of the task {task}, not of a network that ranks modes")
    return network.eval()


def _labels(shard: Shard, search: bool) -> str:
    info = shard.info
    if not info.blocks:
        return "none stored" + (", searched for in the CTUs that are shown" if search else "")
    return f"{info.label_modes}, blocks of {', '.join(map(str, info.blocks))}, references {info.label_references}"


def _size_of(shown: ShownCtu, asked: BlockSize | None) -> BlockSize | None:
    """Return the size of the blocks to draw; InputError if nothing is known of blocks of the size that is asked for."""
    if asked and asked not in shown.blocks:
        known = ", ".join(map(str, shown.blocks)) or "none"
        raise InputError(f"{shown.shard.path}: no modes of blocks of {asked}; of: {known}")
    order = [BlockSize(16, 16), BlockSize(8, 8), *shown.blocks]
    return asked or next((size for size in order if size in shown.blocks), None)


def _out(text: str) -> Path:
    file = file_to_write(text)
    if file.suffix not in UNUSED:
        raise argparse.ArgumentTypeError(f"{text!r:.80} ends in none of {', '.join(UNUSED)}")
    return file


def _size(text: str) -> BlockSize:
    try:
        return BlockSize.of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())
