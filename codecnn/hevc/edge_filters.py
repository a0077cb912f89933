"""Filter samples across the edges of blocks (H.265 8.7.2.5)."""

import inspect

import numpy as np

from codecnn.hevc import compiled as compiling
from codecnn.hevc.compiled import compiled, wide
from codecnn.labels.numba_engine.cache import compile_cached

EDGE_SPACING = 8  # in samples of the component


def _filter_luma(
    samples: np.ndarray,
    across: int,
    along: int,
    beta: np.ndarray,
    tc: np.ndarray,
    keeps_p: np.ndarray,
    keeps_q: np.ndarray,
    peak: int,
) -> None:
    """Filter the edges of one direction in luma.

    samples: the plane in one dimension; across, along: the steps in it across the edges and along them. Other arrays:
    (blocks along the edges, edges); keeps_p: whether the samples before the edge do not change, keeps_q: those after.
    """
    for row in range(tc.shape[0]):
        for column in range(tc.shape[1]):
            if tc[row, column] == 0:
                continue
            start = EDGE_SPACING * (row * along + (column + 1) * across)
            for first in (start, start + 4 * along):
                _filter_four_lines(
                    samples, first, across, along, beta[row, column], tc[row, column], keeps_p[row, column],
                    keeps_q[row, column], peak,
                )  # fmt: skip


@compiled
def _filter_four_lines(
    samples: np.ndarray,
    first: int,
    across: int,
    along: int,
    beta: int,
    tc: int,
    keeps_p: bool,
    keeps_q: bool,
    peak: int,
) -> None:
    """Decide how four lines across an edge are filtered, and filter them (8.7.2.5.3)."""
    last = first + 3 * along
    p_first, q_first = _bend(samples, first - across, -across), _bend(samples, first, across)
    p_last, q_last = _bend(samples, last - across, -across), _bend(samples, last, across)
    if p_first + q_first + p_last + q_last >= beta:
        return
    is_strong = _is_flat(samples, first, across, p_first + q_first, beta, tc) and _is_flat(
        samples, last, across, p_last + q_last, beta, tc
    )
    largest = (beta + (beta >> 1)) >> 3
    for line in range(4):
        place = first + line * along
        if is_strong:
            _filter_strongly(samples, place, across, tc, keeps_p, keeps_q)
        else:
            changes_p1, changes_q1 = p_first + p_last < largest, q_first + q_last < largest
            _filter_weakly(samples, place, across, tc, keeps_p, keeps_q, changes_p1, changes_q1, peak)


@compiled
def _bend(samples: np.ndarray, place: int, step: int) -> int:
    """Return how far three samples are from a straight line."""
    return abs(samples[place + 2 * step] - 2 * samples[place + step] + samples[place])


@compiled
def _is_flat(samples: np.ndarray, place: int, across: int, bend: int, beta: int, tc: int) -> bool:
    """Tell whether a line is smooth enough on both sides for the strong filter (8.7.2.5.6)."""
    p3, p0 = wide(samples[place - 4 * across]), wide(samples[place - across])
    q0, q3 = wide(samples[place]), wide(samples[place + 3 * across])
    return 2 * bend < beta >> 2 and abs(p3 - p0) + abs(q0 - q3) < beta >> 3 and abs(p0 - q0) < (5 * tc + 1) >> 1


@compiled
def _filter_strongly(samples: np.ndarray, place: int, across: int, tc: int, keeps_p: bool, keeps_q: bool) -> None:
    """Filter three samples on each side of an edge (8.7.2.5.7)."""
    p3, p2 = wide(samples[place - 4 * across]), wide(samples[place - 3 * across])
    p1, p0 = wide(samples[place - 2 * across]), wide(samples[place - across])
    q0, q1 = wide(samples[place]), wide(samples[place + across])
    q2, q3 = wide(samples[place + 2 * across]), wide(samples[place + 3 * across])
    if not keeps_p:
        samples[place - across] = _near((p2 + 2 * p1 + 2 * p0 + 2 * q0 + q1 + 4) >> 3, p0, 2 * tc)
        samples[place - 2 * across] = _near((p2 + p1 + p0 + q0 + 2) >> 2, p1, 2 * tc)
        samples[place - 3 * across] = _near((2 * p3 + 3 * p2 + p1 + p0 + q0 + 4) >> 3, p2, 2 * tc)
    if not keeps_q:
        samples[place] = _near((p1 + 2 * p0 + 2 * q0 + 2 * q1 + q2 + 4) >> 3, q0, 2 * tc)
        samples[place + across] = _near((p0 + q0 + q1 + q2 + 2) >> 2, q1, 2 * tc)
        samples[place + 2 * across] = _near((p0 + q0 + q1 + 3 * q2 + 2 * q3 + 4) >> 3, q2, 2 * tc)


@compiled
def _filter_weakly(
    samples: np.ndarray,
    place: int,
    across: int,
    tc: int,
    keeps_p: bool,
    keeps_q: bool,
    changes_p1: bool,
    changes_q1: bool,
    peak: int,
) -> None:
    """Filter one or two samples on each side of an edge, if it is no edge of the picture's content (8.7.2.5.7)."""
    p2, p1, p0 = wide(samples[place - 3 * across]), wide(samples[place - 2 * across]), wide(samples[place - across])
    q0, q1, q2 = wide(samples[place]), wide(samples[place + across]), wide(samples[place + 2 * across])
    delta = (9 * (q0 - p0) - 3 * (q1 - p1) + 8) >> 4
    if abs(delta) >= 10 * tc:
        return
    delta = _near(delta, 0, tc)
    if not keeps_p:
        samples[place - across] = min(max(p0 + delta, 0), peak)
        if changes_p1:
            change = _near((((p2 + p0 + 1) >> 1) - p1 + delta) >> 1, 0, tc >> 1)
            samples[place - 2 * across] = min(max(p1 + change, 0), peak)
    if not keeps_q:
        samples[place] = min(max(q0 - delta, 0), peak)
        if changes_q1:
            change = _near((((q2 + q0 + 1) >> 1) - q1 - delta) >> 1, 0, tc >> 1)
            samples[place + across] = min(max(q1 + change, 0), peak)


@compiled
def _near(value: int, centre: int, reach: int) -> int:
    """Clip a value to what is at most `reach` from the centre."""
    return min(max(value, centre - reach), centre + reach)


def _filter_chroma(
    samples: np.ndarray, across: int, along: int, tc: np.ndarray, keeps_p: np.ndarray, keeps_q: np.ndarray, peak: int
) -> None:
    """Filter the edges of one direction in chroma, arguments as of `_filter_luma` (8.7.2.5.5, 8.7.2.5.8)."""
    for row in range(tc.shape[0]):
        for column in range(tc.shape[1]):
            for line in range(4 if tc[row, column] else 0):
                place = (4 * row + line) * along + EDGE_SPACING * (column + 1) * across
                p1, p0 = wide(samples[place - 2 * across]), wide(samples[place - across])
                q0, q1 = wide(samples[place]), wide(samples[place + across])
                delta = _near((((q0 - p0) << 2) + p1 - q1 + 4) >> 3, 0, tc[row, column])
                if not keeps_p[row, column]:
                    samples[place - across] = min(max(p0 + delta, 0), peak)
                if not keeps_q[row, column]:
                    samples[place] = min(max(q0 - delta, 0), peak)


_SOURCES = inspect.getsource(compiling)
filter_luma = compile_cached(_filter_luma, _SOURCES, error_model="numpy")
filter_chroma = compile_cached(_filter_chroma, _SOURCES, error_model="numpy")
