"""Gather what the best weights of a last convolution depend on: products of its inputs, and of inputs and errors.

A last convolution with 3x3 taps is a product of a row of 9 C + 1 inputs (a 1 for the bias) and a column of weights.
The squared error of a picture is therefore quadratic in a correction d of the weights: energy - 2 moment d + d gram d.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from codecnn.errors import InputError
from codecnn.inference.filtering import Part, Way, cut, finite, whole_float32
from codecnn.models.in_loop_filter import AnyFilter, to_tensors
from codecnn.models.rdn.network import Rdn, crop
from codecnn.models.rdn.planes import make_planes
from codecnn.video.picture import Picture, Plane


@dataclass(frozen=True)
class Statistics:
    """Hold sums over luma samples. Errors are in units of the peak: original minus filtered, neither rounded."""

    gram: NDArray[np.float64]  # (9 C + 1, 9 C + 1): inputs by inputs
    moment: NDArray[np.float64]  # (9 C + 1,): inputs by errors
    energy: float  # errors squared
    samples: int

    def __add__(self, other: Statistics) -> Statistics:
        return Statistics(
            self.gram + other.gram,
            self.moment + other.moment,
            self.energy + other.energy,
            self.samples + other.samples,
        )


def refittable(network: AnyFilter, name: str) -> Rdn:
    """Return a network whose last convolution can be refitted; InputError, with the name, for others."""
    if not isinstance(network, Rdn) or network.config.stride != 1:
        raise InputError(f"{name}: a last layer can be refitted only in an rdn of floats with a head of stride 1")
    if network.config.residuals > 1:
        raise InputError(f"{name}: a last layer can be refitted only if the network has one residual")
    return network


@torch.inference_mode()
def observe(
    network: Rdn, original: Plane, baseline: Picture, unfiltered: Picture, qp: int, ctu_size: int, way: Way
) -> tuple[Plane, Statistics]:
    """Return the filtered luma of a picture, as filter_picture does, and its statistics."""
    peak = (1 << baseline.bit_depth) - 1
    width = 9 * network.config.channels + 1
    total = Statistics(np.zeros((width, width)), np.zeros(width), 0.0, 0)
    filtered = np.empty_like(baseline.y)
    for part in cut(network.config, baseline, unfiltered, qp, ctu_size, way):
        planes = make_planes(to_tensors(part.windows, next(network.parameters()).device))
        planes = planes.contiguous(memory_format=network.memory_format)
        with whole_float32():
            features = network.features(planes)
            luma = finite(network.finish(features, planes)[:, 0] * peak)  # (B, H, W)
        part.paste(luma.round().clip(0, peak).to(torch.int32).cpu().numpy(), filtered)
        around = crop(F.pad(features, (1, 1, 1, 1)), network.config.margin - 2)  # (B, C, H + 2, W + 2)
        total += _sums(part, around.double(), luma.double() / peak, original.astype(np.float64) / peak)
    return filtered, total


def _sums(part: Part, features: Tensor, luma: Tensor, original: NDArray[np.float64]) -> Statistics:
    joined: list[tuple[Tensor, Tensor]] = []
    for window, output, ((rows, columns), place) in zip(features, luma, part.places, strict=True):
        area = window[:, rows.start or 0 : rows.stop + 2, columns.start or 0 : columns.stop + 2]
        inputs = F.unfold(area[None], 3)[0]  # (9 C, samples)
        error = torch.from_numpy(original[place]).to(output) - output[rows, columns]
        joined.append((torch.cat((inputs, torch.ones_like(inputs[:1]))), error.flatten()))
    inputs, errors = (torch.cat(parts, -1) for parts in zip(*joined, strict=True))
    gram = (inputs @ inputs.T).cpu().numpy()
    return Statistics(gram, (inputs @ errors).cpu().numpy(), float(errors @ errors), errors.numel())
