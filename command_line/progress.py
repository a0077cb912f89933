"""Show how far a command is, and print lines beside that.

A bar is redrawn on a terminal; elsewhere it is at most a line a minute. Nothing is shown in the first two seconds.
"""

import sys
import time
from typing import Any

from tqdm import tqdm

from command_line.verbosity import is_quiet, is_verbose

MINUTE = 60.0
DELAY = 2.0  # seconds


class Progress(tqdm):
    """Show a bar on stderr as tqdm does, with its arguments; a line a minute where stderr is no terminal.

    With --quiet nothing, and with --verbose a line for each step.
    """

    monitor_interval = 0  # no thread that redraws: workers are forked while a bar is shown

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401
        self.seconds = 0.0 if is_verbose() else MINUTE  # between two lines
        self.by_line, self.shown = is_verbose() or not sys.stderr.isatty(), time.monotonic()
        usual = {"delay": 0.0, "mininterval": 0.0} if is_verbose() else {"delay": DELAY}
        chosen = {"miniters": 1, "leave": not self.by_line, "disable": is_quiet()}
        super().__init__(*args, **{**usual, **options, **chosen})

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Draw the bar, or write it as a line if the last one is old enough."""
        if not self.by_line:
            super().display(msg, pos)
        elif msg is None and self.n and time.monotonic() - self.shown >= self.seconds:
            self.shown = time.monotonic()
            self.fp.write(f"{self}\n")
            self.fp.flush()


def say(text: str, always: bool = False) -> None:
    """Print a text to stdout, above the bar; with --quiet only what is `always` printed, as it was asked for."""
    if always or not is_quiet():
        _print(text, sys.stdout)


def complain(text: str) -> None:
    """Print a warning or an error to stderr, above the bar."""
    _print(text, sys.stderr)


def _print(text: str, file: Any) -> None:  # noqa: ANN401
    if sys.stderr.isatty():
        Progress.write(text, file=file)  # clears the bar, and draws it again below
        file.flush()
    else:
        print(text, file=file, flush=True)
