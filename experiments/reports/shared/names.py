"""Name what a report compares."""

from collections.abc import Sequence
from pathlib import Path

from codecnn.errors import InputError

SUFFIXES = (".safetensors", ".yaml", ".yml")  # left out of a name


def names_of(words: Sequence[str]) -> list[str]:
    """Return a name for each of some files, folders, or names of weights that come with the project.

    This is the last part of a path, or the whole word where that is not different for each. InputError for a word that
    is given twice.
    """
    for word in words:
        if words.count(word) > 1:
            raise InputError(f"{word}: is given twice")
    short = [Path(word).stem if word.endswith(SUFFIXES) else Path(word).name or word for word in words]
    return [word if short.count(name) > 1 else name for word, name in zip(words, short, strict=True)]
