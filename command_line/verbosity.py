"""Decide how much a command says.

Usually it says what it does, and shows a bar. With --quiet it says only warnings, errors, and faults that it was asked
to find; files are written as ever. With --verbose it says its versions, every step of a bar, its time, and where an
error comes from.
"""

import argparse
from collections.abc import Sequence
from contextvars import ContextVar
from enum import Enum, auto


class Verbosity(Enum):
    """Say how much a command says."""

    QUIET = auto()
    USUAL = auto()
    VERBOSE = auto()


VERBOSITY: ContextVar[Verbosity] = ContextVar("verbosity", default=Verbosity.USUAL)  # of the command that runs
OPTIONS = {"--quiet": Verbosity.QUIET, "--verbose": Verbosity.VERBOSE}


def add_verbosity(parser: argparse.ArgumentParser) -> None:
    """Add --quiet and --verbose."""
    group = parser.add_mutually_exclusive_group()
    said = {"--quiet": "no bar, and only warnings and errors", "--verbose": "every step, and where errors come from"}
    for option, verbosity in OPTIONS.items():
        group.add_argument(
            option,
            action="store_const",
            dest="verbosity",
            const=verbosity,
            default=argparse.SUPPRESS,
            help=said[option],
        )  # without either it is not in the arguments: the help has no default to show


def taken_out(words: Sequence[str]) -> tuple[list[str], Verbosity]:
    """Return the words of a command line without --quiet and --verbose, and what the last of these says."""
    chosen = [OPTIONS[word] for word in words if word in OPTIONS]
    return [word for word in words if word not in OPTIONS], chosen[-1] if chosen else Verbosity.USUAL


def is_quiet() -> bool:
    """Return whether the command says nothing but warnings and errors."""
    return VERBOSITY.get() is Verbosity.QUIET


def is_verbose() -> bool:
    """Return whether the command says every step."""
    return VERBOSITY.get() is Verbosity.VERBOSE
