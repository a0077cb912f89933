"""Filter a whole picture by a network, CTU by CTU or at once, and round it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from typing import Literal, NamedTuple, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from codecnn.codecs.qps import QPS
from codecnn.dataset import ctu
from codecnn.errors import InputError, NotFiniteError
from codecnn.models.chroma_rdn import ChromaRdn
from codecnn.models.in_loop_filter import AnyFilter, FilterConfig, FilterNetwork, Windows, to_tensors
from codecnn.video.picture import SCALES, Picture, Plane, check_picture

Way = Literal["ctu", "picture"]
Scale = tuple[int, int]  # luma rows and columns for one row and column of a plane
Area = tuple[slice, slice]  # rows and columns
PART = 512  # luma samples, even: the way "picture" filters parts of this side, which limits the memory


class Conditions(NamedTuple):
    """Hold what is the same for all pictures: their QP, and how they are filtered."""

    qp: int
    ctu_size: int = 128
    way: Way = "ctu"


class Part(NamedTuple):
    """Hold windows of a picture and, for each, the area of its output that counts, and where it lies in the picture."""

    windows: Windows[Plane]
    places: Sequence[tuple[Area, Area]]

    def paste(self, outputs: NDArray, picture: NDArray) -> None:
        """Copy the outputs (B, H, W) of the windows to where they lie in a picture."""
        for output, (inner, place) in zip(outputs, self.places, strict=True):
            picture[place] = output[inner]


def filter_picture(
    network: AnyFilter,
    baseline: Picture,
    unfiltered: Picture | None,
    qp: int,
    ctu_size: int = 128,
    way: Way = "ctu",
    batch: int = 8,
) -> Plane:
    """Return the filtered luma (H, W) in the dtype of the picture, rounded to the nearest integer and clipped.

    A network whose input is the baseline needs no unfiltered picture. InputError if one is needed and not given, or has
    another format than the baseline, for samples that are not of the type or the bit depth of a Picture, and if the
    network gives no finite number; ValueError for another way, and a QP, CTU size or batch that cannot be.

    qp: in the scale of HEVC (`hevc_qp`). "ctu": each CTU from its window only, as in training, `batch` at a time.
    "picture": the network sees the whole picture, and zero padding is met only at the edges of the picture. Computed in
    float32 on the device of the network (without the TF32 of a GPU), or in integers on the CPU.
    """
    filtered = np.empty_like(baseline.y)
    unfiltered = check_unfiltered(network.config, baseline, unfiltered)
    for part in cut(network.config, baseline, unfiltered, qp, ctu_size, way, batch):
        part.paste(filter_windows(network, part.windows), filtered)
    return filtered


def check_unfiltered(config: FilterConfig, baseline: Picture, unfiltered: Picture | None) -> Picture:
    """Return the unfiltered picture, or the baseline where none is given and none needed.

    InputError if it is needed and not given, or has another format than the baseline.
    """
    if unfiltered is None and config.input != "baseline":
        raise InputError(f"the input of the network is {config.input}: it needs the unfiltered picture")
    unfiltered = unfiltered or baseline  # which is then not looked at
    formats = [(picture.y.shape, picture.chroma, picture.bit_depth) for picture in (baseline, unfiltered)]
    if formats[0] != formats[1]:
        raise InputError(f"the baseline is {formats[0]}, the unfiltered picture {formats[1]}: not the same format")
    return unfiltered


def cut(
    config: FilterConfig, baseline: Picture, unfiltered: Picture, qp: int, ctu_size: int, way: Way, batch: int = 8
) -> Iterator[Part]:
    """Yield windows that cover a picture: CTUs, `batch` at a time, or large parts of the whole picture, one by one.

    ValueError for another way, and for numbers that no picture has; InputError for samples of another type or beyond
    the bit depth.
    """
    for name, picture in (("the baseline", baseline), ("the unfiltered picture", unfiltered)):
        check_picture(picture, name)
    if way not in get_args(Way):
        raise ValueError(f"the way {way!r} is none of {', '.join(get_args(Way))}")
    if not QPS[0] <= qp <= QPS[-1]:  # also NaN
        raise ValueError(f"a QP of {qp} is not in {QPS[0]}..{QPS[-1]}")
    if batch < 1 or ctu_size < 2 or ctu_size % 2:
        raise ValueError(f"{batch} CTUs of {ctu_size} at a time: they must be 1 or more, and of an even size")
    if way == "picture":
        yield from _large_parts(config, baseline, unfiltered, qp)
        return
    windows = ctu_windows(config, baseline, unfiltered, qp, ctu_size)
    high, wide = baseline.y.shape
    places = [
        (np.s_[:height, :width], np.s_[y : y + height, x : x + width])
        for x, y, width, height in ctu.positions(high, wide, ctu_size).tolist()
    ]
    for start in range(0, len(places), batch):
        chosen = slice(start, start + batch)
        yield Part(windows.rows(chosen), places[chosen])


def ctu_windows(config: FilterConfig, baseline: Picture, unfiltered: Picture, qp: int, ctu_size: int) -> Windows[Plane]:
    """Return the windows of all CTUs of a picture, in raster order."""

    def tiled(plane: Plane, scale: Scale) -> Plane:
        return ctu.tile(plane, ctu_size, config.margin, scale)

    return _windows(config, baseline, unfiltered, qp, tiled)


def filter_windows(network: AnyFilter, windows: Windows[Plane]) -> Plane:
    """Return the filtered luma of windows of one bit depth: (B, H, W), rounded and clipped, in their dtype."""
    if not isinstance(network, FilterNetwork):
        return network.filter_windows(windows)
    luma = restore(network, windows)[:, 0].round().clip(0, int(windows.peak[0]))
    filtered: Plane = luma.to(torch.int32).cpu().numpy().astype(windows.y.dtype)
    return filtered


@torch.inference_mode()
def restore(network: FilterNetwork | ChromaRdn, windows: Windows[Plane]) -> Tensor:
    """Return what a network gives for windows of one bit depth, (B, R, h, w) float32, in units of a sample."""
    with whole_float32():
        return finite(network(to_tensors(windows, next(network.parameters()).device)) * int(windows.peak[0]))


def finite(outputs: Tensor) -> Tensor:
    """Return the outputs of a network; NotFiniteError if one is not finite."""
    if not outputs.isfinite().all():
        raise NotFiniteError("the network gives numbers that are not finite: its weights are too large")
    return outputs


def _windows(
    config: FilterConfig, baseline: Picture, unfiltered: Picture, qp: int, cut: Callable[[Plane, Scale], Plane]
) -> Windows[Plane]:
    """Cut windows from every plane that a network takes; `cut` takes a plane (H, W) and gives (B, h, w)."""

    def planes_of(picture: Picture) -> tuple[Plane, Plane, Plane]:
        y, *chroma = (cut(plane, scale) for plane, scale in zip(picture.planes, SCALES[picture.chroma], strict=True))
        u, v = chroma or (y[:, :0, :0],) * 2
        return y, u, v

    picture = unfiltered if config.input == "unfiltered" else baseline
    y, u, v = planes_of(picture)
    extra = planes_of(unfiltered) if config.input == "both" else (None, None, None)
    peaks = np.full(len(y), (1 << picture.bit_depth) - 1)
    return Windows(y, u, v, extra[0], np.full(len(y), qp), peaks, extra[1], extra[2])


def _large_parts(config: FilterConfig, baseline: Picture, unfiltered: Picture, qp: int) -> Iterator[Part]:
    margin, reach = config.margin, config.reach
    height, width = baseline.y.shape
    part = PART if reach is not None else max(height, width)
    halo = (reach or 0) + (reach or 0) % 2  # samples around a part that its edges can change
    baseline, unfiltered = (_with_margin(picture, margin) for picture in (baseline, unfiltered))
    for top, left in product(range(0, height, part), range(0, width, part)):
        bottom, right = min(top + part, height), min(left + part, width)
        y0, y1 = max(top - halo, 0), min(bottom + halo, height)
        x0, x1 = max(left - halo, 0), min(right + halo, width)

        def around(
            plane: Plane, scale: Scale, rows: tuple[int, int] = (y0, y1), columns: tuple[int, int] = (x0, x1)
        ) -> Plane:
            (s, t), (first, last), (start, end) = scale, rows, columns
            return plane[
                None, first // s : -(-last // s) + 2 * (margin // s), start // t : -(-end // t) + 2 * (margin // t)
            ]

        inner = np.s_[top - y0 : bottom - y0, left - x0 : right - x0]
        yield Part(_windows(config, baseline, unfiltered, qp, around), [(inner, np.s_[top:bottom, left:right])])


def _with_margin(picture: Picture, margin: int) -> Picture:
    """Repeat the samples at the edges of a picture on all four sides."""
    planes = (
        np.pad(plane, ((margin // s,) * 2, (margin // t,) * 2), mode="edge")
        for plane, (s, t) in zip(picture.planes, SCALES[picture.chroma], strict=True)
    )
    return Picture.of(planes, picture.bit_depth)


@contextmanager
def whole_float32() -> Iterator[None]:
    """Switch off TF32: by default a GPU computes convolutions with its 10 bits of mantissa."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before
