"""Filter the edges of transform units (H.265 8.7.2), as they are in intra pictures: the boundary strength is always 2.

Prediction units of intra pictures have no edges of their own. Edges are on a grid of 8x8 luma samples, in 4:2:0 those
of chroma on one of 8x8 chroma samples. What is known of the edges of one direction is in arrays (blocks along the
edges, edges): of n blocks across them there are n - 1 edges.
"""

from collections.abc import Sequence

import numpy as np

from codecnn.hevc.blocks import CHROMA_QP
from codecnn.hevc.edge_filters import filter_chroma, filter_luma
from codecnn.hevc.filter_maps import BLOCK, FilterMaps

STRENGTH = 2  # bS
# Beta' and tc' by Q (table 8-12).
BETA = np.array([0] * 16 + [*range(6, 18), *range(18, 66, 2)])
TC = np.array(
    [0] * 18 + [1] * 9 + [2] * 4 + [3] * 4 + [4] * 3 + [5, 5, 6, 6, 7, 8, 9, 10, 11, 13, 14, 16, 18, 20, 22, 24]
)


def deblock(planes: Sequence[np.ndarray], maps: FilterMaps) -> None:
    """Filter the planes of a coded picture in place: first all vertical edges, then all horizontal ones.

    planes: contiguous (height, width) int16.
    """
    for axis in (1, 0):
        _filter_across(planes, maps, axis)


def _filter_across(planes: Sequence[np.ndarray], maps: FilterMaps, axis: int) -> None:
    """Filter the edges that lie across an axis of the picture."""
    sps, pps = maps.slices[0].sps, maps.slices[0].pps
    are_edges = _find_edges(maps, axis)
    qp = average_qp(*_sides(maps.qp, axis))
    keeps_p, keeps_q = _sides(maps.kept, axis)
    # The offsets are those of the slice with the sample q0, right of the edge or below it.
    beta_offset, tc_offset = (
        2 * _sides(maps.by_block(maps.by_ctu(name)), axis)[1] for name in ("beta_offset", "tc_offset")
    )
    beta = BETA[np.clip(qp + beta_offset, 0, BETA.size - 1)] << (sps.luma_depth - 8)
    tc = np.where(are_edges, _tc(qp, tc_offset, sps.luma_depth), 0)
    edges = map(np.ascontiguousarray, (beta, tc, keeps_p, keeps_q))
    filter_luma(planes[0].ravel(), *_steps(planes[0], axis), *edges, (1 << sps.luma_depth) - 1)
    for plane, offset in zip(planes[1:], (pps.cb_offset, pps.cr_offset), strict=False):
        tc = np.where(are_edges, _tc(chroma_qp(qp + offset), tc_offset, sps.chroma_depth), 0)
        edges = map(np.ascontiguousarray, (blocks[:, 1::2] for blocks in (tc, keeps_p, keeps_q)))
        filter_chroma(plane.ravel(), *_steps(plane, axis), *edges, (1 << sps.chroma_depth) - 1)


def _sides(blocks: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what is known of the blocks before the edges across an axis, and of those after them."""
    turned = blocks if axis else blocks.T
    return turned[:, :-1], turned[:, 1:]


def _steps(plane: np.ndarray, axis: int) -> tuple[int, int]:
    """Return the distance in memory, in samples, to the next sample across the edges and along them."""
    return (1, plane.shape[1]) if axis else (plane.shape[1], 1)


def _find_edges(maps: FilterMaps, axis: int) -> np.ndarray:
    """Tell where edges are filtered (8.7.2.2, 8.7.2.3)."""
    before, after = _sides(maps.unit, axis)
    _, are_joined = _sides(maps.by_block(maps.are_joined(0, -1) if axis else maps.are_joined(-1, 0)), axis)
    _, are_disabled = _sides(maps.by_block(maps.by_ctu("deblocking_disabled")), axis)
    is_in_ctu = np.arange(1, after.shape[1] + 1) % ((1 << maps.slices[0].sps.ctb_bits) // BLOCK) > 0
    return (before != after) & (is_in_ctu | are_joined) & ~are_disabled


def average_qp(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return qPL, the QP of an edge between coding units."""
    return (one + other + 1) >> 1


def chroma_qp(index: np.ndarray) -> np.ndarray:
    """Return QpC of qPi (table 8-10)."""
    from_table = CHROMA_QP[np.clip(index - 30, 0, CHROMA_QP.size - 1)]
    return np.where(index < 30, index, np.where(index < 43, from_table, index - 6))


def _tc(qp: np.ndarray, offset: np.ndarray, depth: int) -> np.ndarray:
    """Return tc in the scale of a bit depth; 0 where nothing is filtered."""
    return TC[np.clip(qp + 2 * (STRENGTH - 1) + offset, 0, TC.size - 1)] << (depth - 8)
