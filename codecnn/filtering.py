"""An Rdn applied to a whole picture, CTU by CTU or at once, and rounded."""

from collections.abc import Sequence
from itertools import product
from typing import Literal

import numpy as np
import torch

from codecnn import ctu
from codecnn.models.rdn import Rdn, Yuv, make_planes
from codecnn.yuv import Picture, Plane

Way = Literal["ctu", "picture"]
SCALES = (1, 2, 2, 1)  # luma size over plane size: Y, U, V, and the unfiltered Y of the input "both"
PART = 512  # the way "picture" goes part by part to bound the memory; luma samples, even


def filter_picture(
    model: Rdn,
    baseline: Picture,
    unfiltered: Picture,
    qp: int,
    ctu_size: int = 128,
    way: Way = "ctu",
    batch: int = 8,
) -> Plane:
    """The filtered luma (H, W) in the picture's dtype, rounded to the nearest integer and clipped at its bit depth.

    "ctu": each CTU from its window alone, as in training, `batch` at a time. "picture": the network sees all of the
    picture, and zero padding is met at the picture's edges only. Computed in float32 on the device of the model.
    """
    picture = unfiltered if model.config.input == "unfiltered" else baseline
    planes = [*picture.planes, unfiltered.y] if model.config.input == "both" else picture.planes
    if way == "ctu":
        return _by_ctu(model, planes, qp, picture.bit_depth, ctu_size, batch)
    return _at_once(model, planes, qp, picture.bit_depth)


def _by_ctu(model: Rdn, planes: Sequence[Plane], qp: int, bit_depth: int, ctu_size: int, batch: int) -> Plane:
    margin = model.config.margin
    tiles = [ctu.tile(p, ctu_size // s, margin // s) for p, s in zip(planes, SCALES, strict=False)]
    starts = range(0, len(tiles[0]), batch)
    filtered = [_filter(model, [t[i : i + batch] for t in tiles], qp, bit_depth) for i in starts]
    return ctu.untile(np.concatenate(filtered), *planes[0].shape)


def _at_once(model: Rdn, planes: Sequence[Plane], qp: int, bit_depth: int) -> Plane:
    margin = model.config.margin
    halo = model.config.reach + model.config.reach % 2  # what a part needs around it to know nothing of its edges
    padded = [np.pad(p, margin // s, mode="edge") for p, s in zip(planes, SCALES, strict=False)]
    filtered = np.empty_like(planes[0])
    height, width = filtered.shape
    for top, left in product(range(0, height, PART), range(0, width, PART)):
        bottom, right = min(top + PART, height), min(left + PART, width)
        y0, y1 = max(top - halo, 0), min(bottom + halo, height)
        x0, x1 = max(left - halo, 0), min(right + halo, width)
        windows = [
            p[None, y0 // s : -(-y1 // s) + 2 * (margin // s), x0 // s : -(-x1 // s) + 2 * (margin // s)]
            for p, s in zip(padded, SCALES, strict=False)
        ]
        part = _filter(model, windows, qp, bit_depth)[0]  # (y1 - y0, x1 - x0)
        filtered[top:bottom, left:right] = part[top - y0 : bottom - y0, left - x0 : right - x0]
    return filtered


@torch.inference_mode()
def _filter(model: Rdn, windows: Sequence[Plane], qp: int, bit_depth: int) -> Plane:
    """Windows (B, h, w) of every plane to luma (B, H, W)."""
    device = model.last.weight.device
    y, u, v, *extra = (torch.from_numpy(w).to(device) for w in windows)
    peak = torch.full((len(y),), (1 << bit_depth) - 1, device=device)
    planes = make_planes(Yuv(y, u, v), extra[0] if extra else None, torch.full_like(peak, qp), peak)
    luma = model(planes)[:, 0] * peak.view(-1, 1, 1)
    rounded = luma.round().clip(0, (1 << bit_depth) - 1).to(torch.int32)
    filtered: Plane = rounded.cpu().numpy().astype(windows[0].dtype)
    return filtered
