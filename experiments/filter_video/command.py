"""filter-video: filter a coded video, or decoded pictures, and write the result.

IN is a stream of AVC, HEVC, VVC, AV1 or VP9, raw or in a container. Weights whose input is the baseline filter all of
them. Weights that need the unfiltered picture filter what build-dataset takes it from: all-intra streams of AVC, HEVC
and VP9, and decoded pictures with --unfiltered. The QP of each frame is what the stream says. Luma is filtered; chroma
is passed through, or filtered by --chroma-weights. Frames stream: memory does not grow with the length.
"""

import codecnn.torch_settings  # noqa: F401

# isort: split

import argparse
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from codecnn.codecs.bitstream import DecodedFrame, NoUnfilteredError
from codecnn.errors import InputError, NotFiniteError
from codecnn.inference.by_qp import OneForEachQp
from codecnn.inference.chroma import filter_chroma
from codecnn.inference.filtering import Way, filter_picture
from codecnn.inference.load import Loaded, LoadedChroma, load_chroma_filter
from codecnn.models.chroma_rdn import CHROMA
from codecnn.models.weights_header import Notes
from codecnn.training.device import choose_device
from codecnn.video.output import open_output
from codecnn.video.picture import Picture
from command_line.encoding import format_options
from command_line.parser import run_command
from command_line.progress import Progress, complain, say
from command_line.terminal import printable
from experiments.filter_video.arguments import parse
from experiments.filter_video.cautions import cautions, watched
from experiments.filter_video.inputs import Input, Job, open_input, plan
from experiments.filter_video.quality import Quality
from experiments.reports.shared.cautions import warn
from experiments.reports.shared.chosen_filter import choose_filter, way_of


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    args = parse(argv, __doc__)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does: no part of a file is left
    return run_command("filter-video", run, args)


def run(args: argparse.Namespace) -> int:
    """Filter all files, and print what each became; return the exit code, 2 if one of them failed."""
    chosen = choose_filter(args.weights, args.device)
    of_chroma = load_chroma_filter(args.chroma_weights, choose_device(args.device)) if args.chroma_weights else None
    jobs, failures, taken = plan(args), [], dict[Path, Path]()
    (args.out if args.source.is_dir() else args.out.parent).mkdir(parents=True, exist_ok=True)

    def attempt(job: Job) -> Input | None:
        try:
            source = open_input(job, format_options(args), named=args.source.is_dir())
            if (other := taken.setdefault(source.job.out, job.source)) != job.source:
                raise InputError(f"{job.source}: would become {source.job.out}, as {other} would")
            return source
        except (InputError, OSError) as error:
            failures.append(str(error))
            return None

    inputs = [source for job in Progress(jobs, unit="file", desc="opening") if (source := attempt(job))]
    lengths = [min(source.length, args.frames or source.length) for source in inputs]
    with Progress(total=sum(lengths) if all(lengths) else None, unit="frame") as bar:
        for source in inputs:
            bar.set_description(printable(source.clip.path.name))
            try:
                said, measured = filter_file(source, Filters(chosen, of_chroma, way_of(chosen, args.way)), args, bar)
            except (InputError, OSError) as error:
                failures.append(str(error))
                continue
            say(printable(said))
            if measured:
                say(printable(f"  {measured}"), always=True)
    for failure in failures:
        complain(f"filter-video: {printable(failure)}")
    return 2 if failures else 0


class Filters(NamedTuple):
    """Hold the filter of luma, that of chroma or None, and how pictures are filtered."""

    luma: Loaded
    chroma: LoadedChroma | None
    way: Way

    @property
    def notes(self) -> list[Notes]:
        """Return the notes of all weights, those of luma first."""
        return [*self.luma_notes, *([self.chroma.notes] if self.chroma else [])]

    @property
    def luma_notes(self) -> list[Notes]:
        """Return the notes of the weights of luma, one for each QP that has its own."""
        luma = self.luma
        return [*luma.notes["by_qp"].values()] if isinstance(luma.network, OneForEachQp) else [luma.notes]

    @property
    def needs_unfiltered(self) -> Loaded | LoadedChroma | None:
        """Return a filter that needs the unfiltered picture, None if there is none."""
        both = (self.luma, self.chroma)
        return next((chosen for chosen in both if chosen and chosen.network.config.input != "baseline"), None)

    def filtered(self, frame: DecodedFrame) -> Picture:
        """Return the filtered picture: luma and, if there is a filter for it, chroma, else as it was decoded."""
        pictures = frame.baseline, frame.unfiltered
        picture = replace(frame.baseline, y=filter_picture(self.luma.network, *pictures, frame.qp, way=self.way))
        if not self.chroma:
            return picture
        u, v = filter_chroma(self.chroma.network, *pictures, frame.qp, way=self.way)
        return replace(picture, u=u, v=v)


def filter_file(source: Input, filters: Filters, args: argparse.Namespace, bar: Progress) -> tuple[str, str]:
    """Filter a file, and return in words what it became, and what was measured; InputError if it cannot be filtered."""
    clip = source.clip
    if filters.chroma and clip.format.chroma != CHROMA:
        raise InputError(f"{clip.path}: chroma format {clip.format.chroma}; chroma filters take {CHROMA} only")
    found = [caution for notes in filters.notes for caution in cautions(notes, source, args.codec, args.preset)]
    warn("filter-video", [*dict.fromkeys(found)])
    quality = Quality.against(source.reference) if source.reference else None
    count = 0
    try:
        frames = source.frames(args.qp, filters.needs_unfiltered is not None, args.frames)
        with open_output(source.job.out, clip.format, clip.tags, source.time_base) as write:
            for frame in watched(frames, filters.luma_notes, source):
                filtered = filters.filtered(frame)
                write(filtered, count if frame.time is None else frame.time)
                if quality:
                    quality.add(frame.baseline, filtered)
                count += 1
                bar.update()
    except NotFiniteError as error:
        raise InputError(f"{clip.path}: {args.weights}: {error}") from error
    except NoUnfilteredError as error:
        chosen = filters.needs_unfiltered
        assert chosen
        name = args.weights if chosen is filters.luma else args.chroma_weights
        what = f"its input is {chosen.network.config.input}, and {clip.path} gives no unfiltered picture: {error}"
        raise InputError(f"{name}: {what}; weights with the input baseline can filter it") from error
    fmt = clip.format
    what = f"{count} frames, {fmt.width}x{fmt.height}, {fmt.chroma} at {fmt.bit_depth} bit"
    return f"{clip.path}: {what} -> {source.job.out}", quality.described() if quality else ""


if __name__ == "__main__":
    sys.exit(main())
