"""Report where a filter's gain lies: definitions and tables."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from experiments.reports.shared.means import cell, mean_cell
from experiments.reports.shared.page import Page, Table
from experiments.reports.where.bins import BLOCK, FARTHEST
from experiments.reports.where.means import Decile, Mean, Point, QpMean, Summary
from experiments.reports.where.measure import WAYS

NAMES = {"ctu": "CTU by CTU", "picture": "picture at once", "ensemble": "self-ensemble"}
SHOWN = (0, 1, 2, 3, 4, 6, 8, 12, 16, 20, 24, FARTHEST)  # distances in the table; all are in results.json

DEFINITIONS = """\
Every figure is of luma, against the codec's own output with all its in-loop filters on, and unless said otherwise the
mean over the clips of each clip's figure. Gain: PSNR-Y, mean over the frames. Pooled gain: 10 log10 of the squared
error of the baseline, summed over some of the samples of all frames, over that of the filtered samples; it is no mean
of PSNRs. CTU by CTU: the network sees a CTU and its margin. Picture at once: all that it can reach. Self-ensemble: the
mean of the picture at once over its eight flips and transposes (four at 4:2:2), each filtered and rounded, their mean
rounded again: eight times the work, to see how much more the same weights can give."""
DISTANCE = f"""\
Pooled gain in dB of the samples that have so many others between them and the nearest edge between two CTUs. The
borders of the picture are no such edges, and a picture of one CTU is not counted. {FARTHEST}+: as far or farther. The
codec's own blocks lie on the same grid, and the gain can be larger at their edges: what the CTU's edge costs is the
difference between two ways at one distance, not that between distances. Farther away than the network reaches, the
ways differ at the borders of the picture alone: there samples are repeated to fill up a partial CTU, and the picture at
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
    found = {m.point: m for m in points}
    rows = []
    for codec, qp in dict.fromkeys((m.point.codec, m.point.qp) for m in points):
        ways = [m for point, m in found.items() if (point.codec, point.qp) == (codec, qp)]
        rows.append(
            [codec, str(qp), str(ways[0].clips), *(mean_cell(m.gain, "+.3f", m.defined, m.clips) for m in ways)]
        )
    for codec in dict.fromkeys(m.codec for m in means):
        of_codec = [m for m in means if m.codec == codec]
        clips = str(of_codec[0].clips)
        rows.append([codec, "all", clips, *(_mean(m, "gain", "+.3f") for m in of_codec)])
        rows.append([codec, "BD-rate %", clips, *(_mean(m, "bd_rate", "+.2f") for m in of_codec)])
    return Table(["codec", "QP", "clips", *(NAMES[way] for way in WAYS)], 1, rows)


def _mean(mean: Mean, figure: str, form: str) -> str:
    return mean_cell(getattr(mean, figure), form, mean.defined[figure], mean.clips, bold=True)


def _distances(points: Sequence[QpMean]) -> Table:
    head = [f"{at}{'+' if at == FARTHEST else ''}" for at in SHOWN]

    def row(filtered: str, point: Point, gains: Sequence[float]) -> list[str]:
        return [point.codec, filtered, str(point.qp), *(cell(gains[at], "+.3f") for at in SHOWN)]

    rows = [row(NAMES[m.point.way], m.point, m.by_distance) for m in points]
    rows += [row("CTU by CTU - at once", point, loss) for point, loss in losses(points)]
    return Table(["codec", "filtered", "QP", *head], 2, rows)


def losses(points: Sequence[QpMean]) -> list[tuple[Point, list[float]]]:
    """Return the pooled gain CTU by CTU less that of the picture at once, by distance."""
    gains = {m.point: m.by_distance for m in points}
    pairs = [(point, gains.get(replace(point, way="picture"))) for point in gains if point.way == "ctu"]
    return [(point, [a - b for a, b in zip(gains[point], whole, strict=True)]) for point, whole in pairs if whole]


def _deciles(deciles: Sequence[Decile]) -> Table:
    ways = [NAMES[way] for way in WAYS]
    head = ["codec", "QP", "decile", "activity", "blocks %", "error %"]
    head += [f"reduction %, {way}" for way in ways] + [f"gain dB, {way}" for way in ways]
    places: dict[tuple[str, int, int], list[Decile]] = defaultdict(list)
    for d in deciles:
        places[d.point.codec, d.point.qp, d.decile].append(d)
    rows = [
        [
            *(codec, str(qp), str(decile + 1), f"{of[0].least:.1f} to {of[0].most:.1f}"),
            *(cell(100 * share, ".1f") for share in (of[0].blocks, of[0].error)),
            *(cell(100 * d.reduction, ".1f") for d in of),
            *(cell(d.gain, "+.3f") for d in of),
        ]
        for (codec, qp, decile), of in places.items()
    ]
    return Table(head, 1, rows)


def _flags(points: Sequence[QpMean]) -> Table:
    head = ["codec", "filtered", "QP", "gain dB", "with flags dB", "off %", "bits a flag", "flags %"]
    rows = [
        [
            *(m.point.codec, NAMES[m.point.way], str(m.point.qp)),
            *(mean_cell(gain, "+.3f", m.defined, m.clips) for gain in (m.gain, m.gain_flagged)),
            *(cell(100 * m.off, ".1f"), cell(m.bits_per_flag, ".2f"), cell(100 * m.flag_cost, ".3f")),
        ]
        for m in points
    ]
    return Table(head, 2, rows)


def _clips(summaries: Sequence[Summary], means: Sequence[Mean]) -> Table:
    head = ["clip", "codec", "filtered", "gain dB", "with flags dB", "BD-rate %", "with flags %"]
    forms = {"gain": "+.3f", "gain_flagged": "+.3f", "bd_rate": "+.2f", "bd_rate_flagged": "+.2f"}
    rows = [[s.source, s.codec, NAMES[s.way], *(cell(getattr(s, f), forms[f]) for f in forms)] for s in summaries]
    rows += [
        [f"**mean over clips ({m.clips})**", m.codec, NAMES[m.way], *(_mean(m, f, forms[f]) for f in forms)]
        for m in means
    ]
    return Table(head, 3, rows)


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
