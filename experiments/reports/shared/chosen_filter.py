"""Load the filter of a report, and describe the conditions of the measurement."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from codecnn.dataset.reader import Shard
from codecnn.models.costs import kmac_per_sample, parameter_count
from codecnn.models.in_loop_filter import AnyFilter, FilterNetwork
from codecnn.models.registry import make_network
from codecnn.models.weights import find_weights, read_filter
from codecnn.models.weights_header import Notes
from codecnn.training.device import choose_device
from codecnn.training.provenance import codec_caution, codecs_of, trained_on


class Filter(NamedTuple):
    """Hold a filter with its file and notes."""

    network: AnyFilter
    notes: Notes
    file: Path


def load_filter(args: argparse.Namespace) -> Filter:
    """Return the filter that is asked for, on its device."""
    file = find_weights(args.weights)
    network, notes = read_filter(file)
    device = choose_device(args.device)
    return Filter(network.to(device) if isinstance(network, FilterNetwork) else network, notes, file)


def describe(chosen: Filter, shards: Sequence[Shard], filtered: str) -> dict[str, str]:
    """Describe what a filter was measured with, and warn if it was trained on some of the clips.

    filtered: how the pictures were filtered, in words.
    """
    infos = [shard.info for shard in shards]
    known = trained_on(chosen.notes, infos)
    caution = {"caution": f"trained on {len(known)} of these clips: {', '.join(known)}"} if known else {}
    config = chosen.network.config
    twin = make_network(config)  # of floats, for a network in integers
    assert isinstance(twin, FilterNetwork)
    return {
        "weights": str(chosen.file),
        "network": f"{parameter_count(twin):,} parameters, {kmac_per_sample(twin):.1f} kMAC/px, input {config.input}"
        + ("" if isinstance(chosen.network, FilterNetwork) else ", in 16-bit integers"),
        "baseline": f"{'; '.join(codecs_of(infos))}; all-intra, constant QP, all in-loop filters on",
        "filtered": f"{filtered}, rounded and clipped to integers at the bit depth, same bits as the baseline",
        "measures": "PSNR-Y with peak 2^bit depth - 1, mean over frames; BD-rate with PCHIP, per clip, then averaged "
        "for each codec",
        **caution,
    }


def warn_of_codec(prog: str, chosen: Filter, shards: Sequence[Shard]) -> None:
    """Print a caution where the data are of codecs that the weights were not trained for."""
    if caution := codec_caution(chosen.notes, [shard.info for shard in shards]):
        print(f"{prog}: {caution}", file=sys.stderr)


def ctu_sizes(shards: Sequence[Shard]) -> str:
    """Return the CTU sizes of shards in words, such as "64 or 128"."""
    return " or ".join(map(str, sorted({shard.info.ctu_size for shard in shards})))
