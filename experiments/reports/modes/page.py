"""Describe the page of report-modes: definitions and tables."""

import math
from collections.abc import Mapping, Sequence

from codecnn.tasks.block_sites import Measure
from experiments.reports.modes.found import Found
from experiments.reports.modes.means import ALL, FIRST, SHARES, TOPS, Mean, OfClass
from experiments.reports.modes.networks import Costs
from experiments.reports.modes.rankings import CHANCE, MEASURE_NAMES, SINGLE
from experiments.reports.shared.block_networks import Case
from experiments.reports.shared.page import Page
from experiments.reports.shared.table import Cell, Column, Empty, Table

DEFINITIONS = """\
All rankings are judged on the same blocks, which are predicted from the unfiltered picture with the references that a
decoder has. The label of a block is its mode with the least cost under the measure of the table, the lowest of several.
Top k: blocks in percent whose label is among the first k modes. Regret, k = 1 and more: the cost of the best of the
first k modes of a ranking, summed over the blocks, / the sum of the least costs of all modes - 1, in percent. Both are
computed for each source and QP; a source then counts with the mean over its QPs, and a number is the mean over the
sources, for k = 1 ± half of its 95 % t-interval over them. Modes to test for 95 and 99 %: the least k for which this
mean regret is 5 and 1 % of planar's, so that the best of k modes has 95 and 99 % of what the best of all modes gains
over planar."""
RANKINGS = """\
Rankings beside the networks: planar and DC are single modes. Random: a permutation for each block, from a fixed seed.
Gradient histogram: the Sobel gradients of the block, with the row and the column of references beside it, added by
their amplitudes to the nearest angular mode and spread over two modes on each side; planar has 6.5 and DC 3.25 times
the mean amplitude of the angular modes. SATD and J: the modes in the order of these costs, as a search of all modes
finds them."""
COST = """\
J = SSE + lambda * estimated bits of the levels, without the bits of the mode; lambda is that of the codec. SATD and SSE
of all files are in the scale of 8 bit."""
CLASSES = """\
Labels by {labels}. All blocks of all sources together, in percent. Recall: blocks with a label of the class whose first
mode is of the class too. Precision: blocks with a first mode of the class whose label is of the class too. Horizontal
and vertical are within 22.5 degrees of these directions; the diagonal classes are named after the corner that they
predict from."""
TIMES = """\
Microseconds for a block on one thread: the least of several rounds, in which all take turns. The search is that of the
label engine over all blocks of a frame; it computes both SATDs in one pass. A network takes up to 4,096 blocks at once,
from samples to logits."""


def page(found: Found, labels: Measure, about: Mapping[str, str]) -> Page:
    """Return the report; labels: those of the tables by class."""
    blocks: list[str | Table] = [DEFINITIONS, RANKINGS, COST]
    for case in dict.fromkeys(mean.case for mean in found.means):
        means = [mean for mean in found.means if mean.case == case]
        kmacs = {network.ranking: network.kmac for network in found.costs if network.case == case}
        last = means[-1].qp  # all, or the only one
        for measure in dict.fromkeys(mean.measure for mean in means):
            its = [mean for mean in means if mean.measure == measure]
            blocks.append(f"## {str(case).capitalize()}: {MEASURE_NAMES[measure]}")
            blocks.append(_judged([mean for mean in its if mean.qp == last], kmacs))
            if last == ALL:
                blocks += ["Regret by QP, k = 1 / 3:", _by_qp(its)]
        blocks += [f"## {str(case).capitalize()}: classes of modes", CLASSES.format(labels=MEASURE_NAMES[labels])]
        left_out = {*SINGLE, CHANCE, MEASURE_NAMES[labels]}
        blocks.append(_classes([row for row in found.classes if row.case == case and row.ranking not in left_out]))
        blocks += [f"## {str(case).capitalize()}: time", TIMES]
        blocks.append(_times(found, case))
    return Page("Rankings of intra modes", about, blocks)


def _judged(means: Sequence[Mean], kmacs: Mapping[str, float]) -> Table:
    single = "a single mode"
    columns: list[str | Column] = ["ranked by", Column("kMAC a block", ".0f", "no network")]
    columns += [Column(f"top {k}", ".1f", single) for k in TOPS]
    columns += ["k = 1", *(Column(f"k = {k}", ".2f", single) for k in FIRST[1:])]
    columns += [Column(f"modes for {share} %", ".0f", single) for share in SHARES]
    rows: list[list[Cell]] = [
        [
            mean.ranking, kmacs.get(mean.ranking, math.nan), *(100 * mean.top_of(k) for k in TOPS),
            _with_interval(mean), *(100 * mean.regret_of(k) for k in FIRST[1:]), *mean.to_test,
        ]
        for mean in means
    ]  # fmt: skip
    return Table(columns, 1, rows)


def _with_interval(mean: Mean) -> str:
    text = f"{100 * mean.regret_of(1):.2f}"
    return text if math.isnan(mean.half) else f"{text} ± {100 * mean.half:.2f}"


def _by_qp(means: Sequence[Mean]) -> Table:
    qps = [qp for qp in dict.fromkeys(mean.qp for mean in means) if qp != ALL]
    at = {(mean.ranking, mean.qp): mean for mean in means}
    rows: list[list[Cell]] = [
        [ranking, *(_pair(at[ranking, qp]) for qp in qps)] for ranking in dict.fromkeys(m.ranking for m in means)
    ]
    return Table(["ranked by", *(f"QP {qp}" for qp in qps)], 1, rows)


def _pair(mean: Mean) -> str:
    return " / ".join(f"{100 * mean.regret_of(k):.2f}" for k in (1, 3) if not math.isnan(mean.regret_of(k)))


def _classes(rows: Sequence[OfClass]) -> Table:
    none = "no such block"
    columns = [Column("ranked by"), Column("class of the label"), Column("blocks", ".1f")]
    columns += [Column(name, ".1f", none) for name in (*(f"top {k}" for k in TOPS), "recall", "precision")]
    cells: list[list[Cell]] = [
        [row.ranking, row.mode_class, *(100 * value for value in (row.share, *row.top, row.recall, row.precision))]
        for row in rows
    ]
    return Table(columns, 2, cells)


def _times(found: Found, case: Case) -> Table:
    costs = {network.ranking: network for network in found.costs if network.case == case}
    columns: list[str | Column] = ["what", "network", "trained on labels by"]
    columns += [Column("parameters", ","), Column("kMAC a block", ".1f"), Column("µs a block", ".2f")]
    rows: list[list[Cell]] = [
        [time.what, *_network(costs.get(time.what)), time.microseconds] for time in found.times if time.case == case
    ]
    return Table(columns, 3, rows)


def _network(network: Costs | None) -> list[Cell]:
    if network is None:
        return [Empty("no network")] * 4
    return [network.network, network.labels or Empty("not recorded"), network.parameters, network.kmac]
