"""Weigh the residuals of a filter in every unit of a picture: choose the weights in the encoder, apply them in both.

Kong et al., "Guided CNN Restoration with Explicitly Signaled Linear Combination", ICIP 2020. The self-guided filter of
AV1 weighs two filtered pictures in the same way (AV1 Bitstream & Decoding Process Specification).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codecnn.errors import InputError
from codecnn.inference.filtering import Area, Conditions, cut, restore
from codecnn.inference.guided.choice import UnitSums, choose
from codecnn.inference.guided.code import Levels, encode
from codecnn.inference.guided.levels import weights_of
from codecnn.models.in_loop_filter import AnyFilter, FilterConfig, FilterNetwork
from codecnn.video.picture import Picture, Plane

Residuals = NDArray[np.float64]  # (R, H, W), in units of a sample


class Guided(NamedTuple):
    """Hold a filtered plane of a picture without and with weights, and the bits of the weights."""

    plain: Plane
    guided: Plane
    bits: list[int]


def guidable(network: AnyFilter, name: str) -> FilterNetwork:
    """Return a network whose residuals can be weighed; InputError, with the name, for others."""
    if not isinstance(network, FilterNetwork):
        raise InputError(f"{name}: only the residuals of a network of floats of this project can be weighed")
    return network


def guide(
    network: FilterNetwork,
    original: Plane,
    baseline: Picture,
    unfiltered: Picture,
    conditions: Conditions,
    unit: int,
    multiplier: float,
) -> Guided:
    """Filter the luma of a picture with the weights that suit each of its units, or with none; see `weigh`."""
    residuals = residuals_of(network, baseline, unfiltered, conditions)
    luma = filtered_picture(network.config, baseline, unfiltered).y
    return weigh(original, luma, residuals, baseline.bit_depth, unit, multiplier)


def weigh(original: Plane, plane: Plane, residuals: Residuals, bit_depth: int, unit: int, multiplier: float) -> Guided:
    """Add residuals to a plane with the weights that suit each of its units, or with none.

    unit: its side in samples of the plane. multiplier: lambda, for errors in units of the peak. The squared error of
    the rounded plane plus lambda * bits is never larger than without.
    """
    peak = (1 << bit_depth) - 1
    plain = apply(residuals, plane, bit_depth, None, unit)
    error = original - (plane + residuals[0])
    rows = [
        [UnitSums.of(residuals[:, *area] / peak, error[area] / peak) for area in row]
        for row in areas(plane.shape, unit)
    ]
    levels = choose(rows, multiplier)
    if levels is None:
        return Guided(plain, plain, encode(None))
    guided, bits = apply(residuals, plane, bit_depth, levels, unit), encode(levels)
    saved = _squares(original, plain) - _squares(original, guided)
    if saved / peak**2 <= multiplier * (len(bits) - 1):
        return Guided(plain, plain, encode(None))
    return Guided(plain, guided, bits)


def apply(residuals: Residuals, plane: Plane, bit_depth: int, levels: Levels | None, unit: int) -> Plane:
    """Return a plane of the picture that was filtered plus its weighed residuals, rounded and clipped."""
    if levels is None:
        levels = np.zeros((*units_of(plane.shape, unit), len(residuals)), np.int64)
    weights = weights_of(levels)
    restored = plane.astype(np.float64)
    for row, columns in enumerate(areas(plane.shape, unit)):
        for column, area in enumerate(columns):
            restored[area] += np.einsum("r,rhw->hw", weights[row, column], residuals[:, *area])
    filtered: Plane = restored.round().clip(0, (1 << bit_depth) - 1).astype(plane.dtype)
    return filtered


def residuals_of(network: FilterNetwork, baseline: Picture, unfiltered: Picture, conditions: Conditions) -> Residuals:
    """Return what each restored picture of a network differs by from the picture that it filters."""
    picture = filtered_picture(network.config, baseline, unfiltered)
    restored: NDArray[np.float64] | None = None  # (H, W, R)
    for part in cut(network.config, baseline, unfiltered, *conditions):
        outputs = restore(network, part.windows).movedim(1, -1).double().cpu().numpy()  # (B, h, w, R)
        if restored is None:
            restored = np.empty((*picture.y.shape, outputs.shape[-1]))
        part.paste(outputs, restored)
    assert restored is not None
    return np.ascontiguousarray(np.moveaxis(restored, -1, 0)) - picture.y


def filtered_picture(config: FilterConfig, baseline: Picture, unfiltered: Picture) -> Picture:
    """Return the picture that a network filters."""
    return unfiltered if config.input == "unfiltered" else baseline


def units_of(shape: tuple[int, ...], unit: int) -> tuple[int, int]:
    """Return the rows and columns of units in a picture (H, W); the last ones may be cut off by its edges."""
    return -(-shape[0] // unit), -(-shape[1] // unit)


def areas(shape: tuple[int, ...], unit: int) -> Iterator[list[Area]]:
    """Yield the areas of the units, a row at a time."""
    rows, columns = units_of(shape, unit)
    for row in range(rows):
        down = slice(row * unit, min((row + 1) * unit, shape[0]))
        yield [(down, slice(column * unit, min((column + 1) * unit, shape[1]))) for column in range(columns)]


def _squares(original: Plane, filtered: Plane) -> float:
    return float(np.square(original.astype(np.int64) - filtered).sum())
