"""Describe the page of report-complexity: its tables."""

from collections.abc import Sequence

from experiments.reports.complexity.measure import CTU, HD, HEIGHT, PATCHES, WIDTH, Cost, ctus
from experiments.reports.shared.page import Page
from experiments.reports.shared.table import Cell, Column, Table

SHOWN = ((HEIGHT, WIDTH), (480, 832), HD)  # height and width; the first is measured
MIB = 2**20


def page(costs: Sequence[Cost], memory: int) -> Page:
    """Return the report."""
    formed = [cost for cost in costs if cost.needs]
    blocks: list[str | Table] = [
        "## Parameters and multiply-accumulates",
        counts_table(costs),
        "## Frames a second, CTU by CTU",
        f"{WIDTH}x{HEIGHT} is measured, the others follow from the number of their CTUs.",
        speeds_table(costs),
        f"## Largest batch that trains in {memory / 2**30:g} GiB",
        "By the closed form, bf16 and Muon, of the tensors only: a process took 1.5 times as much in a test, with the\n"
        "workspace of the convolutions, so leave room for that and the program.",
        largest_table(formed),
        "## Peak memory, MiB",
        "All tensors, by the closed form and as measured. What is measured includes the workspace of the convolutions\n"
        "where they take it from PyTorch, so that in small batches it is more than the closed form says. Training in\n"
        "bf16 with Muon and a moving average of the weights, inference in float32.",
        memory_table(formed),
        "## Reporting sheet (JVET NNVC)",
        sheet_table(costs),
    ]
    return Page("What the networks cost", {"kMAC/px": f"at a CTU of {CTU}, counted by PyTorch"}, blocks)


def counts_table(costs: Sequence[Cost]) -> Table:
    """Return the parameters and the multiply-accumulates of each network."""
    columns: list[str | Column] = [
        "network",
        Column("parameters", ","),
        Column("kMAC/px by closed form", ".2f", "the family has no closed form"),
        Column("as counted", ".2f"),
    ]
    return Table(columns, 1, [[c.name, c.parameters, c.kmac, c.kmac_measured] for c in costs])


def speeds_table(costs: Sequence[Cost]) -> Table:
    """Return the frames a second of each network by each framework, in several sizes of the picture."""
    columns: list[str | Column] = ["network", "by", *(Column(f"{width}x{height}", ".2f") for height, width in SHOWN)]
    rows: list[list[Cell]] = [
        [c.name, way, *(speed * ctus(HEIGHT, WIDTH) / ctus(*shape) for shape in SHOWN)]
        for c in costs
        for way, speed in c.frames_per_s.items()
    ]
    return Table(columns, 2, rows)


def largest_table(costs: Sequence[Cost]) -> Table:
    """Return the largest training batch of each network by the size of its patches."""
    rows: list[list[Cell]] = [[c.name, *(c.largest[patch] for patch in PATCHES)] for c in costs]
    return Table(["network", *(f"patches of {p}x{p}" for p in PATCHES)], 1, rows)


def memory_table(costs: Sequence[Cost]) -> Table:
    """Return the peak memory of each network in MiB, by the size of patches and batch."""
    kinds = ("training", "measured", "inference", "measured")
    columns: list[str | Column] = ["network", "patch", "batch", *(Column(kind, ".1f") for kind in kinds)]
    rows: list[list[Cell]] = [
        [
            *(c.name, n.patch, n.batch),
            *(v / MIB for v in (n.training, n.training_measured, n.inference, n.inference_measured)),
        ]
        for c in costs
        for n in c.needs
    ]
    return Table(columns, 1, rows)


def sheet_table(costs: Sequence[Cost]) -> Table:
    """Return the reporting sheet, a column for each network."""
    rows: list[list[Cell]] = [
        [entries[0][0], *(value for _, value in entries)] for entries in zip(*(c.sheet for c in costs), strict=True)
    ]
    return Table(["", *(c.name for c in costs)], 1 + len(costs), rows)
