"""The report of a sweep: every network that was trained, and the Pareto front of gain and cost."""

from collections.abc import Sequence

from matplotlib import ticker

from codecnn.training.run_folder import describe
from experiments.reports.shared.cells import cell, to_json
from experiments.reports.shared.figures import pyplot, to_png
from experiments.studies.variant import Variant, trained_with


def pareto_front(networks: Sequence[Variant]) -> list[Variant]:
    """Those that no other one matches at less cost, or beats at the same or less; in the order of the cost."""
    front: list[Variant] = []
    for network in sorted(networks, key=lambda n: (n.kmac, -n.gain.mean)):
        if not front or network.gain.mean > front[-1].gain.mean:
            front.append(network)
    return front


def markdown(networks: Sequence[Variant], about: dict[str, str]) -> str:
    """The report as Markdown."""
    front, qps = pareto_front(networks), list(networks[0].by_qp)
    lines = ["# Gain and cost", ""]
    lines += [f"- {name}: {value}" for name, value in (about | trained_with(networks)).items()]
    lines += [
        "- gain: PSNR-Y over the baseline in dB, of pictures filtered CTU by CTU and rounded, mean over the QPs, at "
        "the last validation, of one training",
        "- kMAC/px: at a CTU of 128",
        "- C, D, n, g: channels, blocks, convolutions in a block, growth",
    ]
    heads = ["network", "kMAC/px", "parameters", "gain", *(f"QP {qp}" for qp in qps)]
    everything = sorted(networks, key=lambda network: network.kmac)
    for title, chosen in (("Pareto front", front), ("All networks", everything)):
        lines += ["", f"## {title}", "", f"| {' | '.join(heads)} |", "|---|" + "---:|" * (len(qps) + 3)]
        for n in chosen:
            gains = (cell(gain, "+.3f") for gain in (n.gain.mean, *n.by_qp.values()))
            lines.append(f"| {n.name} | {n.kmac:.1f} | {n.parameters:,} | {' | '.join(gains)} |")
    return "\n".join(lines) + "\n"


def results(networks: Sequence[Variant], about: dict[str, str]) -> bytes:
    """The numbers of the report as JSON."""
    front = pareto_front(networks)
    rows = [
        {
            "name": n.name,
            "recipe": describe(n.recipe),
            "kmac_per_sample": n.kmac,
            "parameters": n.parameters,
            "gain": n.gain.mean,
            "gain_by_qp": n.by_qp,
            "on_front": n in front,
        }
        for n in networks
    ]
    return to_json({"about": about | trained_with(networks), "networks": rows})


def plot(networks: Sequence[Variant]) -> bytes:
    """Gain against cost as PNG, and the front as a line."""
    front = pareto_front(networks)
    figure, axis = pyplot.subplots(figsize=(8, 5))
    axis.plot([n.kmac for n in networks], [n.gain.mean for n in networks], "o", color="0.6", label="networks")
    axis.plot([n.kmac for n in front], [n.gain.mean for n in front], "o-", color="tab:red", label="Pareto front")
    for network in front:  # the front rises, so names that fall towards it do not meet
        spot = (network.kmac, network.gain.mean)
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
    axis.set_xlabel("kMAC per luma sample")
    axis.set_ylabel("gain in PSNR-Y (dB)")
    axis.grid(alpha=0.3, which="both")
    axis.legend(fontsize=8)
    return to_png(figure)
