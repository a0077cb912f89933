"""Report an ablation as Markdown, JSON and PNG: the cost and the figure of each variant."""

from collections.abc import Sequence
from statistics import fmean

from codecnn.training.recipe import describe
from experiments.reports.shared import page as shared
from experiments.reports.shared.figures import pyplot, to_png
from experiments.reports.shared.page import Page
from experiments.reports.shared.table import Cell, Column, Table
from experiments.studies.variant import Variant, trained_with

GAIN = (
    "PSNR-Y over the baseline in dB, of rounded pictures, filtered CTU by CTU (whole where a variant is trained with "
    "the neighbourhood of the picture), mean over the QPs, at the last validation"
)


def page(title: str, variants: Sequence[Variant], more: dict[str, str]) -> Page:
    """Return the report."""
    first, qps = variants[0], list(variants[0].by_qp)
    figure = first.recipe.task.decides
    about = (
        more
        | trained_with(variants)
        | {
            figure: (GAIN if figure == "gain" else "at the last validation")
            + "; mean ± sample standard deviation over the seeds",
            f"against {first.name}": "the same of the differences between runs of one seed",
            **cost_note(first),
        }
    )
    with_found = any(variant.found for variant in variants)
    heads: list[str | Column] = ["variant", Column(first.cost_unit, ".1f"), Column("parameters", ","), figure]
    heads += [*(Column(f"QP {qp}", "+.3f") for qp in qps), f"against {first.name}"]
    heads += ["found before"] if with_found else []
    rows = []
    for v in variants:
        cells: list[Cell] = [v.name, v.kmac, v.parameters, str(v.figure), *(v.by_qp[qp] for qp in qps)]
        rows.append(cells + ["" if v is first else str(v.against(first))] + ([v.found] if with_found else []))
    return Page(title.capitalize(), about, [Table(heads, 1, rows)])


def cost_note(variant: Variant) -> dict[str, str]:
    """Return what a report says of the costs of networks, by their unit."""
    return {variant.cost_unit: "at a CTU of 128" if variant.cost_unit == "kMAC/px" else "of the task, such as a block"}


def results(variants: Sequence[Variant], more: dict[str, str]) -> bytes:
    """Return all numbers of the report, and of every seed, as JSON."""
    rows = [
        {
            "name": v.name,
            "found": v.found,
            "recipe": {name: value for name, value in describe(v.recipe).items() if name != "seed"},
            "kmac_per_sample": v.kmac,
            "parameters": v.parameters,
            "figure": v.results[min(v.results)].decides,
            "mean": v.figure.mean,
            "deviation": v.figure.deviation,
            "by_qp": v.by_qp,
            "against_first": vars(v.against(variants[0])),
            "seeds": {seed: {"curve": r.curve, "by_qp": r.by_qp} for seed, r in v.results.items()},
        }
        for v in variants
    ]
    return shared.results("ablation", more | trained_with(variants), {"variants": rows})


def plot(variants: Sequence[Variant]) -> bytes:
    """Plot the figure against steps as PNG: the mean over the seeds, and a band from the smallest to the largest.

    The axis is as long below 0 as above it; curves that fall further are cut off, as they would flatten all others.
    """
    figure, axis = pyplot.subplots(figsize=(8, 5))
    lowest = highest = 0.0
    for number, variant in enumerate(variants):
        runs = [result.curve for result in variant.results.values()]
        steps = sorted(set(runs[0]).intersection(*runs))  # a run that was continued with more steps has one more
        colour = f"C{number % 10}"
        at_step = [[values[step] for values in runs] for step in steps]
        low, mean, high = ([measure(values) for values in at_step] for measure in (min, fmean, max))
        label = f" {variant.name}: {mean[-1]:+.3f}"  # what begins with _ would be left out of the legend
        axis.plot(steps, mean, "osD^vPX"[number % 7] + "-", markersize=4, color=colour, label=label)
        axis.fill_between(steps, low, high, alpha=0.15, color=colour, linewidth=0)
        lowest, highest = min(lowest, *low), max(highest, *high)
    if lowest < -highest < 0:
        axis.set_ylim(-1.1 * highest, 1.1 * highest)
    axis.axhline(0, color="0.6", linewidth=1)
    axis.set_xlabel("steps")
    axis.set_ylabel(axis_label(variants[0]))
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8)
    return to_png(figure)


def axis_label(variant: Variant) -> str:
    """Return the label of an axis that shows the figure of a variant."""
    figure = variant.recipe.task.decides
    return "gain in PSNR-Y (dB)" if figure == "gain" else figure
