"""Test the difference between rate-distortion curves, against curves whose difference is known."""

import math

import numpy as np

from experiments.reports.shared.curves import Curve, difference, rate_distortion

BASE = [(10.0, 30.0), (20.0, 33.0), (40.0, 36.0), (80.0, 39.0)]  # a straight line over the logarithm of the rate


def test_at_the_same_rates_it_is_the_gain() -> None:
    better = [(rate, psnr + gain) for (rate, psnr), gain in zip(BASE, (0.1, 0.2, 0.4, 0.3), strict=True)]
    np.testing.assert_allclose(difference(better, BASE), [(10, 0.1), (20, 0.2), (40, 0.4), (80, 0.3)])


def test_between_points_it_is_interpolated_and_beyond_them_nothing_is_said() -> None:
    """Both are straight over the logarithm of the rate, so PCHIP is exact."""
    other = [(rate, 30 + 3 * math.log2(rate / 10) + 0.5) for rate in (5.0, 15.0, 30.0, 60.0)]
    np.testing.assert_allclose(difference(other, BASE), [(rate, 0.5) for rate in (10, 15, 20, 30, 40, 60)])
    assert difference([(100.0, 40.0), (200.0, 41.0)], BASE) == []
    assert difference([(20.0, 34.0)], BASE) == [(20, 1)]


def test_a_plot_leaves_out_what_is_not_defined() -> None:
    curves = [
        Curve("baseline", [(80.0, 39.0), (10.0, 30.0), (5.0, math.nan), (math.nan, 1.0)], 0),
        Curve("none", [], 1),
    ]
    plot = rate_distortion("a clip", curves)
    above, below = plot.panels
    assert [(line.label, list(line.points)) for line in above.lines] == [("baseline", [(10, 30), (80, 39)])]
    assert [list(line.points) for line in below.lines] == [[(10, 0), (80, 0)]]
    assert not rate_distortion("a clip", [Curve("baseline", [], 0)]).panels[0].lines
