"""Apply the in-loop filters to a coded picture (H.265 8.7)."""

from collections.abc import Sequence

import numpy as np

from codecnn.hevc.deblocking import deblock
from codecnn.hevc.filter_maps import make_maps
from codecnn.hevc.sample_offset import add_offsets
from codecnn.hevc.slice_header import SliceHeader
from codecnn.video.picture import Picture


def filter_in_loop(
    coded: Picture,
    slices: Sequence[SliceHeader],
    ctus: np.ndarray,
    coding_units: np.ndarray,
    transform_units: np.ndarray,
) -> Picture:
    """Return a coded picture after deblocking and SAO, as far as its slices have them on.

    Arguments are those of `codecnn.hevc.picture.CodedPicture`.
    """
    has_offsets = any(header.sao_luma or header.sao_chroma for header in slices)
    if not has_offsets and all(header.deblocking_disabled for header in slices):
        return coded
    maps = make_maps(slices, ctus, coding_units, transform_units)
    planes = [plane.astype(np.int16, order="C") for plane in coded.planes]
    deblock(planes, maps)
    if has_offsets:
        planes = add_offsets(planes, maps, ctus)
    kinds = (plane.dtype for plane in coded.planes)
    return Picture.of((plane.astype(kind) for plane, kind in zip(planes, kinds, strict=True)), coded.bit_depth)
