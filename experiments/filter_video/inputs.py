"""Find the files to filter, and read their frames: a coded video, or decoded pictures with a QP."""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice, repeat, zip_longest
from pathlib import Path

from codecnn.codecs.bitstream import Bitstream, DecodedFrame, NoUnfilteredError, open_bitstream
from codecnn.errors import InputError
from codecnn.io.files import keep_inputs
from codecnn.video.clip import Clip, is_y4m, open_clip
from codecnn.video.file_names import is_raw_name
from codecnn.video.format_options import FormatOptions
from codecnn.video.picture import Picture
from codecnn.video.sources import natural_order
from codecnn.video.times import UnevenTimes, find_uneven_times


@dataclass(frozen=True)
class Job:
    """Name a file to filter, what belongs to it, and where the result goes."""

    source: Path
    out: Path
    unfiltered: Path | None
    reference: Path | None


@dataclass(frozen=True)
class Input:
    """Hold a file to filter that has been opened."""

    job: Job
    clip: Clip
    bitstream: Bitstream | None  # None: decoded pictures
    times: UnevenTimes | None  # of decoded pictures without a constant rate
    unfiltered: Clip | None
    reference: Clip | None

    @property
    def length(self) -> int:
        """Return about how many frames it has; 0 if that is not known."""
        return self.bitstream.packets if self.bitstream else self.clip.length

    @property
    def time_base(self) -> Fraction | None:
        """Return the unit of the times of frames, in seconds; None if they have a constant rate."""
        if self.bitstream:
            return self.bitstream.time_base
        return self.times.unit if self.times else None

    def frames(self, qp: int | None, needs_unfiltered: bool, first_frames: int) -> Iterator[DecodedFrame]:
        """Yield the frames, with unfiltered pictures if they are needed; InputError if there are none, or no QP.

        qp: in the place of what a stream tells. first_frames: how many to yield; 0: all.
        """
        asks_stream = needs_unfiltered and self.unfiltered is None
        if self.bitstream:
            frames = self.bitstream.frames(asks_stream)
        elif asks_stream:
            raise NoUnfilteredError("decoded pictures; give --unfiltered")
        elif qp is None:
            raise InputError(f"{self.clip.path}: decoded pictures do not tell their QP; give --qp")
        else:
            frames = (DecodedFrame(picture, None, qp, True, time) for picture, time in self._timed())
        frames = islice(frames, first_frames or None)
        if needs_unfiltered and self.unfiltered:
            frames = _paired(frames, self.unfiltered, first_frames)
        yield from frames if qp is None else (replace(frame, qp=qp) for frame in frames)

    def _timed(self) -> Iterator[tuple[Picture, int | None]]:
        """Yield decoded pictures, each with its time; InputError if there are not as many times."""
        times = iter(self.times.times) if self.times else repeat(None)
        for number, picture in enumerate(self.clip.read()):
            try:
                yield picture, next(times)
            except StopIteration:
                raise InputError(f"{self.clip.path}: has times for {number} frames, but more frames") from None


def plan(args: argparse.Namespace) -> list[Job]:
    """Return the jobs of a command line; InputError if the folder has no file."""
    source: Path = args.source
    if not source.is_dir():
        return [Job(source, args.out, args.unfiltered, args.reference)]
    paths = sorted(
        (path for path in source.iterdir() if path.is_file() and not path.name.startswith(".")),
        key=lambda path: natural_order(path.name),
    )
    if not paths:
        raise InputError(f"{source}: no files in it")
    stems = Counter(path.stem for path in paths)
    return [
        Job(
            path,
            args.out / f"{path.stem if stems[path.stem] == 1 else path.name}{args.suffix}",
            args.unfiltered and args.unfiltered / path.name,
            args.reference and _reference_of(path, args.reference),
        )
        for path in paths
    ]


def _reference_of(path: Path, reference: Path) -> Path:
    """Return the file of a folder that has the name of another apart from the suffix; a path that is no folder as is.

    If there is none, the path that it would have without a suffix.
    """
    if not reference.is_dir():
        return reference
    same = sorted(file for file in reference.iterdir() if file.stem == path.stem)
    return same[0] if same else reference / path.stem


def open_input(job: Job, options: FormatOptions, named: bool) -> Input:
    """Open the files of a job; InputError if one cannot be read, or they are not alike.

    named: whether the format is put into the name of a raw file that is written.
    """
    clip = open_clip(job.source, options)
    if clip.conversion:
        raise InputError(f"{job.source}: RGB or grey, not the YUV of a decoder")
    is_plain = is_y4m(job.source) or is_raw_name(job.source)
    bitstream = None if is_plain else open_bitstream(job.source, clip.format.fps)
    times = None if is_plain or bitstream else find_uneven_times(job.source, clip.format.fps)
    unfiltered, reference = (open_clip(path, options) if path else None for path in (job.unfiltered, job.reference))
    for other, may_differ in ((unfiltered, ()), (reference, ("bit_depth",))):
        if other:
            _check_alike(clip, other, ("fps", *may_differ))
    if named:
        job = replace(job, out=_with_format(job.out, clip))
    keep_inputs(job.out, filter(None, (job.source, job.unfiltered, job.reference)))
    return Input(job, clip, bitstream, times, unfiltered, reference)


def _with_format(path: Path, clip: Clip) -> Path:
    """Return the path of a raw file whose name says its format; a raw source has such a name already."""
    if path.suffix != ".yuv" or is_raw_name(clip.path):
        return path
    fmt = clip.format
    rate = f"{float(fmt.fps):.3f}".rstrip("0").rstrip(".")
    words = f"{fmt.width}x{fmt.height}_{rate}_{fmt.bit_depth}bit_{fmt.chroma}"
    return path.with_name(f"{path.stem}_{words}.yuv")


def _check_alike(clip: Clip, other: Clip, may_differ: Sequence[str]) -> None:
    """Raise InputError if two clips differ in their format, apart from some fields."""
    fields = [name for name in vars(clip.format) if name not in may_differ]
    if differing := [name for name in fields if getattr(clip.format, name) != getattr(other.format, name)]:
        said = [", ".join(f"{name} {getattr(fmt, name)}" for name in differing) for fmt in (other.format, clip.format)]
        raise InputError(f"{other.path}: {said[0]}; {clip.path} has {said[1]}")


def _paired(frames: Iterator[DecodedFrame], unfiltered: Clip, first_frames: int) -> Iterator[DecodedFrame]:
    """Give each frame its unfiltered picture; InputError if one of the two files ends before the other."""
    pictures = islice(unfiltered.read(), first_frames or None)
    for number, (frame, picture) in enumerate(zip_longest(frames, pictures)):
        if frame is None or picture is None:
            raise InputError(f"{unfiltered.path}: has {'more than' if frame is None else 'only'} {number} frames")
        yield replace(frame, unfiltered=picture)
