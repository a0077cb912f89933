"""Refit the last convolution of a filter to pictures in the encoder, and correct it in the decoder."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from codecnn.inference.filtering import Conditions, filter_picture
from codecnn.inference.refit.basis import Basis
from codecnn.inference.refit.choice import choose
from codecnn.inference.refit.code import Correction, encode, step_size
from codecnn.inference.refit.statistics import observe
from codecnn.models.rdn.network import Rdn
from codecnn.video.picture import Picture, Plane


class Refitted(NamedTuple):
    """Hold the filtered luma of pictures without and with a correction, and the bits of the correction."""

    plain: list[Plane]
    corrected: list[Plane]
    bits: list[int]


def correct(network: Rdn, basis: Basis, correction: Correction) -> Rdn:
    """Return the network with corrected weights.

    The changes are computed in integers, so that every machine has the same weights. (The features are floats, whose
    last bits differ between machines.)
    """
    mantissa, shift = step_size(correction.step)
    units = basis.directions.astype(np.int64) @ (np.array(correction.levels, np.int64) * mantissa)
    changes = torch.from_numpy(np.ldexp(units.astype(np.float64), basis.exponent - shift))
    corrected = copy.deepcopy(network)
    weight, bias = corrected.last.weight, corrected.last.bias
    assert bias is not None
    with torch.no_grad():
        weight.copy_((weight.double().cpu() + changes[:-1].view_as(weight)).float())
        bias.copy_((bias.double().cpu() + changes[-1:]).float())
    return corrected


def refit(
    network: Rdn,
    basis: Basis,
    pictures: Sequence[tuple[Plane, Picture, Picture]],
    conditions: Conditions,
    multiplier: float,
) -> Refitted:
    """Filter pictures of one size with the correction that suits all of them best, or with none.

    pictures: original luma, baseline and unfiltered picture of each, of one bit depth. multiplier: lambda, for errors
    in units of the peak. The squared error of the rounded pictures plus lambda * bits is never larger than without.
    """
    seen = [observe(network, *picture, *conditions) for picture in pictures]
    plain = [filtered for filtered, _ in seen]
    correction = choose(basis, reduce(add, (statistics for _, statistics in seen)), multiplier)
    if correction is None:
        return Refitted(plain, plain, encode(basis, None))
    bits = encode(basis, correction)
    changed = correct(network, basis, correction)
    corrected = [
        filter_picture(changed, baseline, unfiltered, conditions.qp, conditions.ctu_size, conditions.way)
        for _, baseline, unfiltered in pictures
    ]
    peak = (1 << pictures[0][1].bit_depth) - 1
    originals = [original for original, _, _ in pictures]
    saved = _squares(originals, plain) - _squares(originals, corrected)
    if saved / peak**2 <= multiplier * (len(bits) - 1):
        return Refitted(plain, plain, encode(basis, None))
    return Refitted(plain, corrected, bits)


def _squares(originals: Sequence[Plane], filtered: Sequence[NDArray]) -> float:
    pairs = zip(originals, filtered, strict=True)
    return float(sum(np.square(one.astype(np.int64) - other).sum() for one, other in pairs))
