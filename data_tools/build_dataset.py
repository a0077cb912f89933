"""build-dataset: from raw sequences to labelled CTU windows in HDF5.

Encodes every source all-intra at every QP with a real codec, decodes it with and without in-loop filters, cuts the
original, the baseline and the unfiltered picture into CTU windows, labels their blocks with the best intra mode by
Hadamard SATD, by exact DCT SATD and, if asked to, by rate-distortion cost, and stores one file for each source and QP.
A rerun skips files that are whole.
"""

import argparse
import signal
import sys
from dataclasses import replace
from pathlib import Path

from codecnn.codecs.codec import Codec
from codecnn.codecs.registry import choose_codec
from codecnn.codecs.template import CommandTemplate
from codecnn.dataset.build import Settings, build_all, is_whole, plan
from codecnn.dataset.cluster import build_on_cluster
from command_line.encoding import format_options
from command_line.parser import run_command
from command_line.progress import Progress, complain, say
from command_line.terminal import printable
from data_tools.arguments import parse


def settings_of(args: argparse.Namespace) -> Settings:
    """Return the settings that the command line asks for; InputError if the codec cannot be used."""
    codec = choose_codec(
        args.codec, args.preset, args.codec_template, args.encoder, args.encoder_config, args.encoder_timeout
    )
    return Settings(
        codec=codec,
        qps=args.qp or (),
        formats=format_options(args),
        first_frames=args.frames or 0,
        every=args.every,
        as_clip=bool(args.as_clip),
        ctu_size=args.ctu_size,
        margin=args.margin,
        label_sizes=() if args.no_labels else args.label_sizes,
        label_modes=args.label_modes,
        label_references=args.label_references,
        labels_rd=args.labels_rd,
        block_data=args.block_data,
        storage=args.storage,
    )


def _with_absolute_paths(codec: Codec) -> Codec:
    """Return the codec; the paths of a template are absolute, but not the name of a program."""
    if not isinstance(codec, CommandTemplate):
        return codec
    encoder = str(Path(codec.encoder).absolute()) if "/" in codec.encoder else codec.encoder
    return replace(codec, encoder=encoder, config=codec.config and str(Path(codec.config).absolute()))


def run(args: argparse.Namespace) -> int:
    """Build what is missing; return the exit code."""
    settings = settings_of(args)
    if args.dask:  # workers have current folders of their own
        args.sources, args.out = [source.absolute() for source in args.sources], args.out.absolute()
        settings = replace(settings, codec=_with_absolute_paths(settings.codec))
    tasks = list(Progress(plan(args.sources, args.out, settings), unit="file", desc="reading sources"))
    args.out.mkdir(parents=True, exist_ok=True)
    missing = [task for task in Progress(tasks, unit="file", desc="looking for what is there") if not is_whole(task)]
    say(f"{len(tasks)} files asked for, {len(tasks) - len(missing)} there already, {len(missing)} to make")
    making = build_on_cluster(missing, args.dask, args.dask_timeout) if args.dask else build_all(missing, args.jobs)
    failures = [reason for reason in Progress(making, total=len(missing), unit="file") if reason]
    for reason in dict.fromkeys(failures):  # a bad source fails at every QP
        complain(f"build-dataset: {printable(reason)}")
    return 2 if failures else 0


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    args = parse(argv, __doc__)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does: no worker goes on
    return run_command("build-dataset", run, args, "interrupted; the same command makes what is missing")


if __name__ == "__main__":
    sys.exit(main())
