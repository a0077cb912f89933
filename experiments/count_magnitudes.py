"""Count the magnitudes of levels by context, for the bits that come with the project (codecnn.labels.magnitude_bits).

python -m experiments.count_magnitudes DATA codecnn/labels/magnitude_counts.npz

DATA is a dataset folder of build-dataset, of one codec at QP 22 27 32 37. Of every n-th source some CTUs are taken,
spread evenly. Their blocks are predicted from the unfiltered reconstruction, once by the mode of VVC with the least
Hadamard SATD and once by that with the least DCT SATD, and the levels of both residuals are counted, for squares of 4
to 64.
"""

import codecnn.torch_settings  # noqa: F401

# isort: split

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from codecnn.dataset.reader import Shard, open_folder
from codecnn.intra.block_size import SIDES
from codecnn.labels.rate_distortion import CAP, CONTEXTS, level_counts, quantisation_step, quantised_dct
from codecnn.labels.residuals import residuals_of
from codecnn.tasks.block_sites import Site, Sites
from command_line.arguments import path, positive
from command_line.parser import Parser, run_command
from command_line.progress import Progress


def counts_of(site: Site, qp: int) -> NDArray:
    """Count the levels of both labels of the blocks of a site: (CONTEXTS, CAP + 1)."""
    counts = np.zeros((CONTEXTS, CAP + 1), np.int64)
    for costs in site.satd_tables("vvc-67"):
        residuals = residuals_of(
            site.original, site.reference, site.blocks, site.size, site.bit_depth, "vvc-67", costs.argmin(1)
        )
        levels, _ = quantised_dct(residuals, quantisation_step(qp, site.bit_depth))
        counts += level_counts(levels)
    return counts


def run(args: argparse.Namespace) -> None:
    """Count and save."""
    shards = open_folder(args.data)
    sources = sorted({shard.info.source for shard in shards})[:: args.every]
    chosen = [shard for shard in shards if shard.info.source in sources]
    qps = sorted({shard.info.qp for shard in chosen})
    counts = np.zeros((len(SIDES), len(qps), CONTEXTS, CAP + 1), np.int64)
    for shard in Progress(chosen, unit="file"):
        for side, of_qps in zip(SIDES, counts, strict=True):
            sites = Sites([shard], side)
            for number in sites.spread(args.ctus):
                of_qps[qps.index(shard.info.qp)] += counts_of(sites.read(number), shard.info.qp)
    np.savez_compressed(args.out, sides=SIDES, qps=qps, counts=counts, about=_about(chosen, len(sources), args))


def _about(shards: list[Shard], sources: int, args: argparse.Namespace) -> str:
    infos = [shard.info for shard in shards]
    codecs = sorted({f"{info.codec} {info.codec_version}, preset {info.preset}" for info in infos})
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True)
    return (
        f"{sources} sources, every {args.every}th of a folder; at most {args.ctus} CTUs of each, for each QP and size; "
        f"{'; '.join(codecs)}; commit {commit.stdout.strip() or 'unknown'}; "
        f"sources: {' '.join(sorted({info.source for info in infos}))}"
    )


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = Parser(prog="count_magnitudes", description=__doc__)
    parser.add_argument("data", type=path, help="a dataset folder of build-dataset")
    parser.add_argument("out", type=path, help="the file to write, .npz")
    parser.add_argument("--every", type=positive, default=4, help="take every n-th source")
    parser.add_argument("--ctus", type=positive, default=2, help="CTUs of each file, for each size")
    return run_command("count_magnitudes", run, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
