"""Load the filter of a report, and describe the conditions of the measurement."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from codecnn.dataset.reader import Shard
from codecnn.dataset.schema import join_filters
from codecnn.models.costs import kmac_per_sample, parameter_count
from codecnn.models.in_loop_filter import AnyFilter, FilterNetwork
from codecnn.models.registry import make_network
from codecnn.models.weights import find_weights, read_filter
from codecnn.models.weights_header import Notes
from codecnn.training.device import choose_device
from codecnn.training.provenance import codecs_of


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


def describe(chosen: Filter, shards: Sequence[Shard], filtered: str, found: Sequence[str]) -> dict[str, str]:
    """Describe what a filter was measured with.

    filtered: how the pictures were filtered, in words; found: cautions.
    """
    config = chosen.network.config
    twin = make_network(config)  # of floats, for a network in integers
    assert isinstance(twin, FilterNetwork)
    return {
        "weights": str(chosen.file),
        "network": f"{parameter_count(twin):,} parameters, {kmac_per_sample(twin):.1f} kMAC/px, input {config.input}"
        + ("" if isinstance(chosen.network, FilterNetwork) else ", in 16-bit integers"),
        "baseline": f"{'; '.join(codecs_of(shard.info for shard in shards))}; all-intra, constant QP",
        "in-loop filters": "; ".join(dict.fromkeys(_filters(shard) for shard in shards)),
        "filtered": f"{filtered}, rounded and clipped to integers at the bit depth, same bits as the baseline",
        "measures": "PSNR-Y with peak 2^bit depth - 1, mean over frames; BD-rate with PCHIP, per clip, then averaged "
        "for each codec",
        "bit depth": "; ".join(dict.fromkeys(_depths(shard) for shard in shards)),
        "without in-loop filters": "; ".join(dict.fromkeys(_unfiltered(shard) for shard in shards)),
        **({"caution": "; ".join(found)} if found else {}),
    }


def _filters(shard: Shard) -> str:
    return f"{shard.info.codec}: {join_filters(shard.in_loop_filters) or 'not recorded which were on'}"


def _depths(shard: Shard) -> str:
    original, coded = (shard.info.format_of(signal).bit_depth for signal in ("original", "baseline"))
    if original == coded:
        return f"{coded} bit"
    return f"decoder's output of {coded} bit, filtered and measured so, the original of {original} bit scaled up"


def _unfiltered(shard: Shard) -> str:
    streams = {
        "same": "the stream of the baseline, decoded without them",
        "second": "a second encoding without them, with its own bits",
        "unknown": "a second encoding without them, whose bits are not recorded",
    }
    return f"{shard.info.codec}: {streams[shard.info.unfiltered_stream]}"


def ctu_sizes(shards: Sequence[Shard]) -> str:
    """Return the CTU sizes of shards in words, such as "64 or 128"."""
    return " or ".join(map(str, sorted({shard.info.ctu_size for shard in shards})))
