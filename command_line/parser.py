"""Provide the parser of all commands, and run a command: errors become one line and an exit code."""

import argparse
import io
import os
import platform
import shlex
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any, NoReturn, TypeVar

from codecnn.errors import InputError, InputWarning
from command_line.progress import complain
from command_line.terminal import printable
from command_line.verbosity import VERBOSITY, Verbosity, add_verbosity, is_verbose

A = TypeVar("A")  # what a command line is read into
NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")  # PyTorch says: a GPU's, Linux's, Windows's


class _Help(argparse.ArgumentDefaultsHelpFormatter):
    """Show the defaults of arguments, except for None, False and an empty text."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        shown = action.default is not None and action.default is not False and action.default != ""
        return super()._get_help_string(action) if shown else action.help


class Parser(argparse.ArgumentParser):
    """Parse a command line, and say what is wrong in one line."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401
        super().__init__(**{"formatter_class": _Help, **options})
        add_verbosity(self)

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """Read the command line, and keep it as `command`, for reports."""
        given = super().parse_args(args, namespace)
        given.command = shlex.join([self.prog, *(sys.argv[1:] if args is None else args)])
        return given

    def error(self, message: str) -> NoReturn:
        """Exit with code 2."""
        self.exit(2, f"{self.prog}: {printable(message)}\n")


@contextmanager
def enough_memory() -> Iterator[None]:
    """Raise InputError where the memory of the machine or of its GPU is too small."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        lines = str(error).splitlines()  # of a DataLoader's worker a whole traceback
        said = [line for line in lines if any(sign in line for sign in NO_MEMORY)]
        if not said and isinstance(error, RuntimeError):
            raise
        raise InputError(": ".join(["too little memory", *(said or lines[-1:])[:1]])) from error


@contextmanager
def _warnings_in_lines(prog: str) -> Iterator[None]:
    """Print each warning about input as one line."""
    with warnings.catch_warnings():
        show = warnings.showwarning

        def show_line(message: Warning | str, category: type[Warning], *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
            if issubclass(category, InputWarning):
                complain(f"{prog}: warning: {printable(str(message))}")
            else:
                show(message, category, *args, **kwargs)

        warnings.showwarning = show_line
        yield


def run_command(
    prog: str,
    run: Callable[[A], int | None],
    args: A,
    interrupted: str = "interrupted",
    verbosity: Verbosity | None = None,
) -> int:
    """Run a command and return its exit code, after one line on stderr where it did not succeed.

    The code is 0, or what `run` returns; 2 if the command cannot be done (InputError, OSError, too little memory); 130
    after Ctrl-C, with the line `interrupted`.

    verbosity: how much the command says; None: as `args` say.
    """
    chosen: Verbosity = getattr(args, "verbosity", Verbosity.USUAL) if verbosity is None else verbosity
    token = VERBOSITY.set(chosen)
    try:
        return _run(prog, run, args, interrupted)
    finally:
        VERBOSITY.reset(token)


def _run(prog: str, run: Callable[[A], int | None], args: A, interrupted: str) -> int:
    begin = time.monotonic()
    if is_verbose():
        cores = f"{os.cpu_count()} cores"
        complain(
            f"{prog}: codecnn {version('codecnn')}, Python {platform.python_version()}, {platform.system()}, {cores}"
        )

    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.encoding.lower() != "utf-8":
        sys.stdout.reconfigure(errors="backslashreplace")  # a name may have what the terminal's encoding has not
    try:
        with enough_memory(), _warnings_in_lines(prog):
            return run(args) or 0
    except KeyboardInterrupt:
        complain(f"{prog}: {interrupted}")
        return 130
    except (InputError, OSError) as error:
        if is_verbose():
            complain("".join(traceback.format_exception(error)).rstrip())
        complain(f"{prog}: {printable(str(error))}")
        return 2
    finally:
        if is_verbose():
            complain(f"{prog}: ended after {time.monotonic() - begin:.1f} s")
