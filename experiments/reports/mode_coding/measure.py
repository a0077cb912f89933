"""Measure what modes cost at several prices: in bits a mode, and in the whole cost with decisions of each price."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codecnn.labels.decoder_side import template_costs, template_gradients
from codecnn.labels.mode_price import Decided, Priced, fit_price, fixed, rank_classes
from codecnn.labels.mode_sets import ModeSet, count_of
from codecnn.models.mode_context import ModeCoder
from codecnn.tasks.coded_frames import CodedFrame, Frames
from codecnn.tasks.mode_coding import decide, prices_for, whole_cost
from command_line.progress import Progress
from experiments.reports.shared.block_networks import Case, Chosen

ENTROPY, DIMD, TIMD = "own entropy of the modes", "MPMs and DIMD", "MPMs and TIMD"


@dataclass(frozen=True)
class Row:
    """Hold what modes cost at a price in the frames of a file; bits and costs are means over the blocks."""

    size: int
    modes: ModeSet
    price: str
    source: str
    qp: int
    blocks: int
    bits: float  # of a mode, where the modes are decided at the price of the MPMs
    own_bits: float  # of a mode, where they are decided at this price
    cost: float  # J / lambda + price, in bits, where they are decided at this price
    change: float  # of the cost against that at the price of the MPMs, a share


class Coded(NamedTuple):
    """Hold what a price makes of a frame."""

    bits: NDArray  # (N,) of the modes that are decided at the price of the MPMs
    own: Decided


def name_of_mpms(modes: ModeSet) -> str:
    """Return the name of the price by the most probable modes of the standard of a mode set."""
    return "HEVC's 3 MPMs" if modes == "hevc-35" else "VVC's 6 MPMs"


def measure_all(frames: Frames, most: int, case: Case, networks: Sequence[Chosen[ModeCoder]]) -> list[Row]:
    """Measure at every QP: a row for each price and file.

    most: frames of each file, spread evenly. The weights of all prices by MPMs are counted on these frames, for each QP
    and each price.
    """
    by_qp = frames.spread_in_files(most)
    rows = []
    with Progress(total=sum(map(len, by_qp.values())), unit="frame", desc=str(case)) as progress:
        for numbers in by_qp.values():
            chosen = [frames.read(number) for number in numbers]
            pictures = [frame.priced() for frame in chosen]
            at_mpms = fit_price(case.modes, pictures)
            first = [at_mpms.decide(picture) for picture in pictures]
            coded = {name_of_mpms(case.modes): [Coded(decided.bits, decided) for decided in first]}
            for name, ranks in _ranks(chosen, case.modes):
                coded[name] = _by_ranks(case.modes, pictures, ranks, first)
            for network in networks:
                both = zip(chosen, pictures, first, strict=True)
                coded[network.name] = [_by_network(network, *each) for each in both]
            costs = [picture.costs for picture in pictures]
            for name, of_price in coded.items():
                rows += _rows(case, name, chosen, costs, first, of_price)
            rows += _entropy(case, chosen, first)
            progress.update(len(chosen))
    return rows


def _ranks(frames: Sequence[CodedFrame], modes: ModeSet) -> Iterable[tuple[str, list[NDArray]]]:
    """Return the classes of ranks of the decoder-side derivations; TIMD is made for the modes of VVC."""
    yield DIMD, [rank_classes(template_gradients(f.reference, f.grid.blocks, f.size, modes)) for f in frames]
    if modes == "vvc-67":
        depths = [f.shard.info.bit_depth_of("unfiltered") for f in frames]
        both = zip(frames, depths, strict=True)
        yield TIMD, [rank_classes(-template_costs(f.reference, f.grid.blocks, f.size, depth)) for f, depth in both]


def _by_ranks(
    modes: ModeSet, pictures: Sequence[Priced], ranks: Sequence[NDArray], first: Sequence[Decided]
) -> list[Coded]:
    ranked = [picture._replace(ranks=its) for picture, its in zip(pictures, ranks, strict=True)]
    given = [p._replace(costs=fixed(d.modes, count_of(modes))) for p, d in zip(ranked, first, strict=True)]
    of_given, own = fit_price(modes, given), fit_price(modes, ranked)
    return [Coded(of_given.decide(g).bits, own.decide(p)) for g, p in zip(given, ranked, strict=True)]


def _by_network(chosen: Chosen[ModeCoder], frame: CodedFrame, picture: Priced, first: Decided) -> Coded:
    prices = prices_for(chosen.network, frame, first.modes)
    bits = np.take_along_axis(prices, first.modes[:, None], 1)[:, 0]
    return Coded(bits, decide(chosen.network, frame, picture.costs))


def _rows(
    case: Case, name: str, frames: Sequence[CodedFrame], costs: Sequence[NDArray], first: Sequence[Decided],
    coded: Sequence[Coded],
) -> list[Row]:  # fmt: skip
    rows = []
    for places in _by_file(frames):
        before = np.concatenate([whole_cost(costs[place], first[place]) for place in places])
        after = np.concatenate([whole_cost(costs[place], coded[place].own) for place in places])
        bits, own = (
            np.concatenate(each) for each in zip(*((coded[p].bits, coded[p].own.bits) for p in places), strict=True)
        )
        info, change = frames[places[0]].shard.info, after.sum() / before.sum() - 1
        means = float(bits.mean()), float(own.mean()), float(after.mean()), float(change)
        rows.append(Row(*case, name, info.source, info.qp, len(bits), *means))
    return rows


def _entropy(case: Case, frames: Sequence[CodedFrame], first: Sequence[Decided]) -> list[Row]:
    """Return rows with the price of a mode by its share of all blocks, and nothing else."""
    counts = np.bincount(np.concatenate([decided.modes for decided in first]), minlength=count_of(case.modes))
    prices = -np.log2(np.maximum(counts, 1) / counts.sum())
    rows, none = [], (float("nan"),) * 3
    for places in _by_file(frames):
        bits = prices[np.concatenate([first[place].modes for place in places])]
        info = frames[places[0]].shard.info
        rows.append(Row(*case, ENTROPY, info.source, info.qp, len(bits), float(bits.mean()), *none))
    return rows


def _by_file(frames: Sequence[CodedFrame]) -> list[list[int]]:
    places: dict[str, list[int]] = {}
    for place, frame in enumerate(frames):
        places.setdefault(str(frame.shard.path), []).append(place)
    return [*places.values()]
