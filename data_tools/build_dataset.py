"""build-dataset: from raw sequences to labelled CTU windows in HDF5.

Encodes every source all-intra at every QP with a real codec, decodes it with and without in-loop filters, cuts the
original, the baseline and the unfiltered picture into CTU windows, labels their blocks with the best intra mode by
Hadamard SATD and by exact DCT SATD, and stores one file for each source and QP. A rerun skips files that are whole.
"""

import argparse
import signal
import sys

from codecnn.codecs.registry import choose_codec
from codecnn.dataset.build import Settings, build_all, is_whole, plan
from command_line.encoding import format_options
from command_line.parser import run_command
from command_line.progress import Progress
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
        storage=args.storage,
    )


def run(args: argparse.Namespace) -> int:
    """Build what is missing; return the exit code."""
    tasks = list(plan(args.sources, args.out, settings_of(args)))
    args.out.mkdir(parents=True, exist_ok=True)
    missing = [task for task in tasks if not is_whole(task)]
    print(f"{len(tasks)} files asked for, {len(tasks) - len(missing)} there already, {len(missing)} to make")
    results = Progress(build_all(missing, args.jobs, args.dask), total=len(missing), unit="file")
    failures = [reason for reason in results if reason]
    for reason in dict.fromkeys(failures):  # a bad source fails at every QP
        print(f"build-dataset: {reason}", file=sys.stderr)
    return 2 if failures else 0


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    args = parse(argv, __doc__)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does: no worker goes on
    return run_command("build-dataset", run, args, "interrupted; the same command makes what is missing")


if __name__ == "__main__":
    sys.exit(main())
