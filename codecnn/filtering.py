"""An Rdn applied to a whole picture, CTU by CTU or at once, and rounded."""

from collections.abc import Sequence
from itertools import product
from typing import Literal

import numpy as np
import torch

from codecnn import ctu
from codecnn.models.rdn import Rdn, Yuv, make_planes
from codecnn.yuv import SCALES, Picture, Plane

Way = Literal["ctu", "picture"]
Scaled = tuple[Plane, tuple[int, int]]  # a plane, and how many rows and columns of luma one of its own stands for
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
    planes: list[Scaled] = list(zip(picture.planes, SCALES[picture.chroma], strict=True))
    if model.config.input == "both":
        planes.append((unfiltered.y, (1, 1)))
    if way == "ctu":
        return _by_ctu(model, planes, qp, picture.bit_depth, ctu_size, batch)
    return _at_once(model, planes, qp, picture.bit_depth)


def _by_ctu(model: Rdn, planes: Sequence[Scaled], qp: int, bit_depth: int, ctu_size: int, batch: int) -> Plane:
    margin = model.config.margin
    tiles = [ctu.tile(plane, ctu_size, margin, scale) for plane, scale in planes]
    starts = range(0, len(tiles[0]), batch)
    filtered = [_filter(model, [t[i : i + batch] for t in tiles], qp, bit_depth) for i in starts]
    return ctu.untile(np.concatenate(filtered), *planes[0][0].shape)


def _at_once(model: Rdn, planes: Sequence[Scaled], qp: int, bit_depth: int) -> Plane:
    margin = model.config.margin
    halo = model.config.reach + model.config.reach % 2  # what a part needs around it to know nothing of its edges
    padded = [np.pad(p, ((margin // s,) * 2, (margin // t,) * 2), mode="edge") for p, (s, t) in planes]
    filtered = np.empty_like(planes[0][0])
    height, width = filtered.shape
    for top, left in product(range(0, height, PART), range(0, width, PART)):
        bottom, right = min(top + PART, height), min(left + PART, width)
        y0, y1 = max(top - halo, 0), min(bottom + halo, height)
        x0, x1 = max(left - halo, 0), min(right + halo, width)
        windows = [
            p[None, y0 // s : -(-y1 // s) + 2 * (margin // s), x0 // t : -(-x1 // t) + 2 * (margin // t)]
            for p, (_, (s, t)) in zip(padded, planes, strict=True)
        ]
        part = _filter(model, windows, qp, bit_depth)[0]  # (y1 - y0, x1 - x0)
        filtered[top:bottom, left:right] = part[top - y0 : bottom - y0, left - x0 : right - x0]
    return filtered


@torch.inference_mode()
def _filter(model: Rdn, windows: Sequence[Plane], qp: int, bit_depth: int) -> Plane:
    """Windows (B, h, w) of every plane to luma (B, H, W)."""
    device = model.last.weight.device
    tensors = [torch.from_numpy(window).to(device) for window in windows]
    unfiltered_y = tensors.pop() if model.config.input == "both" else None
    y, *chroma = tensors
    u, v = chroma or (y[:, :0, :0],) * 2
    peak = torch.full((len(y),), (1 << bit_depth) - 1, device=device)
    planes = make_planes(Yuv(y, u, v), unfiltered_y, torch.full_like(peak, qp), peak)
    luma = model(planes)[:, 0] * peak.view(-1, 1, 1)
    rounded = luma.round().clip(0, (1 << bit_depth) - 1).to(torch.int32)
    filtered: Plane = rounded.cpu().numpy().astype(windows[0].dtype)
    return filtered
