"""Load the filter of a report, and describe the conditions of the measurement."""

import sys
from collections.abc import Sequence

from codecnn.dataset.reader import Shard
from codecnn.dataset.schema import join_filters
from codecnn.inference.by_qp import OneForEachQp
from codecnn.inference.filtering import Way
from codecnn.inference.load import Loaded, load_filter
from codecnn.models.costs import kmac_per_sample, parameter_count
from codecnn.models.foreign.contract import Contract
from codecnn.models.foreign.filter import ForeignFilter
from codecnn.models.in_loop_filter import AnyFilter, FilterNetwork
from codecnn.models.registry import make_network
from codecnn.training.device import choose_device
from codecnn.training.provenance import codecs_of
from experiments.reports.shared.cautions import cautions


def choose_filter(name: str, device: str) -> Loaded:
    """Return the filter of a name on a device; modules of Python are looked for in the current folder first."""
    if "" not in sys.path:
        sys.path.insert(0, "")
    return load_filter(name, choose_device(device))


def check_shards(chosen: Loaded, shards: Sequence[Shard]) -> list[str]:
    """Return cautions on a filter; InputError if it has one network for each QP, and not for those of the shards."""
    if not isinstance(chosen.network, OneForEachQp):
        return cautions(chosen.notes, shards)
    chosen.network.check(shard.info.hevc_qp for shard in shards)
    by_qp = [
        cautions(notes, [shard for shard in shards if shard.info.hevc_qp == int(qp)])
        for qp, notes in chosen.notes["by_qp"].items()
    ]
    return list(dict.fromkeys(caution for found in by_qp for caution in found))


def way_of(chosen: Loaded, asked: Way | None) -> Way:
    """Return how pictures are filtered: as asked for, as a contract says, as the filter was trained, or CTU by CTU."""
    config = chosen.network.config
    if asked:
        return asked
    if isinstance(config, Contract):
        return config.way
    notes = [chosen.notes, *chosen.notes.get("by_qp", {}).values()]
    trained = {its["recipe"].get("neighbourhood", "ctu") for its in notes if "recipe" in its}
    return "picture" if trained == {"picture"} else "ctu"


def describe(chosen: Loaded, shards: Sequence[Shard], filtered: str, found: Sequence[str]) -> dict[str, str]:
    """Describe what a filter was measured with.

    filtered: how the pictures were filtered, in words; found: cautions.
    """
    return {
        "weights": chosen.name,
        "network": in_words(chosen.network),
        **conditions(
            shards, f"{filtered}, rounded and clipped to integers at the bit depth, same bits as the baseline"
        ),
        **({"caution": "; ".join(found)} if found else {}),
    }


def conditions(shards: Sequence[Shard], filtered: str) -> dict[str, str]:
    """Describe the data of a measurement, and how the pictures were filtered."""
    return {
        "baseline": f"{'; '.join(codecs_of(shard.info for shard in shards))}; all-intra, constant QP",
        "in-loop filters": "; ".join(dict.fromkeys(_filters(shard) for shard in shards)),
        "filtered": filtered,
        "measures": "PSNR-Y with peak 2^bit depth - 1, mean over frames; BD-rate with PCHIP, per clip, then averaged "
        "for each codec",
        "bit depth": "; ".join(dict.fromkeys(_depths(shard) for shard in shards)),
        "without in-loop filters": "; ".join(dict.fromkeys(_unfiltered(shard) for shard in shards)),
    }


def in_words(network: AnyFilter) -> str:
    """Describe what a filter is, its work, and what it takes."""
    if isinstance(network, OneForEachQp):
        each = "; ".join(dict.fromkeys(map(in_words, network.filters.values())))
        return f"{each}; one network for each of the QPs {', '.join(map(str, network.filters))}"
    work = ", ".join("multiply-accumulates not counted" if k is None else f"{k:.1f} kMAC/px" for k in kmacs(network))
    if isinstance(network, ForeignFilter):
        contract = network.config
        planes = f"planes {', '.join(contract.planes)}, margin {contract.margin}, samples {contract.range}"
        return f"foreign, {work}, input {contract.input}, {planes}"
    integers = "" if isinstance(network, FilterNetwork) else ", in 16-bit integers"
    return f"{parameter_count(_twin(network)):,} parameters, {work}, input {network.config.input}{integers}"


def kmacs(network: AnyFilter) -> list[float | None]:
    """Return the kMAC/px of a filter, of each QP if there is one network for each; None where they are not counted."""
    if isinstance(network, OneForEachQp):
        return [kmac for one in network.filters.values() for kmac in kmacs(one)]
    return [network.kmac_per_sample() if isinstance(network, ForeignFilter) else kmac_per_sample(_twin(network))]


def _twin(network: AnyFilter) -> FilterNetwork:
    """Return an untrained network of floats of the same configuration."""
    twin = make_network(network.config)
    assert isinstance(twin, FilterNetwork)
    return twin


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
