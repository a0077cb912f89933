"""Describe the page of report-where: definitions and tables."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from experiments.reports.shared.frames import EXACT
from experiments.reports.shared.means import grouped
from experiments.reports.shared.page import Page
from experiments.reports.shared.table import Bold, Cell, Column, MeanCell, Table, defined_or
from experiments.reports.where.bins import BLOCK, FARTHEST
from experiments.reports.where.means import Decile, Mean, Point, QpMean, Summary
from experiments.reports.where.measure import WAYS

NAMES = {"ctu": "CTU by CTU", "picture": "picture at once", "ensemble": "self-ensemble"}
SHOWN = (0, 1, 2, 3, 4, 6, 8, 12, 16, 20, 24, FARTHEST)  # distances in the table; all are in results.json

NO_SAMPLES = "no samples, or none with an error, at this distance"

DEFINITIONS = """\
Every figure is of luma, against the codec's own output with its in-loop filters, and unless said otherwise the
mean over the clips of each clip's figure. Gain: PSNR-Y, mean over the frames. Pooled gain: 10 log10 of the squared
error of the baseline, summed over some of the samples of the frames, over that of the filtered samples; it is no mean
of PSNRs. CTU by CTU: the network sees a CTU and its margin. Picture at once: all that it can reach. Self-ensemble: the
mean of the picture at once over its eight flips and transposes (four at 4:2:2), each filtered and rounded, their mean
rounded again: eight times the work, to see how much more the same weights can give. A frame in which a picture is the
original at one of the QPs is left out of all means and sums, with its bits."""
DISTANCE = f"""\
Pooled gain in dB of the samples that have so many others between them and the nearest edge between two CTUs. The
borders of the picture are no such edges, and a picture of one CTU is not counted. {FARTHEST}+: as far or farther. The
codec's own blocks lie on the same grid, and the gain can be larger at their edges: what the CTU's edge costs is the
difference between two ways at one distance, not that between distances. Farther away than the network reaches, the
ways differ only at the borders of the picture: there samples are repeated to fill up a partial CTU, and the picture at
once meets zeros."""
ACTIVITY = f"""\
Blocks of {BLOCK}x{BLOCK} wholly inside of the picture, by the standard deviation of the baseline's samples (activity,
in the scale of 8 bit). Deciles are of all blocks of a codec and QP together; blocks of equal activity are not parted.
Error and reduction: the shares that a decile has of the whole squared error of the baseline, and of what the filter
takes off it, over all clips together in the scale of 8 bit, so that clips with much error weigh more. Pooled gain: of
the decile's blocks of a clip, mean over the clips."""
FLAGS = """\
Each CTU is filtered or not, whichever has less squared error against the original, as an encoder would choose it; no
CTU gets worse. A flag costs -log2 of its probability by the two-rate state of H.266 9.3.4.3.2.2 (shiftIdx 0), in three
contexts by the flags of the left and the upper CTU, which start at 1/2 with each picture; they add up to the bits in
BD-rate. Off: CTUs that are switched off. Flags: their bits, each, and as a share of all other bits."""


def _gains(points: Sequence[QpMean], means: Sequence[Mean]) -> Table:
    columns: list[str | Column] = ["codec", "QP", "clips", *(Column(name, "+.3f") for name in _names(points))]
    rows: list[list[Cell]] = []
    for (codec, qp), ways in grouped(points, "point.codec", "point.qp"):
        rows.append([codec, qp, ways[0].clips, *(MeanCell(m.gain, m.defined, m.clips) for m in ways)])
    for (codec,), of_codec in grouped(means, "codec"):
        rows.append([codec, "all", of_codec[0].clips, *(_mean(m, "gain") for m in of_codec)])
        rates = (MeanCell(m.bd_rate, m.defined["bd_rate"], m.clips, bold=True, form="+.2f") for m in of_codec)
        rows.append([codec, "BD-rate %", of_codec[0].clips, *rates])
    return Table(columns, 1, rows)


def _names(rows: Sequence[QpMean] | Sequence[Decile]) -> list[str]:
    return [NAMES[way] for way in dict.fromkeys(row.point.way for row in rows)]


def _mean(mean: Mean, figure: str) -> MeanCell:
    return MeanCell(getattr(mean, figure), mean.defined[figure], mean.clips, bold=True)


