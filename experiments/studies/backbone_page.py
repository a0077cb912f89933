"""Report a comparison of backbones as Markdown, JSON and PNG: what each reaches, and what it costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from matplotlib.axes import Axes

from codecnn.dataset.reader import Shard
from codecnn.tasks.block_sites import Measure
from codecnn.tasks.intra_mode import IntraMode
from codecnn.training.device import hardware
from codecnn.training.provenance import codecs_of
from codecnn.training.recipe import describe
from experiments.reports.modes.rankings import MEASURE_NAMES
from experiments.reports.shared import page as shared
from experiments.reports.shared.block_networks import Case
from experiments.reports.shared.figures import pyplot, to_png
from experiments.reports.shared.means import grouped
from experiments.reports.shared.page import Page
from experiments.reports.shared.table import Bold, Cell, Column, Table
from experiments.reports.shared.timing import one_thread
from experiments.studies.variant import Variant, trained_with

FIRST = (1, 3)  # numbers of modes whose best one is looked at
MEANS = """\
Regret of the best of the first k modes of a network, under the measure of its labels, and how often its first mode is
the label (top-1), in percent: mean over sources, each with the mean of its QPs. In bold: the Pareto front of regret
(k = 1) and multiply-accumulates."""


@dataclass(frozen=True)
class Judged:
    """Hold a variant with how well it ranks modes, 0..1, and its time; means over its seeds."""

    variant: Variant
    case: Case
    microseconds: float  # for a block, on one thread
    top1: float
    regrets: dict[int, float]  # of the best of the first k modes

    @property
    def network(self) -> str:
        """Return the name of the network in the registry."""
        return str(describe(self.variant.recipe)["network"])

    @property
    def seconds(self) -> float:
        """Return how long a training took."""
        return fmean(float(result.notes["seconds"]) for result in self.variant.results.values())


def labels_of(variant: Variant) -> Measure:
    """Return the measure of the labels that a variant was trained on."""
    task = variant.recipe.task
    assert isinstance(task, IntraMode)
    return task.labels


def front_of(judged: Sequence[Judged]) -> list[Judged]:
    """Return what has less regret than all others of the same or a lower cost, in order of cost."""
    front: list[Judged] = []
    for one in sorted(judged, key=lambda one: (one.variant.kmac, one.regrets[1])):
        if not front or one.regrets[1] < front[-1].regrets[1]:
            front.append(one)
    return front


def about_of(judged: Sequence[Judged], shards: Sequence[Shard], more: Mapping[str, str]) -> dict[str, str]:
    """Describe what was trained, and what it was judged on."""
    names, qps = ({getattr(shard.info, field) for shard in shards} for field in ("source", "qp"))
    with one_thread():
        machine = hardware(torch.device("cpu"))
    return {
        **more,
        **trained_with([one.variant for one in judged]),
        "labels": MEASURE_NAMES[labels_of(judged[0].variant)],
        "judged on": f"{len(shards)} files, {len(names)} sources: {', '.join(sorted(names))}",
        "codec": f"{'; '.join(codecs_of(s.info for s in shards))}; all-intra, QP {', '.join(map(str, sorted(qps)))}",
        "time": f"of a block, on one thread of {machine}; of the training, while other work was done",
    }


def page(judged: Sequence[Judged], shards: Sequence[Shard], more: Mapping[str, str]) -> Page:
    """Return the report."""
    columns: list[str | Column] = [
        "network",
        Column("kMAC a block", ".0f"),
        Column("parameters", ",.0f"),
        Column("µs a block", ".1f"),
    ]
    columns += [
        Column("training, s", ".0f"),
        Column("top-1", ".1f"),
        *(Column(f"regret, k = {k}", ".2f") for k in FIRST),
    ]
    blocks: list[str | Table] = [MEANS]
    for (case,), its in grouped(judged, "case"):
        front, rows = front_of(its), []
        for one in sorted(its, key=lambda one: one.regrets[1]):
            name: Cell = Bold(one.variant.name) if one in front else one.variant.name
            costs = [one.variant.kmac, float(one.variant.parameters), one.microseconds, one.seconds]
            rows.append([name, *costs, 100 * one.top1, *(100 * one.regrets[k] for k in FIRST)])
        blocks += [f"## {str(case).capitalize()}", Table(columns, 1, rows)]
    return Page("Backbones", about_of(judged, shards, more), blocks)


def results(judged: Sequence[Judged], shards: Sequence[Shard], more: Mapping[str, str]) -> bytes:
    """Return the numbers of the report as JSON."""
    fronts = [one for (_,), its in grouped(judged, "case") for one in front_of(its)]
    rows = [
        {
            "name": one.variant.name,
            "recipe": {name: value for name, value in describe(one.variant.recipe).items() if name != "seed"},
            "seeds": list(one.variant.results),
            "kmac": one.variant.kmac,
            "parameters": one.variant.parameters,
            "microseconds": one.microseconds,
            "seconds": one.seconds,
            "top1": one.top1,
            **{f"regret_{k}": one.regrets[k] for k in FIRST},
            "on_front": one in fronts,
        }
        for one in judged
    ]
    return shared.results("backbones", about_of(judged, shards, more), {"networks": rows})


def plot(judged: Sequence[Judged]) -> bytes:
    """Plot regret against multiply-accumulates as PNG: a line for each network, a panel for each size of blocks."""
    cases = list(grouped(judged, "case"))
    figure, axes = pyplot.subplots(1, len(cases), figsize=(1.5 + 5.5 * len(cases), 5), squeeze=False)
    names = list(dict.fromkeys(one.network for one in judged))
    for axis, ((case,), its) in zip(axes[0], cases, strict=True):
        _panel(axis, its, names)
        axis.set_title(str(case), fontsize=9)
    axes[0, 0].set_ylabel("regret of the first mode, %")
    return to_png(figure)


def _panel(axis: Axes, judged: Sequence[Judged], names: Sequence[str]) -> None:
    front = [(one.variant.kmac, 100 * one.regrets[1]) for one in front_of(judged)]
    axis.plot(*zip(*front, strict=True), color="0.8", linewidth=6, label="Pareto front", zorder=0)
    for (name,), its in grouped(judged, "network"):
        number = names.index(name)
        its = sorted(its, key=lambda one: one.variant.kmac)
        spots = [one.variant.kmac for one in its], [100 * one.regrets[1] for one in its]
        axis.plot(*spots, "osD^vPX"[number % 7] + "-", color=f"C{number % 10}", markersize=5, linewidth=1, label=name)
    axis.set(xscale="log", yscale="log", xlabel="kMAC a block")
    for which in (axis.xaxis, axis.yaxis):
        which.set_major_formatter("{x:g}")
        which.set_minor_formatter("{x:g}")
        which.set_tick_params(which="both", labelsize=7)
    axis.grid(alpha=0.3, which="both")
    axis.legend(fontsize=7)
