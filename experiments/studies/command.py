"""Run the command of a study: define its common arguments and its exit codes."""

import argparse
from collections.abc import Callable

from command_line.arguments import folder_to_write, path
from command_line.parser import Parser, run_command
from command_line.progress import complain
from experiments.studies.trial import StoppedError

CONTINUES = "stopped; the same command continues"


def study_parser(prog: str, description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the arguments that all studies share."""
    parser = Parser(prog=prog, description=description)
    parser.add_argument("config", type=path, help="the study: a YAML file")
    parser.add_argument("--data", type=path, required=True, help="folder of dataset files to train on")
    parser.add_argument("--val", type=path, help="folder of dataset files to validate on, in place of held-out sources")
    parser.add_argument("--out", type=folder_to_write, required=True, help="folder for the report, and for the runs")
    return parser


def run_study(prog: str, study: Callable[[argparse.Namespace], None], args: argparse.Namespace) -> int:
    """Run a study and return its exit code: 0, 2 if it cannot be done, 128 + the signal that stopped it."""

    def run(args: argparse.Namespace) -> int:
        try:
            study(args)
        except StoppedError as stopped:
            complain(f"{prog}: {CONTINUES}")
            return stopped.code
        return 0

    return run_command(prog, run, args, CONTINUES)
