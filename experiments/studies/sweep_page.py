"""Report a sweep: all trained networks, and the Pareto front of figure and cost."""

from collections.abc import Sequence

from matplotlib import ticker

from codecnn.training.recipe import describe
from experiments.reports.shared import page as shared
from experiments.reports.shared.figures import pyplot, to_png
from experiments.reports.shared.page import Page
from experiments.reports.shared.table import Cell, Column, Table
from experiments.studies.ablation_page import GAIN, axis_label, cost_note
from experiments.studies.variant import Variant, trained_with


def pareto_front(networks: Sequence[Variant]) -> list[Variant]:
    """Return the networks that are better than all others of the same or a lower cost, in order of cost."""
    front: list[Variant] = []
    sign = 1 if networks[0].recipe.task.larger_is_better else -1
    for network in sorted(networks, key=lambda n: (n.kmac, -sign * n.figure.mean)):
        if not front or sign * network.figure.mean > sign * front[-1].figure.mean:
            front.append(network)
    return front


def page(networks: Sequence[Variant], about: dict[str, str]) -> Page:
    """Return the report."""
    front, qps, figure = pareto_front(networks), list(networks[0].by_qp), networks[0].recipe.task.decides
    notes = about | trained_with(networks)
    notes[figure] = (GAIN if figure == "gain" else "at the last validation") + ", of one training"
    notes |= cost_note(networks[0])
    notes["C, D, n, g"] = "channels, blocks, convolutions in a block, growth"
    heads: list[str | Column] = ["network", Column(networks[0].cost_unit, ".1f"), Column("parameters", ",")]
    heads += [Column(name, "+.3f") for name in (figure, *(f"QP {qp}" for qp in qps))]
    blocks: list[str | Table] = []
    for title, chosen in (("Pareto front", front), ("All networks", sorted(networks, key=lambda n: n.kmac))):
        rows: list[list[Cell]] = [[n.name, n.kmac, n.parameters, n.figure.mean, *n.by_qp.values()] for n in chosen]
        blocks += [f"## {title}", Table(heads, 1, rows)]
    return Page("Gain and cost", notes, blocks)


def results(networks: Sequence[Variant], about: dict[str, str]) -> bytes:
    """Return the numbers of the report as JSON."""
    front = pareto_front(networks)
    rows = [
        {
            "name": n.name,
            "recipe": describe(n.recipe),
            "kmac_per_sample": n.kmac,
            "parameters": n.parameters,
            "figure": n.recipe.task.decides,
            "mean": n.figure.mean,
            "by_qp": n.by_qp,
            "on_front": n in front,
        }
        for n in networks
    ]
    return shared.results("sweep", about | trained_with(networks), {"networks": rows})


def plot(networks: Sequence[Variant]) -> bytes:
    """Plot the figure against the cost as PNG, with the front as a line."""
    front = pareto_front(networks)
    figure, axis = pyplot.subplots(figsize=(8, 5))
    axis.plot([n.kmac for n in networks], [n.figure.mean for n in networks], "o", color="0.6", label="networks")
    axis.plot([n.kmac for n in front], [n.figure.mean for n in front], "o-", color="tab:red", label="Pareto front")
    for network in front:  # the front rises, so falling names that end on it do not overlap
        spot = (network.kmac, network.figure.mean)
        axis.annotate(
            network.name,
            spot,
            (-4, 4),
            textcoords="offset points",
            ha="right",
            rotation=-45,
            rotation_mode="anchor",
            fontsize=7,
        )
    axis.margins(x=0.1, y=0.2)
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter(ticker.StrMethodFormatter("{x:g}"))
    axis.xaxis.set_minor_formatter(ticker.NullFormatter())
    axis.set_xlabel(networks[0].cost_unit)
    axis.set_ylabel(axis_label(networks[0]))
    axis.grid(alpha=0.3, which="both")
    axis.legend(fontsize=8)
    return to_png(figure)
