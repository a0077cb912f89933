"""Choose among the candidates of whole files in decoding order, at the price of the most probable modes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from codecnn.dataset.reader import Shard
from codecnn.intra.block_size import BlockSize
from codecnn.intra.vvc_modes import MODES
from codecnn.labels.block_grid import BlockGrid, block_grid
from codecnn.labels.mode_sets import largest_ctu
from codecnn.models.predictors.refinement import Refinement
from codecnn.tasks.block_sites import Sites, lagrangian_of
from experiments.reports.predictor.blocks import LINES, Blocks
from experiments.reports.predictor.choice import Choice
from experiments.reports.predictor.coded_choice import Kind, choose_in_order
from experiments.reports.predictor.networks import Named


def choose_in_files(
    measured: Sequence[Blocks], files: Sequence[Shard], size: int, networks: Sequence[Named], candidates: Sequence[str]
) -> list[Choice]:
    """Choose among the 67 modes and some kinds of candidates in files of one QP; `Choice.j` is in bits.

    measured: all blocks of each file, in the order of `Sites`. A network that refines modes gives candidates with
    modes, as the reference lines do. The probabilities of all codes are counted over all files.
    """
    frames = [(file, *frame) for file, shard in enumerate(files) for frame in frames_of(shard, size)]

    def kind(modes: NDArray | None, tables: Sequence[NDArray]) -> Kind:
        in_bits = [table / lagrangian_of(shard) for table, shard in zip(tables, files, strict=True)]
        return Kind(modes, [in_bits[file][places] for file, places, _ in frames])

    every = np.arange(MODES)
    kinds = [kind(every, [blocks.modes for blocks in measured])]
    for name in candidates:
        tables = [blocks.candidates[name] for blocks in measured]
        if name == LINES:  # they have no planar mode
            kinds += [
                kind(every[1:], list(of_line))
                for of_line in zip(*(np.split(table, 2, 1) for table in tables), strict=True)
            ]
        else:
            network = next((named.network for named in networks if named.name == name), None)
            kinds.append(kind(every if isinstance(network, Refinement) else None, tables))
    choices = choose_in_order([grid for _, _, grid in frames], kinds)
    return [
        mean_of([c for c, (at, *_) in zip(choices, frames, strict=True) if at == file]) for file in range(len(files))
    ]


def frames_of(shard: Shard, size: int) -> list[tuple[NDArray, BlockGrid]]:
    """Return for each frame the numbers of its blocks among those of the file, in decoding order, and their grid.

    The blocks of the file are numbered as `Sites` reads them: CTU by CTU, in each in raster order.
    """
    info, rows = shard.info, Sites([shard], size).rows
    grid = block_grid(BlockSize(size, size), (info.height, info.width), min(info.ctu_size, largest_ctu("vvc-67")))
    across = info.width // size
    numbers: list[NDArray] = []
    for row in rows:
        left, top, width, height = (int(shard.ctus[row][name]) // size for name in ("x", "y", "width", "height"))
        numbers.append(((top + np.arange(height)[:, None]) * across + left + np.arange(width)).reshape(-1))
    of_frames = np.concatenate(numbers).reshape(shard.frames, -1)
    wanted = grid.blocks[:, 1] // size * across + grid.blocks[:, 0] // size
    return [(np.argsort(of_frame)[wanted] + frame * len(wanted), grid) for frame, of_frame in enumerate(of_frames)]


def mean_of(choices: Sequence[Choice]) -> Choice:
    """Return the choice in a file from those in its frames, which have the same number of blocks."""
    return Choice(np.mean([choice.shares for choice in choices], axis=0), sum(choice.j for choice in choices))
