"""Find the clips that paths stand for: files, all files of folders, and numbered pictures."""

import os
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from codecnn.errors import InputError, InputWarning
from codecnn.video.clip import Clip, open_clip
from codecnn.video.container import UnknownKindError
from codecnn.video.format_options import NOTHING_STATED, FormatOptions
from codecnn.video.picture import Picture

NUMBER = re.compile(r"%(?:0?(\d{1,2}))?d")  # in the name of numbered pictures, such as %05d


@dataclass(frozen=True)
class Source:
    """Hold a clip, its name among all sources, and how the names of its dataset files begin."""

    clip: Clip
    name: str
    stored_as: str


def open_sources(
    paths: Iterable[Path],
    options: FormatOptions = NOTHING_STATED,
    first_frames: int = 0,
    every: int = 1,
    as_clip: bool = False,
) -> list[Source]:
    """Open files, all files of folders in the order of their names, and numbered pictures (frames/%05d.png).

    With `as_clip` the pictures of a folder are the frames of one clip, and each folder in it is another clip. What is
    no picture or video in a folder is passed over with an InputWarning, and without one if its name begins with a dot.
    A source has the name of its file, with as many of its folders as tell it from others. Raises InputError for what
    cannot be read, for a folder with nothing that can, and if dataset files of two sources would have the same names.
    """
    paths = list(paths)
    if as_clip and not any(path.is_dir() for path in paths):
        raise InputError("--as-clip cannot apply: no source is a folder")
    clips: dict[Path, Clip] = {}
    for path in paths:
        for clip in _clips_of(path, options, as_clip):
            clips.setdefault(clip.path.absolute(), replace(clip, first_frames=first_frames, every=every))
    names = _distinct_names(list(clips))
    stems = [
        name if clip.pictures else str(Path(name).with_suffix(""))
        for name, clip in zip(names, clips.values(), strict=True)
    ]
    counts = Counter(stems)
    stored = [(stem if counts[stem] == 1 else name).replace("/", "_") for name, stem in zip(names, stems, strict=True)]
    stored_counts = Counter(stored)
    for clip, name in zip(clips.values(), stored, strict=True):
        if name.startswith("."):
            raise InputError(f"{clip.path}: a name that begins with a dot would be overlooked in a dataset")
        if stored_counts[name] > 1:
            raise InputError(f"{clip.path}: would be stored under the same name as another source, {name}")
    return [Source(*source) for source in zip(clips.values(), names, stored, strict=True)]


def _clips_of(path: Path, options: FormatOptions, as_clip: bool) -> Iterator[Clip]:
    """Open what a path stands for."""
    if not path.is_dir():
        if NUMBER.search(path.name) and not path.exists():
            yield _join(path, [open_clip(file, options) for file in _numbered(path)])
        else:
            yield open_clip(path, options)
        return
    found = False
    walked: set[str] = set()
    for folder, folders, files in os.walk(path, onerror=_refuse_folder, followlinks=True):
        if (real := os.path.realpath(folder)) in walked:  # by a link, which may lead in a circle
            folders.clear()
            continue
        walked.add(real)
        folders[:] = sorted((name for name in folders if not name.startswith(".")), key=natural_order)
        names = sorted((name for name in files if not name.startswith(".")), key=natural_order)
        clips = _readable((Path(folder, name) for name in names), options)
        if as_clip:
            pictures = list(clips)
            clips = iter([_join(Path(folder), pictures)] if pictures else [])
        for clip in clips:
            found = True
            yield clip
    if not found:
        raise InputError(f"{path}: no pictures or videos in it")


def _refuse_folder(error: OSError) -> None:
    raise InputError(f"{error.filename}: cannot be read ({error.strerror})") from error


def natural_order(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts names, with the numbers in them by their values."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), part) if index % 2 else (0, part) for index, part in enumerate(parts)]


def _readable(files: Iterable[Path], options: FormatOptions) -> Iterator[Clip]:
    """Open files of a folder; those of no known kind are passed over with a warning."""
    for file in files:
        try:
            yield open_clip(file, options)
        except UnknownKindError as error:
            warnings.warn(f"{error}; passed over", InputWarning, stacklevel=2)


def _numbered(pattern: Path) -> list[Path]:
    """Return the files of a pattern such as %05d.png, in the order of their numbers; InputError if one is missing."""
    before, after = (re.escape(part) for part in NUMBER.sub("\0", pattern.name, count=1).split("\0"))
    digits = NUMBER.search(pattern.name)
    width = int(digits[1] or 0) if digits else 0
    folder = pattern.parent
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    files = {}
    for file in folder.iterdir():
        match = re.fullmatch(f"{before}(\\d+){after}", file.name)
        if match and match[1] == f"{int(match[1]):0{width}}":
            files[int(match[1])] = file
    if not files:
        raise InputError(f"{pattern}: no such files")
    numbers = sorted(files)
    for number, following in pairwise(numbers):
        if following != number + 1:
            raise InputError(f"{pattern}: number {number + 1} is missing between {number} and {following}")
    return [files[number] for number in numbers]


def _join(path: Path, pictures: Sequence[Clip]) -> Clip:
    """Return pictures as the frames of one clip; InputError if they are not alike."""
    first = pictures[0]
    for clip in pictures:
        if (clip.format, clip.colour) != (first.format, first.colour):
            raise InputError(
                f"{clip.path}: is {_described(clip)}; the first picture of the clip, {first.path.name}, is "
                f"{_described(first)}"
            )

    def read() -> Iterator[Picture]:
        for clip in pictures:
            frames = clip.frames()
            yield next(frames)
            if next(frames, None) is not None:
                raise InputError(f"{clip.path}: holds several frames; it is no picture of a clip")

    return replace(first, path=path, pictures=tuple(clip.path for clip in pictures), read=read)


def _described(clip: Clip) -> str:
    fmt = clip.format
    return f"{fmt.width}x{fmt.height}, {fmt.chroma} at {fmt.bit_depth} bit, {clip.colour}"


def _distinct_names(paths: Sequence[Path]) -> list[str]:
    """Return the last parts of each path: as many, the same in a folder, as tell it from all others."""
    named = [_without_number(path) for path in paths]
    lengths = dict.fromkeys((path.parent for path in named), 1)
    while True:
        names = ["/".join(path.parts[-lengths[path.parent] :]) for path in named]
        counts = Counter(names)
        same = {path.parent for path, name in zip(named, names, strict=True) if counts[name] > 1}
        short = [folder for folder in same if lengths[folder] <= len(folder.parts)]
        if not short:
            return names
        for folder in short:
            lengths[folder] += 1


def _without_number(path: Path) -> Path:
    """Return what numbered pictures are named after: what stands before the number, or their folder."""
    match = NUMBER.search(path.name)
    if not match or path.exists():
        return path
    title = path.name[: match.start()].rstrip("_-. ")
    return path.with_name(title) if title else path.parent
