"""An Rdn, of floating-point numbers or integers, applied to a whole picture, CTU by CTU or at once, and rounded."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from codecnn.dataset import ctu
from codecnn.models.rdn.integer import IntegerRdn
from codecnn.models.rdn.network import Rdn, RdnConfig, Yuv, make_planes
from codecnn.video.picture import SCALES, Picture, Plane

Way = Literal["ctu", "picture"]
Scaled = tuple[Plane, tuple[int, int]]  # a plane, and how many rows and columns of luma one of its own stands for
PART = 512  # the way "picture" goes part by part to bound the memory; luma samples, even


def filter_picture(
    model: Rdn | IntegerRdn,
    baseline: Picture,
    unfiltered: Picture,
    qp: int,
    ctu_size: int = 128,
    way: Way = "ctu",
    batch: int = 8,
) -> Plane:
    """The filtered luma (H, W) in the picture's dtype, rounded to the nearest integer and clipped at its bit depth.

    "ctu": each CTU from its window alone, as in training, `batch` at a time. "picture": the network sees all of the
    picture, and zero padding is met at the picture's edges only. Computed in float32 on the device of the model (a
    GPU's TF32 is switched off meanwhile), or in integers on the CPU.
    """
    if way == "ctu":
        tiles = ctu_windows(model.config, baseline, unfiltered, ctu_size)
        starts = range(0, len(tiles[0]), batch)
        parts = [filter_windows(model, [t[i : i + batch] for t in tiles], qp, baseline.bit_depth) for i in starts]
        return ctu.untile(np.concatenate(parts), *baseline.y.shape)
    return _at_once(model, _inputs(model.config, baseline, unfiltered), qp, baseline.bit_depth)


def _inputs(config: RdnConfig, baseline: Picture, unfiltered: Picture) -> list[Scaled]:
    picture = unfiltered if config.input == "unfiltered" else baseline
    planes: list[Scaled] = list(zip(picture.planes, SCALES[picture.chroma], strict=True))
    return [*planes, (unfiltered.y, (1, 1))] if config.input == "both" else planes


def ctu_windows(config: RdnConfig, baseline: Picture, unfiltered: Picture, ctu_size: int) -> list[Plane]:
    """The windows (CTUs, h, w) of every plane that a network filters a picture by, Y, U, V and the second Y."""
    return [ctu.tile(plane, ctu_size, config.margin, scale) for plane, scale in _inputs(config, baseline, unfiltered)]


def _at_once(model: Rdn | IntegerRdn, planes: Sequence[Scaled], qp: int, bit_depth: int) -> Plane:
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
        part = filter_windows(model, windows, qp, bit_depth)[0]  # (y1 - y0, x1 - x0)
        filtered[top:bottom, left:right] = part[top - y0 : bottom - y0, left - x0 : right - x0]
    return filtered


@torch.inference_mode()
def filter_windows(model: Rdn | IntegerRdn, windows: Sequence[Plane], qp: int, bit_depth: int) -> Plane:
    """Windows (B, h, w) of every plane, as of ctu_windows, to luma (B, H, W), rounded and clipped."""
    if isinstance(model, IntegerRdn):
        return model.filter_windows(windows, qp, bit_depth)
    peak = (1 << bit_depth) - 1
    planes = planes_of(model.config, windows, qp, bit_depth, model.last.weight.device)
    with _whole_float32():
        luma = model(planes)[:, 0] * peak
    filtered: Plane = luma.round().clip(0, peak).to(torch.int32).cpu().numpy().astype(windows[0].dtype)
    return filtered


@contextmanager
def _whole_float32() -> Iterator[None]:
    """No TF32, in whose 10 bits of mantissa the convolutions of a GPU compute unless told otherwise."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def planes_of(
    config: RdnConfig, windows: Sequence[Plane], qp: int, bit_depth: int, device: torch.device | None = None
) -> Tensor:
    """What make_planes makes of windows (B, h, w) of every plane, as of ctu_windows: (B, P, h, w)."""
    tensors = [torch.from_numpy(window).to(device) for window in windows]
    unfiltered_y = tensors.pop() if config.input == "both" else None
    y, *chroma = tensors
    u, v = chroma or (y[:, :0, :0],) * 2
    peak = torch.full((len(y),), (1 << bit_depth) - 1, device=device)
    return make_planes(Yuv(y, u, v), unfiltered_y, torch.full_like(peak, qp), peak)
