"""hash-pictures: list the perceptual hashes of the sources of datasets, by which copies of them are found.

With the list of the pictures that the weights of the project were trained on (codecnn/models/pretrained/pictures.json),
weights files name these pictures by their checksums only. The list is JSON: SHA-256, name, hash of the first frame.
"""

import argparse
import json
import sys

from codecnn.dataset.reader import open_folder
from codecnn.io.files import keep_inputs, write_whole
from codecnn.video.perceptual_hash import perceptual_hash
from command_line.arguments import file_to_write, path
from command_line.parser import Parser, run_command
from command_line.progress import Progress, say
from command_line.terminal import printable


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return run_command("hash-pictures", run, parse(argv))


def run(args: argparse.Namespace) -> None:
    """Read the first frame of each source, and write the list."""
    shards = [shard for folder in args.folders for shard in open_folder(folder)]
    keep_inputs(args.out, [shard.path for shard in shards])
    first = {shard.info.source_sha256: shard for shard in shards}
    by_name = sorted(first.items(), key=lambda item: (item[1].info.source, item[0]))
    listed = {
        sha256: (shard.info.source, perceptual_hash(shard.picture("original", 0).y))
        for sha256, shard in Progress(by_name, unit="source")
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(args.out, (json.dumps(listed, indent=0) + "\n").encode())
    say(printable(f"{len(listed)} sources; saved {args.out}"))


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(prog="hash-pictures", description=__doc__)
    parser.add_argument("folders", nargs="+", type=path, help="dataset folders of build-dataset")
    parser.add_argument("--out", type=file_to_write, required=True, metavar="FILE", help="the list to write")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
