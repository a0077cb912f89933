"""Fill in the placeholders of a command, such as {qp}."""

import re
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

from codecnn.errors import InputError

Command = str | tuple[str, ...]  # a string is split as a shell would split it
PLACEHOLDER = re.compile(r"\{(\w*)\}")


def split_command(command: Command) -> tuple[str, ...]:
    """Return the arguments of a command, the program first; ValueError if a quotation mark is not closed."""
    return tuple(shlex.split(command)) if isinstance(command, str) else command


def list_placeholders(command: Command) -> set[str]:
    """Return the names of the placeholders in a command."""
    return {name for word in split_command(command) for name in PLACEHOLDER.findall(word)}


def fill_placeholders(command: Command, values: Mapping[str, object]) -> list[str]:
    """Return the arguments with the values in the place of their placeholders; others stay as they are.

    The command is split first, so that every value is (a part of) one argument, whatever characters it has.
    """
    return [PLACEHOLDER.sub(lambda found: str(values.get(found[1], found[0])), word) for word in split_command(command)]


def find_program(program: str) -> str:
    """Return the absolute path of a program, given as a path or as a name on $PATH; InputError if there is none."""
    found = shutil.which(program)
    if not found or not Path(found).is_file():
        raise InputError(f"{program or 'encoder'}: no such program; name it with --encoder or in the codec template")
    return str(Path(found).absolute())
