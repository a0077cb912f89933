"""Describe the page of report-labels: definitions and tables."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from codecnn.dataset.schema import ShardInfo
from experiments.reports.labels.means import by_size_and_qp, interval
from experiments.reports.labels.measure import Row
from experiments.reports.shared.intervals import Interval, differ_from_zero
from experiments.reports.shared.page import Page
from experiments.reports.shared.table import Bold, Cell, Table


class Statistics(NamedTuple):
    """Describe one table of the report: its words, and a column for each (heading, statistic)."""

    title: str
    text: str
    columns: tuple[tuple[str, str], ...]
    digits: int = 2
    against_zero: bool = False  # a mean that differs from 0 is set in bold


AGREEMENT = Statistics(
    "Agreement",
    "Blocks in percent. Top 1: both labels are the same mode. Top 3: the DCT label is one of the three best modes by "
    "Hadamard SATD. Within one step: the same mode, or both angular, of the same reference line, and no more than one "
    "apart in number. Tied: several modes have the least Hadamard SATD, of which the label is the lowest.",
    (("top 1", "top1"), ("top 3", "top3"), ("within one step", "one_step"), ("tied", "tied")),
    digits=1,
)
SATD = Statistics(
    "Regret of each label under the other's measure",
    "In percent: the sum over the blocks of the label's cost under the other label's SATD / the sum of the other "
    "label's own - 1.",
    (("Hadamard label by DCT SATD", "hadamard_regret"), ("DCT label by Hadamard SATD", "dct_regret")),
)
COST = Statistics(
    "Regret under the rate-distortion cost",
    "In percent: sum of J of the label / sum of J of the best of all modes - 1. Best of 3: the best by J of the three "
    "best modes by the label's SATD, which is how an encoder uses an SATD.",
    (
        ("Hadamard label", "rd.hadamard_regret"),
        ("DCT label", "rd.dct_regret"),
        ("Hadamard, best of 3", "rd.hadamard_top3_regret"),
        ("DCT, best of 3", "rd.dct_top3_regret"),
    ),
)
CLAIM = Statistics(
    "Hadamard label against DCT label under the rate-distortion cost",
    "This is the test of the claim: the difference of the two in each sequence, Hadamard - DCT, in percent. Above 0 "
    "the DCT label is the better one. In bold where it differs from 0 by a t-test at 5 %, with Holm's correction for "
    "all cells of the column; the intervals are without the correction. J as a share of the least J, SSE and bits as a "
    "share of the DCT label's own.",
    (
        ("J", "rd.difference"),
        ("J, best of 3", "rd.top3_difference"),
        ("SSE", "rd.sse_difference"),
        ("bits", "rd.bits_difference"),
    ),
    against_zero=True,
)
WINS = Statistics(
    "Blocks in which one label has the lower J",
    "In percent; in all others both have the same J.",
    (("Hadamard label", "rd.hadamard_better"), ("DCT label", "rd.dct_better")),
    digits=1,
)
STATISTICS = tuple(name for part in (AGREEMENT, SATD) for _, name in part.columns)
COST_STATISTICS = tuple(name for part in (COST, CLAIM, WINS) for _, name in part.columns)
HISTOGRAMS = "hadamard_modes", "dct_modes"
DEFINITIONS = """\
The labels are the modes with the least Hadamard SATD and the least SATD of the orthonormal DCT-II of the whole block.
All blocks that lie wholly inside of the picture are counted, other than for the rate-distortion cost. A sequence is
one source; each number is the mean over the sequences ± half of its 95 % t-interval over them, none for a single one.
In the rows "all" a sequence counts with its mean over the QPs."""
COST_DEFINITION = """\
J = SSE + lambda * bits of a block predicted by a mode from the same references as the labels, lambda = {relation}.
The residual is transformed by the orthonormal DCT-II of the whole block, in floats, and quantised with the step
2^((QP - 4) / 6) * 2^(bit depth - 8) and the rounding offset 171/512 of HM, VTM and x265; of a side of 64 the lower 32
frequencies are coded and the others lost, as in VVC. The SSE is that of the coefficients. The bits are an estimate,
a conditional entropy as the contexts of CABAC have it: of the magnitude of each level given the sum of min(|level|, 4)
over the five neighbours to the right and below (in the classes 0, 1, 2, 3-4, 5-7, 8-20) and the diagonal x + y (0, 1,
2-4, 5-9, 10-19, 20 and more), with probabilities counted for each block size and QP over both labels of all drawn
blocks alike, each magnitude once more than it occurs; magnitudes from 15 on by an Exp-Golomb code; 1 bit a sign. Not
in it: the bits of the mode, which depend on the neighbours, those of the split, and RDOQ, transform skip, other
transforms (the DST-VII of HEVC's 4x4 blocks, the MTS of VVC) and the in-loop filters. Measured on a random sample of
blocks, {samples} luma samples (or all) for each size and file, of a source the same ones at each QP."""


def section(rows: Sequence[Row], content: Statistics) -> list[str | Table]:
    """Return a heading, its text and its table by size and QP."""
    groups = by_size_and_qp(rows)
    columns = [[interval(chosen, name) for _, _, chosen in groups] for _, name in content.columns]
    bold = [differ_from_zero(column) if content.against_zero else [False] * len(column) for column in columns]
    lines: list[list[Cell]] = []
    for place, (size, qp, _) in enumerate(groups):
        cells = [_in_percent(column[place], content, marks[place]) for column, marks in zip(columns, bold, strict=True)]
        lines.append([size, qp, columns[0][place].sequences, *cells])
    heads = ["size", "QP", "sequences", *(heading for heading, _ in content.columns)]
    return [f"## {content.title}", content.text, Table(heads, 1, lines)]


def _in_percent(value: Interval, content: Statistics, bold: bool) -> Cell:
    text = f"{100 * value.mean:{'+' if content.against_zero else ''}.{content.digits}f}"
    if value.half is not None:
        text += f" ± {100 * value.half:.{content.digits}f}"
    return Bold(text) if bold else text


def modes_section(rows: Sequence[Row], mode_set: str) -> list[str | Table]:
    """Return how often planar, DC, horizontal and vertical are the labels."""
    named = {"planar": 0, "DC": 1, "horizontal": 10, "vertical": 26} if mode_set == "hevc-35" else {
        "planar": 0, "DC": 1, "horizontal": 18, "vertical": 50}  # fmt: skip
    text = (
        "Blocks in percent with each mode as their label, Hadamard / DCT, mean over the sequences; the rest are other "
        "modes. All modes are in results.json and histograms.png. Distance: the share of blocks that would have to "
        "change their mode to make the two histograms equal."
    )
    lines = []
    for size, qp, chosen in by_size_and_qp(rows):
        hadamard, dct = (np.mean([getattr(row, name) for row in chosen], axis=0) for name in HISTOGRAMS)
        values = [f"{100 * hadamard[mode]:.1f} / {100 * dct[mode]:.1f}" for mode in named.values()]
        lines.append([size, qp, *values, f"{50 * np.abs(hadamard - dct).sum():.1f}"])
    return ["## Modes", text, Table(["size", "QP", *named, "distance"], 1, lines)]


def page(rows: Sequence[Row], info: ShardInfo, about: Mapping[str, str], samples: int) -> Page:
    """Return the report.

    info: of any of the files; samples: luma samples drawn for the rate-distortion cost, 0 if it is left out.
    """
    blocks = [DEFINITIONS, *section(rows, AGREEMENT), *modes_section(rows, info.label_modes), *section(rows, SATD)]
    if samples:
        relation = "0.038 e^(0.234 QP) (x265)" if info.codec == "x265" else "0.57 * 2^((QP - 12) / 3) (HM, VTM)"
        relation += ", times 4^(bit depth - 8)"
        blocks += ["## Rate-distortion cost", COST_DEFINITION.format(relation=relation, samples=samples)]
        for content in (COST, CLAIM, WINS):
            blocks += section(rows, content)
    return Page("Labels by Hadamard SATD and by DCT SATD", about, blocks)
