"""check-dataset: whether the files of a dataset are as they were written.

Reads every file of the folders in full: its schema, the checksums of its arrays, the range of samples and labels, and
whether CTUs, bits and QPs agree with the attributes. Prints a line for each fault.
"""

import argparse
import sys

from codecnn.dataset.integrity import complaints
from codecnn.dataset.reader import dataset_files
from command_line.arguments import path
from command_line.parser import Parser, run_command
from command_line.progress import Progress, say
from command_line.terminal import printable


def run(args: argparse.Namespace) -> int:
    """Check all files, and print their faults; return the exit code."""
    paths = [path for folder in args.folders for path in dataset_files(folder)]
    faults = [f"{path}: {fault}" for path in Progress(paths, unit="file") for fault in complaints(path)]
    for fault in faults:
        say(printable(fault), always=True)
    say(f"{len(paths)} files checked, {len(faults)} faults")
    return 1 if faults else 0


def main(argv: list[str] | None = None) -> int:
    """Run the command; return 0 if all files are as they were written, 1 if one is not, 2 if there is none to check."""
    parser = Parser(prog="check-dataset", description=__doc__)
    parser.add_argument("folders", nargs="+", type=path, help="folders of dataset files")
    return run_command("check-dataset", run, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
