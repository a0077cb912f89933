"""Measure predictors on the blocks of pictures: their residuals, and what they gain as one more mode."""

from collections.abc import Sequence
from dataclasses import dataclass

from codecnn.dataset.reader import Shard
from codecnn.tasks.block_sites import Sites, lagrangian_of
from command_line.progress import Progress
from experiments.reports.predictor.blocks import LINES, MIP, Blocks, measure_file
from experiments.reports.predictor.choice import choose
from experiments.reports.predictor.in_order import choose_in_files
from experiments.reports.predictor.networks import Named

FLAG, INDEX, MPMS = PRICES = "flag", "flag and index", "flag and most probable modes"


@dataclass(frozen=True)
class Residual:
    """Hold the residual of one prediction of the blocks of a picture: means per sample in the scale of 8 bit."""

    size: int
    source: str
    qp: int
    blocks: int
    prediction: str  # the name of a predictor or mode; of several predictions the best one by each measure
    hadamard_satd: float
    dct_satd: float
    mse: float
    j: float


@dataclass(frozen=True)
class Gain:
    """Hold what candidates beside the 67 modes change in J over all blocks of a picture."""

    size: int
    source: str
    qp: int
    candidates: str  # names of predictors, MIP and reference lines
    price: str  # one of PRICES
    chosen: float  # share of the blocks, 0..1, with one of the candidates
    change: float  # of J, 0.01 is one percent more


def measure(chosen: Sequence[Named], shards: Sequence[Shard], ctus: int) -> tuple[list[Residual], list[Gain]]:
    """Measure predictors on shards, size by size and QP by QP.

    ctus: of each file, spread evenly; 0 for all. Only with all of them there is a price by the most probable modes: it
    needs the neighbours of every block. InputError if no picture holds a block, or J cannot be computed.
    """
    for shard in shards:
        lagrangian_of(shard)
    jobs: list[tuple[int, list[Shard]]] = []  # files of one QP
    for size in sorted({named.size for named in chosen}):
        large = [shard for shard in Sites(shards, size).shards if size <= smaller_side(shard)]
        jobs += [(size, its) for _, its in sorted(grouped_by_qp(large).items())]
    residuals: list[Residual] = []
    gains: list[Gain] = []
    with Progress(total=sum(len(files) for _, files in jobs), unit="file") as progress:
        for size, files in jobs:
            progress.set_description(f"blocks of {size}")
            networks = [named for named in chosen if named.size == size]
            measured = []
            for shard in files:
                blocks = measure_file(shard, size, networks, ctus)
                residuals += residuals_of(blocks, shard, size)
                gains += gains_of(blocks, shard, size, [named.name for named in networks])
                measured.append(blocks)
                progress.update()
            if not ctus:
                gains += gains_in_order(measured, files, size, networks)
    return residuals, gains


def grouped_by_qp(shards: Sequence[Shard]) -> dict[int, list[Shard]]:
    """Return shards by their QP."""
    by_qp: dict[int, list[Shard]] = {}
    for shard in shards:
        by_qp.setdefault(shard.info.qp, []).append(shard)
    return by_qp


def smaller_side(shard: Shard) -> int:
    """Return the smaller of width and height."""
    return min(shard.info.width, shard.info.height)


def residuals_of(blocks: Blocks, shard: Shard, size: int) -> list[Residual]:
    """Return the row of each prediction of the blocks of a file."""
    info, count = shard.info, len(blocks.modes)
    return [
        Residual(size, info.source, info.qp, count, name, *(float(part.sum() / (count * size**2)) for part in costs))
        for name, costs in blocks.residuals.items()
    ]


def gains_of(blocks: Blocks, shard: Shard, size: int, names: Sequence[str]) -> list[Gain]:
    """Return what each kind of candidate gains in a file, at both prices; see `choose`.

    FLAG: only the best candidate of each kind is there, so that nothing is paid but for the kind.
    """
    info, lagrangian = shard.info, lagrangian_of(shard)
    rows = []
    for price in (FLAG, INDEX):
        every = {"": blocks.modes, **blocks.candidates}
        tables = {kind: j.min(1, keepdims=True) if price == FLAG else j for kind, j in every.items()}
        before = choose([tables[""]], lagrangian).j
        for kinds in sets_of(names):
            choice = choose([tables[""], *(tables[kind] for kind in kinds)], lagrangian)
            chosen, change = float(choice.shares[1:].sum()), choice.j / before - 1
            rows.append(Gain(size, info.source, info.qp, " + ".join(kinds), price, chosen, change))
    return rows


def gains_in_order(
    measured: Sequence[Blocks], files: Sequence[Shard], size: int, networks: Sequence[Named]
) -> list[Gain]:
    """Return what each kind of candidate gains in files of one QP at the price of the most probable modes."""
    before, rows = choose_in_files(measured, files, size, networks, ()), []
    for kinds in sets_of([named.name for named in networks]):
        after = choose_in_files(measured, files, size, networks, kinds)
        for shard, choice, other in zip(files, after, before, strict=True):
            info, change = shard.info, choice.j / other.j - 1
            chosen = float(choice.shares[1:].sum())
            rows.append(Gain(size, info.source, info.qp, " + ".join(kinds), MPMS, chosen, change))
    return rows


def sets_of(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Return which kinds of candidates are measured together."""
    return [(MIP,), (LINES,), (MIP, LINES), *((name,) for name in names), *((MIP, LINES, name) for name in names)]
