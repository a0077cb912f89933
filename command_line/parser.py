"""Give all commands one parser and one way to end."""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from codecnn.errors import InputError

NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")  # PyTorch says: a GPU's, Linux's, Windows's


class Parser(argparse.ArgumentParser):
    """Parse a command line, and say what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """Exit with code 2."""
        self.exit(2, f"{self.prog}: {message}\n")


@contextmanager
def enough_memory() -> Iterator[None]:
    """Raise InputError where there is too little memory, of the machine or of its GPU."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        lines = str(error).splitlines()  # of a DataLoader's worker a whole traceback
        said = [line for line in lines if any(sign in line for sign in NO_MEMORY)]
        if not said and isinstance(error, RuntimeError):
            raise
        raise InputError(": ".join(["too little memory", *(said or lines[-1:])[:1]])) from error


def run_command(prog: str, run: Callable[[argparse.Namespace], None], args: argparse.Namespace) -> int:
    """Run a command and return its exit code: 0, 2 if it cannot be done, 130 after Ctrl-C; each with one line."""
    try:
        with enough_memory():
            run(args)
    except KeyboardInterrupt:
        print(f"{prog}: interrupted", file=sys.stderr)
        return 130
    except (InputError, OSError) as error:
        print(f"{prog}: {error}", file=sys.stderr)
        return 2
    return 0
