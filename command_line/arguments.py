"""Read the values of arguments, such as a rate; each function is a `type` for argparse."""

import argparse
import contextlib
import os
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from codecnn.codecs.qps import QPS


def whole_number(text: str) -> int:
    """Read a whole number."""
    try:
        return int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r:.80} is no whole number") from error


def count(text: str) -> int:
    """Read a whole number that is not negative."""
    if not 0 <= (value := whole_number(text)) < 1 << 31:
        raise argparse.ArgumentTypeError(f"{value} is not from 0 to 2^31 - 1")
    return value


def positive(text: str) -> int:
    """Read a whole number above 0."""
    if not 1 <= (value := whole_number(text)) < 1 << 31:
        raise argparse.ArgumentTypeError(f"{value} is not from 1 to 2^31 - 1")
    return value


def qp(text: str) -> int:
    """Read a QP of any codec."""
    if (value := whole_number(text)) not in QPS:
        raise argparse.ArgumentTypeError(f"{value} is no QP: not from {QPS[0]} to {QPS[-1]}")
    return value


def jobs(text: str) -> int:
    """Read a number of processes of this machine."""
    most = 32 * (os.cpu_count() or 1)
    if not 1 <= (value := whole_number(text)) <= most:
        raise argparse.ArgumentTypeError(f"{value} is not from 1 to {most}, 32 for each core of this machine")
    return value


def rate(text: str) -> Fraction:
    """Read a frame rate such as 50, 59.94 or 30000/1001."""
    if not re.fullmatch(r"\d{1,4}(\.\d{1,3})?|\d{1,7}/[1-9]\d{0,6}", text):
        raise argparse.ArgumentTypeError(f"{text} is no frame rate such as 50, 59.94 or 30000/1001")
    return Fraction(text)


def seconds(text: str) -> float:
    """Read a time above 0, at most about four months."""
    with contextlib.suppress(ValueError):
        if 0 < (value := float(text)) <= 1e7:
            return value
    raise argparse.ArgumentTypeError(f"{text} is not a positive number of seconds, at most 10^7")


def address(text: str) -> str:
    """Read the address of a server, which is not empty."""
    if not text:
        raise argparse.ArgumentTypeError("the address is empty")
    return text


def path(text: str) -> Path:
    """Read the path of a file or a folder; an empty one, as of a shell's variable that is not set, is refused."""
    if not text:
        raise argparse.ArgumentTypeError("the path is empty")
    return Path(text)


def file_to_write(text: str) -> Path:
    """Read the path of a file to write: not a folder, a pipe or a device, and in a folder that can be written to."""
    file = path(text)
    folder_to_write(str(file.parent))
    with _refused(text):
        if file.exists() and not file.is_file():
            kind = "a folder" if file.is_dir() else "a pipe or a device"
            raise argparse.ArgumentTypeError(f"{text} is {kind}, not a file to write")
    return file


def folder_to_write(text: str) -> Path:
    """Read the path of a folder to write to, made later if missing, so that nothing is computed in vain."""
    folder = path(text)
    with _refused(text):
        there = next(part for part in (folder, *folder.parents) if part.exists())
        if not there.is_dir():
            raise argparse.ArgumentTypeError(f"{there} is not a folder")
        if not os.access(there, os.W_OK):
            raise argparse.ArgumentTypeError(f"{there} is a folder that cannot be written to")
    return folder


@contextlib.contextmanager
def _refused(text: str) -> Iterator[None]:
    """Let a path that no file can have be an error of the command line."""
    try:
        yield
    except (OSError, ValueError) as error:  # ValueError: a null character
        raise argparse.ArgumentTypeError(f"{text:.80}: {getattr(error, 'strerror', None) or error}") from error
