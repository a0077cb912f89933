"""Describe the page of report-training: one table."""

import math
from collections.abc import Sequence

from experiments.reports.shared.page import Page
from experiments.reports.shared.table import Cell, Column, Empty, Table
from experiments.reports.training.measure import SETTINGS, Training
from experiments.reports.training.plots import curves

GAIN = (
    "PSNR-Y over the baseline in dB, of pictures held out of the training, filtered CTU by CTU and rounded, mean over "
    "the QPs, at the last validation"
)


def page(trainings: Sequence[Training]) -> Page:
    """Return the report."""
    qps = sorted({qp for training in trainings for qp in training.last.by_qp(training.figure)})
    figures = list(dict.fromkeys(training.figure for training in trainings))
    columns: list[str | Column] = [
        "run",
        Column("kMAC/px", ".1f", "no in-loop filter"),
        *SETTINGS.values(),
        "stages before",
    ]
    columns += [
        Column("steps", ","),
        Column("hours", ".2f", "a stage does not tell its time"),
        Column(" or ".join(figures), "+.3f"),
    ]
    columns += [Column(f"QP {qp}", "+.3f", "not validated at this QP") for qp in qps]
    tested = any(training.test for training in trainings)
    columns += [Column("test", "+.3f", "no test")] if tested else []
    about = {figure: GAIN if figure == "gain" else "at the last validation" for figure in figures}
    if tested:
        about["test"] = "the same of the best weights, on sources neither trained nor validated on"
    about["hours"] = "on the machine of the training, with the stages before"
    rows: list[list[Cell]] = []
    for t in trainings:
        by_qp = t.last.by_qp(t.figure)
        not_its = Empty("no setting of its task")
        settings = [str(t.settings[name]) if name in t.settings else not_its for name in SETTINGS]
        row: list[Cell] = [t.name, t.kmac, *settings, t.stages, t.last.step]
        row += [t.hours[-1], t.last.figures[t.figure]]
        row += [by_qp.get(qp, math.nan) for qp in qps]
        rows.append(row + ([t.test[t.figure] if t.test else math.nan] if tested else []))
    return Page("Training", about, [Table(columns, 1, rows)], curves(trainings))
