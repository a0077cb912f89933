"""Make the rate-distortion curves of a report's HTML file, with their difference to one of them."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from html_pages.curves import Line, Panel, Plot

RATE = "kbit per frame"


class Curve(NamedTuple):
    """Hold a rate-distortion curve: points of rate and PSNR-Y in dB."""

    label: str
    points: Sequence[tuple[float, float]]
    colour: int
    dashed: bool = False


def rate_distortion(title: str, curves: Sequence[Curve], log: bool = False) -> Plot:
    """Return a plot of curves, and below it their differences to the first one over the rate."""
    base, *others = [curve._replace(points=_usable(curve.points)) for curve in curves]
    whole = [Line(c.label, c.points, c.colour, c.dashed) for c in (base, *others) if c.points]
    changes = [Line(c.label, difference(c.points, base.points), c.colour, c.dashed) for c in others]
    zero = Line(base.label, [(rate, 0.0) for rate, _ in base.points], base.colour, marks=False)
    below = Panel(RATE, f"dB over {base.label}", [zero, *(line for line in changes if line.points)], log)
    return Plot(title, [Panel(RATE, "PSNR-Y (dB)", whole, log), *([below] if base.points else [])])


def difference(points: Sequence[tuple[float, float]], base: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return how far a curve lies above another one, at the rates of the points of both where both have a rate.

    Between points both are interpolated by PCHIP over the logarithm of the rate.
    """
    if len(points) < 2 or len(base) < 2:
        here = dict(base)
        return [(rate, psnr - here[rate]) for rate, psnr in points if rate in here]
    low, high = (most(of[end][0] for of in (points, base)) for most, end in ((max, 0), (min, -1)))
    rates = sorted({rate for rate, _ in (*points, *base) if low <= rate <= high})
    above, below = (_interpolated(of, rates) for of in (points, base))
    return list(zip(rates, (above - below).tolist(), strict=True))


def _interpolated(points: Sequence[tuple[float, float]], rates: Sequence[float]) -> NDArray[np.float64]:
    known, values = np.array(points).T
    found: NDArray[np.float64] = PchipInterpolator(np.log(known), values)(np.log(rates))
    return found


def _usable(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the points that are finite in the order of their rates, one for a rate."""
    finite = {rate: psnr for rate, psnr in points if rate > 0 and math.isfinite(rate) and math.isfinite(psnr)}
    return sorted(finite.items())
