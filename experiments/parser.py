"""The command lines' parser, and what a command's end looks like."""

import argparse
import sys
from collections.abc import Callable
from typing import NoReturn

from codecnn.errors import InputError


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """Exit with code 2."""
        self.exit(2, f"{self.prog}: {message}\n")


def count(text: str) -> int:
    """The type of an argument: a whole number, not negative."""
    if (value := int(text)) < 0:
        raise argparse.ArgumentTypeError(f"{value} is negative")
    return value


def run_command(prog: str, run: Callable[[argparse.Namespace], None], args: argparse.Namespace) -> int:
    """Run a command and return its exit code: 0, 2 if it cannot be done or 130 by Ctrl-C, either said in one line."""
    try:
        run(args)
    except KeyboardInterrupt:
        print(f"{prog}: interrupted", file=sys.stderr)
        return 130
    except (InputError, OSError) as error:
        print(f"{prog}: {error}", file=sys.stderr)
        return 2
    return 0
