"""Describe the page of report-mode-coding: definitions and tables."""

import math
from collections.abc import Callable, Mapping, Sequence

from experiments.reports.mode_coding.means import Mean
from experiments.reports.mode_coding.measure import name_of_mpms
from experiments.reports.mode_coding.networks import Costs
from experiments.reports.mode_coding.speed import Time
from experiments.reports.shared.block_networks import Case
from experiments.reports.shared.page import Page
from experiments.reports.shared.table import Cell, Column, Table

DEFINITIONS = """\
All blocks of one size that lie in a frame are predicted from the unfiltered picture, with the references that a decoder
has. Their modes are decided in decoding order: the mode of least J + lambda * price, with the modes that were decided
for the neighbours before. J = SSE + lambda * estimated bits of the levels; lambda is that of the codec. There is no
choice of the size of blocks, and what is predicted from does not depend on the decisions."""
PRICES = """\
The price of a mode is -log2 of its probability. MPMs: the probability is in proportion to a weight for the place in the
list of most probable modes, or for none, and to a second weight of the mode itself if it is in no list. The first
weights depend on the class of the left and the upper neighbour (both planar; neither angular; one angular; two alike,
near each other, or far), and on whether one of them is missing or above in another CTU. DIMD and TIMD: they depend as
well on the class of the rank of the mode (1, 2, 3, 4-5, 6-8, 9-12, 13-20, 21-34, others), by the gradients in the three
lines around the block, or by the SATD of predicting its template from the line beyond. All weights are counted for each
QP on the very frames that are measured, so that these prices are better than those of a coder that has to learn them.
Own entropy: the price by the share of a mode in all blocks. Networks see the reference lines, which samples are
available, the modes of five neighbours, and the QP."""
BITS = "Bits a mode, where all modes are decided at the price of the MPMs, and in parentheses where each price decides:"
CHANGE = """\
Change of the whole cost, the sum of J + lambda * price, with the decisions that each price leads to, against that of
the MPMs, in percent: below 0 is cheaper. Computed for each source, then averaged, with the 95 % t-interval."""
TIMES = """\
Microseconds for a block on one thread: the least of several rounds, in which all take turns, on the first frame.
Decisions are those of a whole frame in decoding order, with the costs J given; for a network all that it computes."""


def page(means: Sequence[Mean], costs: Sequence[Costs], times: Sequence[Time], about: Mapping[str, str]) -> Page:
    """Return the report."""
    blocks: list[str | Table] = [DEFINITIONS, PRICES]
    for case in dict.fromkeys(Case(mean.size, mean.modes) for mean in means):
        its = [mean for mean in means if Case(mean.size, mean.modes) == case]
        kmacs = {each.price: each.kmac for each in costs if Case(each.size, each.modes) == case}
        blocks += [f"## {str(case).capitalize()}", BITS, _by_qp(its, kmacs, _bits)]
        others = [mean for mean in its if mean.change and mean.price != name_of_mpms(case.modes)]
        blocks += [CHANGE, _by_qp(others, kmacs, _change)]
        rows: list[list[Cell]] = [[t.what, t.microseconds] for t in times if Case(t.size, t.modes) == case]
        blocks += [TIMES, Table(["what", Column("µs a block", ".2f")], 1, rows)]
    return Page("The price of intra modes", about, blocks)


def _by_qp(means: Sequence[Mean], kmacs: Mapping[str, float], text_of: Callable[[Mean], str]) -> Table:
    qps = sorted({mean.qp for mean in means})
    at = {(mean.price, mean.qp): mean for mean in means}
    rows: list[list[Cell]] = [
        [price, kmacs.get(price, math.nan), *(text_of(at[price, qp]) for qp in qps)]
        for price in dict.fromkeys(mean.price for mean in means)
    ]
    return Table(["price", Column("kMAC a block", ".0f", "no network"), *(f"QP {qp}" for qp in qps)], 1, rows)


def _bits(mean: Mean) -> str:
    own = "" if math.isnan(mean.own_bits) else f" ({mean.own_bits:.2f})"
    return f"{mean.bits:.2f}{own}"


def _change(mean: Mean) -> str:
    assert mean.change is not None
    half = "" if mean.change.half is None else f" ± {mean.change.half:.2f}"
    return f"{mean.change.mean:+.2f}{half}"
