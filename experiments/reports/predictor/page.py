"""Describe the page of report-predictor: definitions and tables."""

from collections.abc import Mapping, Sequence
from statistics import fmean

from experiments.reports.predictor.blocks import LINES, MIP
from experiments.reports.predictor.losses import MEASURES, Loss
from experiments.reports.predictor.measure import PRICES, Gain, Residual
from experiments.reports.predictor.networks import Named
from experiments.reports.shared.intervals import Interval, interval_of
from experiments.reports.shared.means import grouped
from experiments.reports.shared.page import Page
from experiments.reports.shared.table import Bold, Cell, Column, Table

CONTROL = f"{MIP} + {LINES}"
DEFINITIONS = """\
Blocks of one size from whole frames, predicted from the unfiltered reconstruction with what a decoder has of it at that
moment, rounded and clipped. All costs are in the scale of 8 bit. J = SSE + lambda * bits of the residual: the
orthonormal DCT-II of the whole block, quantised with the rounding offset 171/512, with the lambda of the codec and the
bits of magnitudes that come with the project (`codecnn.labels.rate_distortion`). Each number is the mean over the
pictures, ± half of its 95 % t-interval over them; in the rows "all" a picture counts with its mean over the QPs."""
RESIDUALS = """\
Per sample. Of the 67 modes of H.266 the best one by each measure on its own is taken, so that no single mode has these
costs together; in the same way of a predictor with several predictions."""
CHOICE = """\
J over all blocks with candidates beside the 67 modes, against the 67 modes only: in percent, below 0 is better. In each
block the encoder takes what is best by J with the bits of the choice. These are real fractional bits of adaptive codes
over the picture. Price "flag": only the kind of candidate is paid, by a flag where there is one kind beside the modes;
nothing within a kind. Price "flag and index": within its kind every candidate is paid as well, by a code of its own:
the 67 modes, also before; the predictions of a predictor, so nothing where it has one; the matrices of MIP, each also
transposed; 66 modes on each of the reference lines 1 and 2. The codes have one context: the neighbours' modes are not
used. Price "flag and most probable modes": blocks are decided in decoding order, each mode at the price of its place in
the list of most probable modes by the modes left and above (`report-mode-coding` says which classes it has); a refined
mode and a mode on a reference line cost what the mode costs, and every block with a mode pays which of these kinds it
takes. MIP, and a predictor whose predictions have no modes, is one symbol beside the modes, with an index of its own;
as a neighbour it counts as planar. These probabilities are counted over all files of a QP. This price is measured only
where all blocks are. "chosen" is the share of the blocks in which a candidate is chosen. "against the control" is the
difference to MIP and both reference lines together, picture by picture, in points."""
LOSSES = """\
Predictors of one form, trained alike but for the loss, against those trained with l2: in percent, below 0 is better, of
each picture with its mean over QPs and seeds; for the gain as one more mode (price "flag and index") in points. In
parentheses the standard deviation over the seeds. In bold what differs from 0 by a t-test over the pictures at 5 %,
with Holm's correction for all cells of the column; the intervals are without the correction."""


def page(
    chosen: Sequence[Named],
    residuals: Sequence[Residual],
    gains: Sequence[Gain],
    losses: Sequence[Loss],
    about: Mapping[str, str],
) -> Page:
    """Return the report."""
    blocks: list[str | Table] = [DEFINITIONS, networks(chosen)]
    blocks += ["## As one more mode", CHOICE]
    for price in PRICES:
        if its := [gain for gain in gains if gain.price == price]:
            blocks += [f"Price: {price}.", choice_table(its)]
    if losses:
        blocks += ["## Losses", LOSSES, loss_table(losses)]
    blocks += ["## Residuals", RESIDUALS, residual_table(residuals)]
    return Page("Learned prediction", about, blocks)


