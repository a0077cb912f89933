"""The report of an ablation: what each variant costs and gains, as Markdown, JSON and PNG."""

from collections.abc import Sequence
from statistics import fmean

from codecnn.training.run_folder import describe
from experiments.reports.shared.cells import cell, to_json
from experiments.reports.shared.figures import pyplot, to_png
from experiments.studies.variant import Variant, trained_with


def markdown(title: str, variants: Sequence[Variant]) -> str:
    """The report as Markdown."""
    first, qps = variants[0], list(variants[0].by_qp)
    lines = [f"# {title.capitalize()}", ""]
    lines += [f"- {name}: {value}" for name, value in trained_with(variants).items()]
    lines += [
        "- gain: PSNR-Y over the baseline in dB, of pictures filtered CTU by CTU and rounded, mean over the QPs, at "
        "the last validation; mean ± sample standard deviation over the seeds",
        f"- against {first.name}: the same of the differences between runs of one seed",
        "- kMAC/px: at a CTU of 128",
        "",
    ]
    with_found = any(variant.found for variant in variants)
    heads = ["variant", "kMAC/px", "parameters", "gain", *(f"QP {qp}" for qp in qps), f"against {first.name}"]
    heads += ["found before"] if with_found else []
    lines += [f"| {' | '.join(heads)} |", "|---|" + "---:|" * (len(qps) + 4) + "---|" * with_found]
    for v in variants:
        cells = [v.name, f"{v.kmac:.1f}", f"{v.parameters:,}", str(v.gain)]
        cells += [cell(v.by_qp[qp], "+.3f") for qp in qps]
        cells += ["" if v is first else str(v.against(first))] + ([v.found] if with_found else [])
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def results(variants: Sequence[Variant]) -> bytes:
    """All numbers of the report, and of every seed, as JSON."""
    rows = [
        {
            "name": v.name,
            "found": v.found,
            "recipe": {name: value for name, value in describe(v.recipe).items() if name != "seed"},
            "kmac_per_sample": v.kmac,
            "parameters": v.parameters,
            "gain": vars(v.gain),
            "gain_by_qp": v.by_qp,
            "against_first": vars(v.against(variants[0])),
            "seeds": {seed: {"gains": r.gains, "by_qp": r.by_qp} for seed, r in v.results.items()},
        }
        for v in variants
    ]
    return to_json({"about": trained_with(variants), "variants": rows})


def plot(variants: Sequence[Variant]) -> bytes:
    """Gain against steps as PNG: the mean over the seeds, and between the least and the largest of them a band.

    What lies further below 0 than the best variant above it is cut off: it would flatten all others.
    """
    figure, axis = pyplot.subplots(figsize=(8, 5))
    lowest = highest = 0.0
    for number, variant in enumerate(variants):
        runs = [result.gains for result in variant.results.values()]
        steps = sorted(set(runs[0]).intersection(*runs))  # a run that was prolonged has one more
        colour = f"C{number % 10}"
        at_step = [[gains[step] for gains in runs] for step in steps]
        low, mean, high = ([measure(gains) for gains in at_step] for measure in (min, fmean, max))
        label = f"{variant.name}: {mean[-1]:+.3f}"
        axis.plot(steps, mean, "osD^vPX"[number % 7] + "-", markersize=4, color=colour, label=label)
        axis.fill_between(steps, low, high, alpha=0.15, color=colour, linewidth=0)
        lowest, highest = min(lowest, *low), max(highest, *high)
    if lowest < -highest < 0:
        axis.set_ylim(-1.1 * highest, 1.1 * highest)
    axis.axhline(0, color="0.6", linewidth=1)
    axis.set_xlabel("steps")
    axis.set_ylabel("gain in PSNR-Y (dB)")
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8)
    return to_png(figure)
