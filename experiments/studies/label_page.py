"""Report a comparison of labels as Markdown, JSON and PNG."""

from collections.abc import Mapping, Sequence
from statistics import fmean, stdev

from codecnn.dataset.reader import Shard
from codecnn.models.blocks import ModeNetwork
from codecnn.models.costs import kmac_per_block
from codecnn.models.weights import read_weights
from codecnn.tasks.block_sites import MEASURES, Measure
from codecnn.training.provenance import codecs_of
from codecnn.training.recipe import Run
from codecnn.training.recipe import describe as recipe_of
from experiments.reports.modes.rankings import MEASURE_NAMES
from experiments.reports.shared import page as shared
from experiments.reports.shared.figures import pyplot, to_png
from experiments.reports.shared.means import grouped
from experiments.reports.shared.page import Page
from experiments.reports.shared.table import Bold, Cell, Table
from experiments.studies.label_judgement import (
    JUDGES,
    Comparison,
    Judged,
    against_truth,
    between_labels,
    by_picture,
)

REGRETS = """\
In percent: how much more the mode costs than the best of all, the sum over the blocks of a picture at a QP; mean over
pictures and QPs. A network chooses its first mode; ± is the sample standard deviation over the seeds."""
BETWEEN = """\
Differences of the regret in points of percent, first - second, paired by picture, means over seeds and QPs. Above 0 the
second is better. The intervals hold all together at 95 % (t-intervals over the pictures, Bonferroni's correction for
the {count} rows); in bold where one excludes 0. They are about other pictures, not about other seeds."""
TRUTH = """\
The Hadamard label and the networks trained on it, under J: regret of the label - regret of the network, as above, with
the correction for these {count} rows. Above 0 a network is past its ground truth."""


def describe(runs: Mapping[tuple[int, Measure, int], Run], shards: Sequence[Shard], ctus: int) -> dict[str, str]:
    """Describe what the networks are, and what they were trained and judged on."""
    kmac, notes = {}, []
    for (size, _, _), run in runs.items():
        network, _, its = read_weights(run.out / "last.safetensors")
        assert isinstance(network, ModeNetwork)
        kmac[size] = kmac_per_block(network)
        notes.append(its)
    seeds = {size: list(dict.fromkeys(seed for other, _, seed in runs if other == size)) for size in kmac}
    recipes = {size: recipe_of(run.recipe) for (size, _, _), run in runs.items()}
    names = list(dict.fromkeys(shard.info.source for shard in shards))
    qps = ", ".join(map(str, sorted({shard.info.qp for shard in shards})))
    return {
        "network": ", ".join(f"{size}x{size} {value:.0f} kMAC a block" for size, value in kmac.items()),
        "training": "; ".join(
            f"{size}x{size} {its['steps']:,} steps of at most {its['batch'] * its['blocks']:,} blocks"
            for size, its in recipes.items()
        ),
        "trained on": "; ".join(sorted({f"{len(n['sources'])} sources" for n in notes})),
        "seeds": "; ".join(f"{size}x{size}: {', '.join(map(str, its))}" for size, its in seeds.items()),
        "judged on": f"{len(shards)} files, {len(names)} sources: {', '.join(names)}",
        "blocks": f"of {ctus} CTUs of each file, spread evenly" if ctus else "all that lie in their picture",
        "codec": f"{'; '.join(codecs_of(shard.info for shard in shards))}; all-intra, QP {qps}",
        "commit": "; ".join(sorted({n["commit"] for n in notes})),
    }


def page(judged: Sequence[Judged], about: Mapping[str, str]) -> Page:
    """Return the report."""
    between, truth = between_labels(judged), against_truth(judged)
    blocks: list[str | Table] = ["## Regret", REGRETS, _regrets(judged)]
    if between:
        blocks += ["## Labels against each other", BETWEEN.format(count=len(between)), _comparisons(between)]
    if truth:
        blocks += ["## Past the ground truth", TRUTH.format(count=len(truth)), _comparisons(truth)]
    return Page("The same network on several labels", about, blocks)


def results(judged: Sequence[Judged], about: Mapping[str, str]) -> bytes:
    """Return all numbers of the report as JSON."""
    comparisons = [*between_labels(judged), *against_truth(judged)]
    rows = [vars(one) | {"difference": one.difference._asdict()} for one in comparisons]
    return shared.results("ground-truth", about, {"judged": judged, "comparisons": rows})


def _regrets(judged: Sequence[Judged]) -> Table:
    heads = [
        "size",
        "labels",
        *(f"{what}, under {MEASURE_NAMES[m]}" for what in ("label", "network") for m in MEASURES),
    ]
    rows: list[list[Cell]] = []
    for (size, labels), of_labels in grouped(judged, "size", "labels"):
        cells: list[Cell] = [f"{size}x{size}", MEASURE_NAMES[labels]]
        for is_label in (True, False):
            for measure in MEASURES:
                its = [row for row in of_labels if row.measure == measure and (row.seed is None) == is_label]
                cells.append(_spread([fmean(by_picture(of_seed).values()) for _, of_seed in grouped(its, "seed")]))
        rows.append(cells)
    return Table(heads, 2, rows)


def _spread(regrets: Sequence[float]) -> str:
    more = f" ± {100 * stdev(regrets):.2f}" if len(regrets) > 1 else ""
    return f"{100 * fmean(regrets):.2f}{more}"


def _comparisons(comparisons: Sequence[Comparison]) -> Table:
    rows: list[list[Cell]] = []
    for one in comparisons:
        mean, half = one.difference.mean, one.difference.half
        text = f"{100 * mean:+.2f}" + (f" ± {100 * half:.2f}" if half is not None else "")
        case: list[Cell] = [f"{one.size}x{one.size}", MEASURE_NAMES[one.measure], one.qp, one.first, one.second]
        rows.append([*case, Bold(text) if one.is_sure else text, f"{100 * one.second_better:.0f} %"])
    heads = ["size", "under", "QP", "first", "second", "first - second", "second better, of the pictures"]
    return Table(heads, 5, rows)


def plot(judged: Sequence[Judged]) -> bytes:
    """Plot the regrets by size and measure as PNG: a point for each network, and a line for each label itself."""
    sizes = sorted({row.size for row in judged})
    figure, axes = pyplot.subplots(
        len(JUDGES), len(sizes), figsize=(3 * len(sizes), 3 * len(JUDGES)), squeeze=False, sharex=True
    )
    for line, measure in zip(axes, JUDGES, strict=True):
        for axis, size in zip(line, sizes, strict=True):
            chosen = [row for row in judged if (row.size, row.measure) == (size, measure)]
            for place, (_, its) in enumerate(grouped(chosen, "labels")):
                for (seed,), of_seed in grouped(its, "seed"):
                    value, colour = 100 * fmean(by_picture(of_seed).values()), f"C{place}"
                    if seed is None:
                        axis.hlines(value, place - 0.4, place + 0.4, colour)
                    else:
                        axis.plot(place, value, "o", markersize=4, color=colour)
            names = [MEASURE_NAMES[labels] for (labels,), _ in grouped(chosen, "labels")]
            axis.set_xticks(range(len(names)), names)
            axis.tick_params(axis="x", labelsize=7)
            axis.set_title(f"{size}x{size}, under {MEASURE_NAMES[measure]}", fontsize=9)
            axis.set_ylim(bottom=0)
            axis.grid(alpha=0.3)
    axes[0, 0].set_ylabel("regret (%); line: the label itself")
    return to_png(figure)
