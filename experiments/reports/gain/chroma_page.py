"""Describe the part of the page of report-gain that is about chroma."""

from collections.abc import Sequence
from operator import attrgetter

from experiments.reports.gain.chroma import MEASURES, ChromaClip, ChromaMean, ChromaRow, ChromaTables
from experiments.reports.shared.frames import EXACT
from experiments.reports.shared.means import count_defined, grouped, mean_defined
from experiments.reports.shared.table import Bold, Cell, Column, MeanCell, Table, defined_or

RULE = """\
PSNR-YUV is (6 PSNR-Y + PSNR-U + PSNR-V) / 8, with the filtered luma of the tables above. Left out, for each measure:
frames in which a plane of the measure is that of the original at one of the QPs, such as flat chroma, and clips that
are not 4:2:0."""
CHARGED = """\
Signalled: with the bits of what is signalled for U, for V, and for YUV those of all planes, luma included. The tables
of luma above count what is signalled for luma only; points.csv and points.xlsx count all of it with each signalled
picture."""


def chroma_blocks(tables: ChromaTables) -> list[str | Table]:
    """Return the headings, the rule and the tables."""
    signalled = any(row.gain_signalled is not None for row in tables.rows)
    blocks: list[str | Table] = ["## Chroma per clip and QP", RULE, *([CHARGED] if signalled else [])]
    blocks += [per_qp(tables.rows), "## Chroma per clip, over its QPs", per_clip(tables.clips, tables.means)]
    blocks += ["## Chroma, mean over clips, per QP", over_clips(tables.rows)]
    return blocks


def per_qp(rows: Sequence[ChromaRow]) -> Table:
    """Return PSNR and gain under each measure of each clip at each QP."""
    columns: list[str | Column] = ["clip", "codec", "QP"]
    signalled = any(row.gain_signalled is not None for row in rows)
    for name in MEASURES:
        columns += [Column(f"PSNR-{name} baseline dB", ".3f", EXACT), Column(f"gain {name} dB", "+.3f", EXACT)]
        columns += [Column(f"signalled gain {name} dB", "+.3f", EXACT)] if signalled else []
    cells: list[list[Cell]] = []
    for (source, codec, qp), its in grouped(sorted(rows, key=_place), "source", "codec", "qp"):
        figures = [figure for r in its for figure in (r.psnr_baseline, r.gain, r.gain_signalled) if figure is not None]
        cells.append([source, codec, qp, *figures])
    return Table(columns, 2, cells)


def per_clip(clips: Sequence[ChromaClip], means: Sequence[ChromaMean]) -> Table:
    """Return mean gain and BD-rate under each measure of each clip, and their means over the clips of each codec."""
    columns: list[str | Column] = ["clip", "codec"]
    for name in MEASURES:
        columns += [Column(f"gain {name} dB", "+.3f", EXACT), Column(f"BD-rate {name} %", "+.2f")]
        columns += [Column(f"signalled BD-rate {name} %", "+.2f")] if clips[0].bd_rate_signalled is not None else []
    cells: list[list[Cell]] = []
    for (source, codec), its in grouped(clips, "source", "codec"):
        cells.append([source, codec])
        for c in its:
            cells[-1] += [c.gain, defined_or(c.bd_rate, c.bd_rate_reason)]
            if c.bd_rate_signalled is not None:
                cells[-1].append(defined_or(c.bd_rate_signalled, c.bd_rate_signalled_reason))
    for (codec,), of_codec in grouped(means, "codec"):
        row: list[Cell] = [Bold(f"mean over clips ({of_codec[0].clips})"), codec]
        for m in of_codec:
            names = ("gain", "bd_rate", *(() if m.bd_rate_signalled is None else ("bd_rate_signalled",)))
            row += [MeanCell(getattr(m, name), m.defined[name], m.clips, bold=True) for name in names]
        cells.append(row)
    return Table(columns, 2, cells)


def over_clips(rows: Sequence[ChromaRow]) -> Table:
    """Return the gain of each codec at each QP under each measure, mean over the clips."""
    columns: list[str | Column] = ["codec", "QP", "clips", *(Column(f"gain {name} dB", "+.3f") for name in MEASURES)]
    if signalled := any(row.gain_signalled is not None for row in rows):
        columns += [Column(f"signalled gain {name} dB", "+.3f") for name in MEASURES]
        columns.append(Column("bits signalled per frame, all planes", ".1f"))
    cells: list[list[Cell]] = []
    for (codec, qp), points in sorted(grouped(rows, "codec", "qp"), key=lambda group: group[0]):
        of_measures = [[p for p in points if p.measure == name] for name in MEASURES]
        gains = [[p.gain for p in its] for its in of_measures]
        if signalled:
            gains += [[p.gain_signalled for p in its if p.gain_signalled is not None] for its in of_measures]
        means: list[Cell] = [MeanCell(mean_defined(its), count_defined(its), len(its)) for its in gains]
        if signalled:
            bits = (
                (p.bits_signalled - p.bits) / p.frames
                for p in of_measures[-1]
                if p.bits_signalled is not None and p.frames
            )
            means.append(mean_defined(bits))
        cells.append([codec, qp, len(of_measures[0]), *means])
    return Table(columns, 1, cells)


_place = attrgetter("source", "codec", "qp")
