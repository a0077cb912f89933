"""Measure the time that the label engine, and networks, take for a block on one thread."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from codecnn.dataset.reader import Shard
from codecnn.intra.block_size import BlockSize
from codecnn.labels.magnitude_bits import magnitude_bits
from codecnn.labels.rate_distortion import quantisation_step
from codecnn.labels.search import blocks_of
from codecnn.labels.tables import lane_costs, rate_distortion_tables
from codecnn.models.blocks import Blocks, ModeNetwork, to_tensors
from codecnn.tasks.block_sites import Measure, Site, Sites
from codecnn.training.batches import collated, mapped
from experiments.reports.shared.block_networks import Case
from experiments.reports.shared.frames import read_frame
from experiments.reports.shared.timing import in_turns, one_thread

BATCH = 4096  # most blocks that a network takes at once
ROUNDS = 5


@dataclass(frozen=True)
class Time:
    """Hold the time that something takes for a block."""

    case: Case
    what: str
    blocks: int  # in one call
    microseconds: float  # for a block


def times_of(
    sites: Sites, case: Case, networks: Sequence[tuple[str, ModeNetwork]], measures: Sequence[Measure]
) -> list[Time]:
    """Measure on blocks of the first frame of a file: the least of several rounds, in which all take turns."""
    place = int(np.argmax(sites.ends > 0))
    shard = sites.shards[place]
    count, ways = _searches(shard, case, measures)
    counts = dict.fromkeys(ways, count)
    numbers = np.flatnonzero(shard.ctus["frame"][sites.rows[: sites.ends[place]]] == 0)
    of_frame = [sites.read(int(number)) for number in numbers]
    for name, network in networks:
        samples = _batch(of_frame, network)
        ways[name], counts[name] = partial(network, samples), len(samples.qp)
    with one_thread(), torch.inference_mode():
        seconds = in_turns(ways, ROUNDS)
    return [Time(case, name, counts[name], 1e6 * min(each) / counts[name]) for name, each in seconds.items()]


def _searches(shard: Shard, case: Case, measures: Sequence[Measure]) -> tuple[int, dict[str, Callable[[], object]]]:
    """Return the number of blocks of the first frame, and the searches of all of their modes."""
    frame, size, ctu_size = read_frame(shard, 0), BlockSize(case.size, case.size), shard.info.ctu_size
    depth, shape = frame.unfiltered.bit_depth, frame.original.shape
    blocks = blocks_of((shape[0] // case.size, shape[1] // case.size), size, shape, ctu_size)
    original, reference = (np.ascontiguousarray(p, np.uint16) for p in (frame.original, frame.unfiltered.y))
    step, bits = quantisation_step(shard.info.qp, depth), magnitude_bits(size, shard.info.qp)

    def search_by_satd() -> None:
        lane_costs(original, reference, blocks, size, depth, case.modes, ctu_size)

    def search_by_j() -> None:
        rate_distortion_tables(original, reference, blocks, size, depth, case.modes, ctu_size, step, bits)

    ways: dict[str, Callable[[], object]] = {"search by Hadamard and DCT SATD": search_by_satd}
    if "rd" in measures:
        ways["search by J"] = search_by_j
    return len(blocks), ways


def _batch(sites: Sequence[Site], network: ModeNetwork) -> Blocks[Tensor]:
    """Return blocks with what a network takes, BATCH at most."""
    modes = network.config.modes
    samples = [site.samples_with_costs(modes) if network.takes_costs else site.samples for site in sites]
    return to_tensors(mapped(collated(samples), lambda field: field[:BATCH]))
