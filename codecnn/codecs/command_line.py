"""Command templates: lists of arguments with places such as {qp} in them."""

import re
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

from codecnn.errors import InputError

Command = str | tuple[str, ...]  # a string is split as a shell would split it
PLACE = re.compile(r"\{(\w*)\}")


def words(command: Command) -> tuple[str, ...]:
    """The arguments of a command, the program first."""
    return tuple(shlex.split(command)) if isinstance(command, str) else command


def places(command: Command) -> set[str]:
    """The names of the places in a command."""
    return {name for word in words(command) for name in PLACE.findall(word)}


def filled(command: Command, values: Mapping[str, object]) -> list[str]:
    """The arguments with the places that have a value filled in: after splitting, so that any value is one argument."""
    return [PLACE.sub(lambda found: str(values.get(found[1], found[0])), word) for word in words(command)]


def program_path(program: str) -> str:
    """The absolute path of a program, given as a path or as a name on $PATH; InputError if there is none."""
    found = shutil.which(program)
    if not found:
        raise InputError(f"{program or 'encoder'}: no such program; name it with --encoder or in the codec template")
    return str(Path(found).absolute())