def networks(chosen: Sequence[Named]) -> Table:
    """Return the table of the predictors, with the cost of each."""
    columns: list[str | Column] = ["predictor", "trained with", Column("size", "d"), Column("lines", "d")]
    columns += [Column("predictions", "d"), Column("parameters", ","), Column("kMAC a sample", ".2f")]
    rows: list[list[Cell]] = []
    for named in chosen:
        config = named.network.config
        rows.append([named.name, named.loss, config.size, config.lines, config.predictions])
        rows[-1] += [named.parameters, named.kmac]
    return Table(columns, 2, rows)


def choice_table(gains: Sequence[Gain]) -> Table:
    """Return the change of J by size and candidates: at each QP, over all, and how often they are chosen."""
    qps = sorted({gain.qp for gain in gains})
    heads = ["size", "candidates", *(f"QP {qp}" for qp in qps), "all", "against the control", "chosen, %"]
    rows: list[list[Cell]] = []
    for (size, candidates), its in grouped(gains, "size", "candidates"):
        cells = [in_percent(over_pictures([gain for gain in its if gain.qp == qp], "change")) for qp in qps]
        cells.append(in_percent(over_pictures(its, "change")))
        cells.append("" if candidates == CONTROL else in_percent(against_control(gains, size, candidates)))
        rows.append([str(size), candidates, *cells, f"{100 * over_pictures(its, 'chosen').mean:.1f}"])
    return Table(heads, 2, rows)


def residual_table(residuals: Sequence[Residual]) -> Table:
    """Return the measures of the residuals by size, QP and prediction."""
    measures = "hadamard_satd", "dct_satd", "mse", "j"
    heads = ["size", "QP", "prediction", "Hadamard SATD", "DCT SATD", "MSE", "J"]
    rows: list[list[Cell]] = []
    for (size, prediction), its in grouped(residuals, "size", "prediction"):
        for qp in [*sorted({row.qp for row in its}), "all"]:
            chosen = [row for row in its if qp in (row.qp, "all")]
            means = [over_pictures(chosen, name) for name in measures]
            rows.append([str(size), str(qp), prediction, *(f"{mean.mean:.3f}" for mean in means)])
    rows.sort(key=lambda row: (int(str(row[0])), str(row[1])))
    return Table(heads, 3, rows)


def loss_table(losses: Sequence[Loss]) -> Table:
    """Return the table of the losses."""
    heads = ["size", "loss", "seeds", "Hadamard SATD", "DCT SATD", "MSE", "J of the residual", "gain as one more mode"]
    rows: list[list[Cell]] = []
    for (size, loss, seeds), its in grouped(losses, "size", "loss", "seeds"):
        cells: list[Cell] = []
        for row in sorted(its, key=lambda row: MEASURES.index(row.measure)):
            text = in_percent(row.against) + ("" if row.deviation is None else f" ({100 * row.deviation:.2f})")
            cells.append(Bold(text) if row.differs else text)
        rows.append([str(size), loss, str(seeds), *cells])
    return Table(heads, 2, rows)


def against_control(gains: Sequence[Gain], size: int, candidates: str) -> Interval:
    """Return the change of J by candidates less that by the control, picture by picture."""
    means = {
        name: {
            source: fmean(gain.change for gain in its)
            for (source,), its in grouped([g for g in gains if g.size == size and g.candidates == name], "source")
        }
        for name in (candidates, CONTROL)
    }
    return interval_of([change - means[CONTROL][source] for source, change in means[candidates].items()])


def over_pictures(rows: Sequence[Gain] | Sequence[Residual], name: str) -> Interval:
    """Return the mean of an attribute over the pictures, each with the mean of its rows."""
    return interval_of(
        [fmean(getattr(row, name) for row in of_source) for _, of_source in grouped(list(rows), "source")]
    )


def in_percent(value: Interval) -> str:
    """Return a share as text in percent, with its interval."""
    half = "" if value.half is None else f" ± {100 * value.half:.2f}"
    return f"{100 * value.mean:+.2f}{half}"
