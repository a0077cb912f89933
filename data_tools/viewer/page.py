"""Make the HTML page of a dataset: counts, histograms, and CTUs to look at."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from markupsafe import Markup

from codecnn.intra.block_size import BlockSize
from codecnn.labels.mode_sets import ANGULAR, PLANAR, TOP, ModeSet, count_of, mode_table, reference_lines_of
from data_tools.viewer.counts import Counts
from data_tools.viewer.ctus import NAMES, ShownCtu
from html_pages.curves import Line, Panel, Plot, curves_html
from html_pages.page import Section, part, render
from html_pages.pictures import plane_uri

Direction = str | list[float] | None  # "planar", "DC", the unit vector (right, down) to the references, or no mode


def dataset_page(name: str, counts: Counts, shown: Sequence[ShownCtu], about: Mapping[str, str]) -> bytes:
    """Return the page as a file."""
    sections = [Section("CTUs", ctus_html(shown)), Section("Counts", _stored(counts))]
    if counts.labelled:
        sections.append(Section("Labels", _labelled(counts) + curves_html([*_histograms(counts)])))
    sections.append(Section("Samples", curves_html(_samples(shown))))
    sections.append(Section("Provenance", part("provenance.html.jinja", about=about, notes="")))
    return render(f"Dataset {name}", sections)


def ctus_html(shown: Sequence[ShownCtu]) -> Markup:
    """Return CTUs to look at as a part of a page."""
    used = {(ctu.modes, size) for ctu in shown for size in ctu.blocks if ctu.modes}
    tables = {f"{modes} {size}": directions(modes, size) for modes, size in used if modes}
    tables["encoder"] = directions("hevc-35", BlockSize(4, 4))
    return part("dataset.html.jinja", data={"ctus": [_ctu(ctu) for ctu in shown], "directions": tables})


def directions(modes: ModeSet, size: BlockSize) -> list[Direction]:
    """Return where each mode of a set takes its samples from."""
    found: list[Direction] = [None] * count_of(modes)
    for line in range(reference_lines_of(modes)):
        for mode in mode_table(modes, size, line):
            if mode["kind"] != ANGULAR:
                found[mode["number"]] = "planar" if mode["kind"] == PLANAR else "DC"
                continue
            along, back = int(mode["angle"]), -32
            right, down = (along, back) if mode["side"] == TOP else (back, along)
            length = float(np.hypot(right, down))
            found[mode["number"]] = [round(right / length, 4), round(down / length, 4)]
    return found


def _ctu(shown: ShownCtu) -> dict[str, object]:
    info, (frame, x, y, width, height) = shown.shard.info, shown.place
    predictions = {
        f"prediction {size}, {name}": modes.prediction
        for size, of_size in shown.blocks.items()
        for name, modes in of_size.items()
    }
    layers = {**shown.signals, **predictions}
    blocks = {
        str(size): {
            "width": size.width,
            "height": size.height,
            "modes": {name: modes.numbers.tolist() for name, modes in of_size.items()},
            "costs": {name: np.round(m.costs, 1).tolist() for name, m in of_size.items() if m.costs is not None},
        }
        for size, of_size in shown.blocks.items()
    }
    return {
        "name": f"{info.source}, {info.codec}, QP {info.qp}, frame {frame}, x {x}, y {y} (CTU {shown.row})",
        "width": width,
        "height": height,
        "ctu_size": info.ctu_size,
        "bit_depth": shown.bit_depth,
        "mode_set": shown.modes or "",
        "layers": list(layers),
        "signals": len(shown.signals),
        "strip": plane_uri(np.concatenate(list(layers.values())), shown.bit_depth),  # one below the other
        "blocks": blocks,
        "decided": shown.decided,
    }


def _stored(counts: Counts) -> Markup:
    heads = ["codec", "QP", "files", "sources", "frames", "CTUs", "partial CTUs", "bits", "bits per luma sample"]
    rows = [
        [
            *(codec, str(qp), f"{s.files:,}", f"{len(s.sources):,}", f"{s.frames:,}", f"{s.ctus:,}", f"{s.partial:,}"),
            *(f"{s.bits:,}", f"{s.bits / s.samples:.4f}"),
        ]
        for (codec, qp), s in counts.stored.items()
    ]
    return part("table.html.jinja", heads=heads, rows=rows, texts=1)


def _labelled(counts: Counts) -> Markup:
    heads = ["modes", "blocks of", "blocks", "Hadamard and DCT agree %"]
    kinds = list(dict.fromkeys(kind for labelled in counts.labelled.values() for kind in labelled.modes))
    heads += [f"{NAMES.get(kind, kind)}: {mode} %" for kind in kinds for mode in ("planar", "DC")]
    rows = []
    for (modes, size), found in counts.labelled.items():
        most = max(found.blocks, 1)
        shares = [f"{100 * found.modes[kind][mode] / most:.1f}" for kind in kinds for mode in (0, 1)]
        rows.append([modes, str(size), f"{found.blocks:,}", f"{100 * found.equal / most:.1f}", *shares])
    return part("table.html.jinja", heads=heads, rows=rows, texts=1)


def _histograms(counts: Counts) -> Iterator[Plot]:
    for (modes, size), found in counts.labelled.items():
        lines = []
        for place, (kind, numbers) in enumerate(found.modes.items()):
            shares = 100 * numbers[: _last(modes)] / max(found.blocks, 1)
            points = [(mode, share or np.nan) for mode, share in enumerate(shares.tolist())]
            lines.append(Line(NAMES.get(kind, kind), points, (4, 5, 6)[place % 3]))
        yield Plot(f"{modes}, blocks of {size}", [Panel("mode", "% of the blocks", lines, steps=True, log_y=True)])


def _last(modes: str) -> int:
    return next((count_of(known) for known in ("vvc-67", "vvc-67-mrl", "hevc-35") if known == modes), 256)


def _samples(shown: Sequence[ShownCtu]) -> list[Plot]:
    """Return histograms of luma, and of the error of the baseline, over the CTUs that are shown, in 8 bit."""
    original, errors = np.zeros(256, np.int64), np.zeros(65, np.int64)
    for ctu in shown:
        lower = ctu.bit_depth - 8
        original += np.bincount((ctu.signals["original"] >> lower).ravel(), minlength=256)
        difference = (ctu.signals["baseline"].astype(np.int64) - ctu.signals["original"]) / (1 << lower)
        errors += np.bincount(np.clip(np.rint(difference), -32, 32).astype(np.int64).ravel() + 32, minlength=65)
    shares = [100 * numbers / max(numbers.sum(), 1) for numbers in (original, errors)]
    luma = Line("original", [(value, share) for value, share in enumerate(shares[0].tolist())], 0)
    error = Line("baseline", [(value - 32, share) for value, share in enumerate(shares[1].tolist())], 0)
    return [
        Plot("Luma of the CTUs that are shown", [Panel("sample, in 8 bit", "% of the samples", [luma], steps=True)]),
        Plot(
            "Error of the baseline there (-32 and 32: and beyond)",
            [Panel("baseline - original, in 8 bit", "% of the samples", [error], steps=True)],
        ),
    ]