def _distances(points: Sequence[QpMean]) -> Table:
    heads = (f"{at}{'+' if at == FARTHEST else ''}" for at in SHOWN)

    def row(filtered: str, point: Point, gains: Sequence[float]) -> list[Cell]:
        return [point.codec, filtered, point.qp, *(gains[at] for at in SHOWN)]

    rows = [row(NAMES[m.point.way], m.point, m.by_distance) for m in points]
    rows += [row("CTU by CTU - at once", point, loss) for point, loss in losses(points)]
    return Table(["codec", "filtered", "QP", *(Column(head, "+.3f", NO_SAMPLES) for head in heads)], 2, rows)


def losses(points: Sequence[QpMean]) -> list[tuple[Point, list[float]]]:
    """Return the pooled gain CTU by CTU minus the pooled gain of the picture at once, by distance."""
    gains = {m.point: m.by_distance for m in points}
    pairs = [(point, gains.get(replace(point, way="picture"))) for point in gains if point.way == "ctu"]
    return [(point, [a - b for a, b in zip(gains[point], whole, strict=True)]) for point, whole in pairs if whole]


def _deciles(deciles: Sequence[Decile]) -> Table:
    columns: list[str | Column] = ["codec", "QP", "decile", "activity", Column("blocks %", ".1f")]
    columns += [Column("error %", ".1f", "no error in any block")]
    columns += [Column(f"reduction %, {name}", ".1f", "the error is not reduced") for name in _names(deciles)]
    columns += [Column(f"gain dB, {name}", "+.3f", "no error in these blocks") for name in _names(deciles)]
    rows: list[list[Cell]] = [
        [
            *(codec, qp, decile + 1, f"{ways[0].least:.1f} to {ways[0].most:.1f}"),
            *(100 * ways[0].blocks, 100 * ways[0].error),
            *(100 * d.reduction for d in ways),
            *(d.gain for d in ways),
        ]
        for (codec, qp, decile), ways in grouped(deciles, "point.codec", "point.qp", "decile")
    ]
    return Table(columns, 1, rows)


def _flags(points: Sequence[QpMean]) -> Table:
    columns: list[str | Column] = ["codec", "filtered", "QP", Column("gain dB", "+.3f")]
    columns += [Column("with flags dB", "+.3f"), Column("off %", ".1f", EXACT)]
    columns += [Column("bits a flag", ".2f", EXACT), Column("flags %", ".3f", "no bits")]
    rows: list[list[Cell]] = [
        [
            *(m.point.codec, NAMES[m.point.way], m.point.qp),
            *(MeanCell(gain, m.defined, m.clips) for gain in (m.gain, m.gain_flagged)),
            *(100 * m.off, m.bits_per_flag, 100 * m.flag_cost),
        ]
        for m in points
    ]
    return Table(columns, 2, rows)


def _clips(summaries: Sequence[Summary], means: Sequence[Mean]) -> Table:
    columns: list[str | Column] = ["clip", "codec", "filtered", Column("gain dB", "+.3f", EXACT)]
    columns += [Column("with flags dB", "+.3f", EXACT), Column("BD-rate %", "+.2f"), Column("with flags %", "+.2f")]
    figures = ("gain", "gain_flagged", "bd_rate", "bd_rate_flagged")
    rows: list[list[Cell]] = [
        [
            *(s.source, s.codec, NAMES[s.way], s.gain, s.gain_flagged),
            defined_or(s.bd_rate, s.bd_rate_reason),
            defined_or(s.bd_rate_flagged, s.bd_rate_flagged_reason),
        ]
        for s in summaries
    ]
    rows += [
        [Bold(f"mean over clips ({m.clips})"), m.codec, NAMES[m.way], *(_mean(m, figure) for figure in figures)]
        for m in means
    ]
    return Table(columns, 3, rows)


def page(
    points: Sequence[QpMean],
    deciles: Sequence[Decile],
    summaries: Sequence[Summary],
    means: Sequence[Mean],
    about: Mapping[str, str],
) -> Page:
    """Return the report."""
    by_way = sorted(points, key=lambda m: (m.point.codec, WAYS.index(m.point.way), m.point.qp))
    blocks: list[str | Table] = [DEFINITIONS, "## Gain in dB", _gains(points, means)]
    blocks += ["## By distance from the CTU edge", DISTANCE, _distances(by_way)]
    blocks += ["## With a flag for each CTU", FLAGS, _flags(by_way)]
    blocks += ["## Per clip, over its QPs", _clips(summaries, means)]
    blocks += ["## By activity", ACTIVITY, _deciles(deciles)]
    return Page("Where the gain lies", about, blocks)
