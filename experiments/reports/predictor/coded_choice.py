"""Choose among candidates in decoding order, where modes are paid by the lists of most probable modes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codecnn.intra.vvc_modes import MODES
from codecnn.labels.block_grid import BlockGrid
from codecnn.labels.mode_price import Decided, Priced, fit_price
from experiments.reports.predictor.choice import Choice

ROUNDS = 3  # of deciding and counting the kinds; in each of them the price of the modes is fitted as well
FIRST, MORE = 10, 3  # rounds of `fit_price`, at first and then


class Kind(NamedTuple):
    """Hold a kind of candidates.

    modes: (candidates,) int64, one of the 67 modes each: a candidate is paid as its mode is, and its kind. None: the
    candidates are one symbol beside the modes, with an index of their own.
    """

    modes: NDArray | None
    costs: Sequence[NDArray]  # of each picture (N, candidates), J / lambda in bits, in decoding order


def choose_in_order(grids: Sequence[BlockGrid], kinds: Sequence[Kind]) -> list[Choice]:
    """Choose a candidate for each block of pictures of one QP; `Choice.j` is J / lambda with the bits of the choice.

    The symbol of a block is its mode, or a kind without modes; its price is that of `codecnn.labels.mode_price`. With a
    mode a block pays which kind it takes, if several have modes. The probabilities of kinds and indices have no
    context. They are counted over all pictures, in the choice of the round before. `Choice.shares` has the kinds with
    modes first.
    """
    with_modes = [_by_mode(kind.modes, kind.costs) for kind in kinds if kind.modes is not None]
    codes = [[np.stack(tables, 1) for tables in zip(*with_modes, strict=True)]]  # (N, alternatives, symbols) each
    codes += [[costs[..., None] for costs in kind.costs] for kind in kinds if kind.modes is None]
    counts, price, choices = [np.zeros(code[0].shape[1]) for code in codes], None, []
    for _ in range(ROUNDS):
        prices = [-np.log2((count + 1) / (count + 1).sum()) for count in counts]
        tables = [
            [table + bits[:, None] for table, bits in zip(of, prices, strict=True)] for of in zip(*codes, strict=True)
        ]
        pictures = [_priced(grid, of_picture) for grid, of_picture in zip(grids, tables, strict=True)]
        price = fit_price("vvc-67", pictures, FIRST if price is None else MORE, price)
        decided = [price.decide(picture) for picture in pictures]
        taken = [_counts(of_picture, own.modes) for of_picture, own in zip(tables, decided, strict=True)]
        counts = [np.sum(of_code, axis=0) for of_code in zip(*taken, strict=True)]
        choices = [_choice(*each) for each in zip(pictures, decided, taken, strict=True)]
    return choices


def _by_mode(modes: NDArray, costs: Sequence[NDArray]) -> list[NDArray]:
    """Return costs by the modes of the candidates, infinite for a mode that there is not: (N, 67) each."""
    tables = [np.full((len(table), MODES), np.inf, np.float32) for table in costs]
    for table, its in zip(tables, costs, strict=True):
        table[:, modes] = its
    return tables


def _priced(grid: BlockGrid, tables: Sequence[NDArray]) -> Priced:
    """Return what the symbols are decided on: the best alternative of each."""
    costs = np.concatenate([table.min(1) for table in tables], 1).astype(np.float32)
    return Priced(grid, costs, np.zeros(costs.shape, np.uint8))


def _counts(tables: Sequence[NDArray], symbols: NDArray) -> list[NDArray]:
    """Count the alternatives of each code that symbols (N,) take."""
    code, symbol = np.maximum(symbols - MODES + 1, 0), np.where(symbols < MODES, symbols, 0)
    return [
        np.bincount(table[code == number, :, symbol[code == number]].argmin(1), minlength=table.shape[1])
        for number, table in enumerate(tables)
    ]


def _choice(picture: Priced, decided: Decided, counts: Sequence[NDArray]) -> Choice:
    blocks = len(decided.modes)
    costs = np.take_along_axis(picture.costs, decided.modes[:, None], 1).astype(np.float64)
    shares = np.array([*counts[0], *(of_code.sum() for of_code in counts[1:])]) / blocks
    return Choice(shares, float(costs.sum() + decided.bits.sum()))
