"""Show how far a command is: a bar that is redrawn on a terminal, elsewhere at most a line a minute."""

import sys
import time
from typing import Any

from tqdm import tqdm

MINUTE = 60.0


class Progress(tqdm):
    """Show a bar on stderr as tqdm does, with its arguments; a line a minute where stderr is no terminal."""

    monitor_interval = 0  # no thread that redraws: workers are forked while a bar is shown

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401
        self.by_line, self.shown = not sys.stderr.isatty(), time.monotonic()
        super().__init__(*args, **{**options, "miniters": 1, "leave": not self.by_line})

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Draw the bar, or write it as a line if the last one is a minute old."""
        if not self.by_line:
            super().display(msg, pos)
        elif msg is None and time.monotonic() - self.shown >= MINUTE:
            self.shown = time.monotonic()
            self.fp.write(f"{self}\n")
            self.fp.flush()

    def tell(self, text: str) -> None:
        """Print a line to stdout, above the bar."""
        if self.by_line:
            print(text, flush=True)
        else:
            self.write(text)
