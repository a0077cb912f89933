"""Read what the name of a raw file says about its format."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from codecnn.video.format_words import FORMAT_LIKE, fields_of

RAW_ENDINGS = ("yuv", "raw")
SIZE = re.compile(r"\d{2,5}x\d{2,5}(?:[pi].*)?")
NUMBER = re.compile(r"[1-9]\d{0,5}|\d{1,3}\.\d{1,3}")
PERHAPS_GREY = re.compile("400|gr[ae]y|gr[ae]yscale|mono|luma")
UNITS = "(?:bits?|fps|hz|frames?)"


@dataclass
class NameOfFile:
    """Hold what a file name states: fields with all their values, and the words that are not clear."""

    stated: dict[str, list[str]] = field(default_factory=dict)
    numbers: list[str] = field(default_factory=list)  # after the size, without a unit
    perhaps_grey: str = ""  # the word before the size, if it may be 4:0:0 or the end of the title
    unknown: list[str] = field(default_factory=list)

    def state(self, fields: dict[str, str]) -> None:
        """Add a value to each of these fields."""
        for name, value in fields.items():
            values = self.stated.setdefault(name, [])
            if value not in values:
                values.append(value)


def read_name(path: Path) -> NameOfFile:
    """Return what a file name states.

    A name is a title, a size, and words of the format, as in `Name_1920x1080_50_10bit_420.yuv`. Every word after the
    size must be known. Before it, words count only if they cannot be a part of a title, such as "10bit", "nv12" and
    "422"; directly before it also "rgb" and "packed", which are not clear. If the size comes first, the title is the
    first run of words that are not known.
    """
    name = NameOfFile()
    words = _words(path)
    size = _index_of_size(words)
    known = [_fields(word, position, size) for position, word in enumerate(words)]
    title = range(size) if size else _first_unknown(words, known)
    for position, (word, fields) in enumerate(zip(words, known, strict=True)):
        if fields is not None:
            name.state(fields)
        elif position > size and NUMBER.fullmatch(word):
            name.numbers.append(word)
        elif position == size - 1 and PERHAPS_GREY.fullmatch(word):
            name.perhaps_grey = word
        elif position not in title or FORMAT_LIKE.fullmatch(word) or (position == size - 1 and _names_layout(word)):
            name.unknown.append(word)
    return name


def is_raw_name(path: Path) -> bool:
    """Return whether a file is raw by its ending: .yuv, .raw, or a word such as .nv12, .i420 or .qcif."""
    ending = path.suffix.lower().removeprefix(".")
    return ending in RAW_ENDINGS or bool({"layout", "chroma", "width"} & (fields_of(ending, True) or {}).keys())


def _words(path: Path) -> list[str]:
    """Return the words of a file name in small letters, numbers joined with their units."""
    text = path.stem.lower()
    if (ending := path.suffix.lower().removeprefix(".")) not in RAW_ENDINGS:
        text += f"_{ending}"
    text = re.sub(rf"(?<![a-z\d])(\d+)[_\- ]+(?={UNITS}(?![a-z\d]))", r"\1", text)
    text = re.sub(r"(?<![a-z\d])fps[_\- ]+(?=\d)", "fps", text)
    text = re.sub(rf"(?<=\d)({UNITS})(?=\d)", r"\1_", text)
    text = re.sub(r"4:(\d):(\d)", r"4\1\2", text)
    text = re.sub(r"(?<=\d)([_ ]?)[x\u00d7*]\1(?=\d)", "x", text)  # but not 1080_x264
    text = re.sub(r"(\d{2,5}x\d{2,5})\.", r"\1_", text)
    text = re.sub("(full|video|limited|tv|pc|semi)[_\\- ](?=range|planar)", r"\1", text)
    return [word for word in re.split(r"[_\-\s,;+&@~#()\[\]{}]+|\.(?!\d)|(?<!\d)\.", text) if word]


def _index_of_size(words: list[str]) -> int:
    """Return where the size stands, rather in numbers than by a name such as "cif"; the number of words if nowhere."""
    numbers = [position for position, word in enumerate(words) if SIZE.fullmatch(word)]
    names = [position for position, word in enumerate(words) if "width" in (fields_of(word, False) or {})]
    return min(numbers or names, default=len(words))


def _fields(word: str, position: int, size: int) -> dict[str, str] | None:
    """Return the fields that a word states at its place; None if it is not known there."""
    fields = fields_of(word, position > size)
    if fields and "width" in fields and position != size and not SIZE.fullmatch(word):
        return {name: value for name, value in fields.items() if name not in ("width", "height")}
    return fields


def _names_layout(word: str) -> bool:
    """Return whether a word such as "rgb" is of a layout, though it is not clear which."""
    return "layout" in (fields_of(word, True) or {})


def _first_unknown(words: list[str], known: list[dict[str, str] | None]) -> range:
    """Return where the first words stand that are neither known nor numbers."""
    unknown = [fields is None and not NUMBER.fullmatch(word) for word, fields in zip(words, known, strict=True)]
    start = unknown.index(True) if True in unknown else len(words)
    return range(start, next((i for i in range(start, len(words)) if not unknown[i]), len(words)))
