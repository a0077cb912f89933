"""train-weights: make all weights that come with the project from training pictures, stage after stage.

Builds the datasets, trains the networks, and makes other forms of the weights. Each stage is a command that can be
given by hand; --dry-run prints them. What is done is passed over, and a training that was stopped goes on: give the
same command line again. Trainings use a GPU if there is one.
"""

import argparse
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from hashlib import sha256
from importlib.metadata import entry_points

from codecnn.errors import InputError
from codecnn.io.files import write_whole
from command_line.arguments import folder_to_write, jobs, path, positive
from command_line.parser import Parser, run_command
from command_line.progress import complain, say
from command_line.terminal import printable
from experiments.train_weights.stages import STAGES, chosen, words_of


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return run_command("train-weights", run, parse(argv))


def run(args: argparse.Namespace) -> int:
    """Go through the stages; return 0, or the exit code of the stage that failed."""
    for stage in chosen(STAGES, args.only):
        words = words_of(stage, args.out, args.photographs, args.steps)
        line, result, notes = shlex.join(words), stage.result(args.out), args.out / "done"
        note, needed = notes / stage.name, [notes / name for name in stage.needs]
        made_by = "\n".join([line, *(sha256(there.read_bytes()).hexdigest() for there in needed if there.exists())])
        done = result.exists() and note.exists()
        if done and (former := note.read_text()) != made_by:
            command = former.splitlines()[0]
            why = f"by another command, {command}" if command != line else "from what was made anew since"
            raise InputError(f"{result}: made {why}; remove it to make it again")
        if args.dry_run:
            say(printable(f"# {stage.name} is done" if done else line), always=True)
        elif not done:
            say(printable(line))
            for folder in (note.parent, args.out / "weights"):
                folder.mkdir(parents=True, exist_ok=True)
            more = ["--resume"] if stage.trains and (result / "last.pt").exists() else []
            more += ["--jobs", str(args.jobs)] if words[0] == "build-dataset" else []
            if code := execute([*words, *more]):
                complain(printable(f"train-weights: {stage.name}: ended with exit code {code}"))
                return code
            if stage.trains and stage.ships:
                shipped = args.out / "weights" / f"{stage.name}.safetensors"
                write_whole(shipped, (result / "best.safetensors").read_bytes())
            write_whole(note, made_by.encode())
    return 0


def execute(words: Sequence[str]) -> int:
    """Run a command of the project in a process, which hears of Ctrl-C and SIGTERM; return its exit code."""
    (command,) = entry_points(group="console_scripts", name=words[0])
    process = subprocess.Popen([sys.executable, "-m", command.module, *words[1:]])
    handlers = {signal.SIGINT: lambda *_: None, signal.SIGTERM: lambda *_: process.terminate()}  # Ctrl-C reaches it too
    former = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        code = process.wait()
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(prog="train-weights", description=__doc__)
    add = parser.add_argument
    add("photographs", nargs="+", type=path, help="to train on: files, or folders of them")
    add("--out", type=folder_to_write, required=True, help="folder for data, runs, and in weights/ what they make")
    add("--only", nargs="+", default=[], metavar="NAME", help="make these only, and what they need: "
        + ", ".join(stage.name for stage in STAGES))  # fmt: skip
    add("--steps", type=positive, help="of every training, for a trial of the whole chain")
    add("--jobs", type=jobs, default=1, help="files of the datasets made at the same time, a process each")
    add("--dry-run", action="store_true", help="print the commands only")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
