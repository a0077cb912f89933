"""Code a picture by rate-distortion cost among the answers of a chooser."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codecnn.hevc.blocks import CHROMA_QP
from codecnn.hevc.coding_unit import NO_MODE, REPLACEMENT
from codecnn.hevc.encoder.block_view import Block
from codecnn.hevc.encoder.chooser import CHROMA_MODES, DERIVED, Chooser
from codecnn.hevc.encoder.kernels import (
    begin_unit,
    count_split,
    count_unit,
    forget,
    note_mode,
    search_chroma,
    search_luma,
    start_slice,
)
from codecnn.hevc.encoder.scratch import SCRATCH, Task
from codecnn.hevc.parameter_sets import Pps, Sps
from codecnn.hevc.preparation import enter_slice, make_arrays, make_state, planes_of
from codecnn.hevc.slice_header import SliceHeader
from codecnn.hevc.slice_writer import UNITS
from codecnn.hevc.state import Arrays
from codecnn.intra.hevc import MODES
from codecnn.video.picture import Picture

LUMA_MODES, CHOICES_OF_CHROMA, SPLITS = frozenset(range(MODES)), frozenset(CHROMA_MODES), frozenset((False, True))


@dataclass(frozen=True)
class _Kept:
    """Hold what coding a block has changed."""

    counts: tuple[int, ...]
    units: tuple[NDArray, ...]
    planes: tuple[NDArray, ...]
    grid: NDArray
    contexts: NDArray


class PictureCoder:
    """Code one picture in one slice; `arrays` then hold its record."""

    def __init__(self, sps: Sps, pps: Pps, header: SliceHeader, original: Picture, chooser: Chooser) -> None:
        self.sps, self.chooser = sps, chooser
        self.arrays: Arrays = make_arrays(sps, pps)
        self.states = make_state(sps, pps)
        enter_slice(self.states, header)
        planes = np.zeros_like(self.arrays.samples)
        for target, source in zip(planes_of(planes, sps), original.planes, strict=True):
            target[:] = source
        self.task = Task(self.arrays, planes, np.zeros(1, np.uint8))
        self.scratches = np.zeros(1, SCRATCH)
        self.qp = header.qp
        self.lagrangian = 0.57 * 2 ** ((header.qp - 12) / 3) * 4.0 ** (sps.luma_depth - 8)
        self.scratches["lagrangian"], self.scratches["quantiser"] = self.lagrangian, chooser.quantiser
        self.scratches["chroma_weight"] = 2 ** ((header.qp - chroma_qp(header.qp)) / 3)
        self.states["counts"], self.states["region"], self.states["qp"] = 1, 1, header.qp
        start_slice(self.states)

    def code(self) -> None:
        """Code all CTUs."""
        size = 1 << self.sps.ctb_bits
        for y in range(0, self.sps.height, size):
            for x in range(0, self.sps.width, size):
                self._code_tree(x, y, self.sps.ctb_bits)

    def _code_tree(self, x: int, y: int, bits: int) -> float:
        """Code a node of the coding tree in the best way, and return its cost."""
        size, smallest = 1 << bits, bits == self.sps.min_cb_bits
        if x >= self.sps.width or y >= self.sps.height:
            return 0.0
        if x + size > self.sps.width or y + size > self.sps.height:
            return self._code_quarters(x, y, bits)
        answers = _checked(self.chooser.splits(self._block(x, y, size)), SPLITS)
        counts = self._counts()
        contexts = self.states["contexts"][0].copy()
        best, kept = np.inf, None
        for number, is_split in enumerate(answers):
            if number > 0:
                self._set_counts(counts)
                self.states["contexts"][0] = contexts
                forget(self.task, x, y, size)
            bits_of_flag = count_split(self.states, self.task, x, y, bits, is_split)
            cost = self.lagrangian * bits_of_flag
            if smallest or not is_split:
                cost += self._code_unit(x, y, bits, 4 if is_split else 1)
            else:
                cost += self._code_quarters(x, y, bits)
            if cost < best:
                best, kept = cost, self._keep(x, y, size, counts) if number + 1 < len(answers) else None
        if kept is not None:
            self._put_back(x, y, size, counts, kept)
        return best

    def _code_quarters(self, x: int, y: int, bits: int) -> float:
        half = 1 << (bits - 1)
        return sum(self._code_tree(x + half * (step & 1), y + half * (step >> 1), bits - 1) for step in range(4))

    def _code_unit(self, x: int, y: int, bits: int, parts: int) -> float:
        """Code a coding unit, and return its cost."""
        states, scratches, task, arrays, chooser = self.states, self.scratches, self.task, self.arrays, self.chooser
        first_unit, first_block, first_transform = self._counts()
        size = 1 << bits
        begin_unit(states, task, x, y, bits)
        arrays.coding_units[first_unit] = x, y, size, parts, self.qp, False, False, 0
        states["parts"] = parts
        depth = 0 if parts == 1 else 1
        side = size >> depth
        for part in range(parts):
            left, top = x + side * (part & 1), y + side * (part >> 1)
            modes = np.array(_checked(chooser.luma_modes(self._block(left, top, side)), LUMA_MODES))
            tries = chooser.transform_depth > 0
            mode = search_luma(states, scratches, task, left, top, bits - depth, depth, modes, tries)
            note_mode(task, left, top, side, mode)
            arrays.prediction_blocks[first_block + part] = left, top, side, mode, NO_MODE, 0
        luma_mode = int(arrays.prediction_blocks["luma_mode"][first_block])
        if self.sps.chroma != "400":
            answers = _checked(chooser.chroma_modes(self._block(x, y, size)), CHOICES_OF_CHROMA)
            modes = np.array([_chroma_mode(answer, luma_mode) for answer in answers])
            mode = search_chroma(states, scratches, task, x, y, size, first_transform, luma_mode, modes)
            arrays.prediction_blocks["chroma_mode"][first_block : first_block + parts] = mode
        self._set_counts((first_unit, first_block, first_transform))
        counted = count_unit(states, task, x, y, bits)
        return self._distortion(x, y, size) + self.lagrangian * counted

    def _distortion(self, x: int, y: int, size: int) -> float:
        """Return the squared error of a block, that of chroma with its weight."""
        total = 0.0
        for component in range(len(self.arrays.samples)):
            down = min(component, 1)
            area = np.s_[component, y >> down : (y + size) >> down, x >> down : (x + size) >> down]
            difference = (self.task.original[area] - self.arrays.samples[area]).ravel().astype(np.int64)
            weight = self.scratches["chroma_weight"][0, component - 1] if component else 1.0
            total += weight * float(difference @ difference)
        return total

    def _block(self, x: int, y: int, size: int) -> Block:
        return Block(self.states, self.scratches, self.task, x, y, size, self.qp, self.lagrangian)

    def _counts(self) -> tuple[int, ...]:
        return tuple(int(self.states[name][0]) for name in UNITS)

    def _set_counts(self, counts: tuple[int, ...]) -> None:
        for name, count in zip(UNITS, counts, strict=True):
            self.states[name] = count

    def _planes(self, x: int, y: int, size: int) -> tuple[NDArray, ...]:
        """Return views of what a block has in the arrays."""
        arrays = self.arrays
        views = []
        for component in range(len(arrays.samples)):
            down = min(component, 1)
            area = np.s_[component, y >> down : (y + size) >> down, x >> down : (x + size) >> down]
            views += [arrays.samples[area], arrays.prediction[area], arrays.levels[area]]
        return tuple(views)

    def _keep(self, x: int, y: int, size: int, first: tuple[int, ...]) -> _Kept:
        counts = self._counts()
        return _Kept(
            counts,
            tuple(getattr(self.arrays, n)[a:b].copy() for n, a, b in zip(UNITS, first, counts, strict=True)),
            tuple(view.copy() for view in self._planes(x, y, size)),
            self.arrays.grid[y >> 2 : (y + size) >> 2, x >> 2 : (x + size) >> 2].copy(),
            self.states["contexts"][0].copy(),
        )

    def _put_back(self, x: int, y: int, size: int, first: tuple[int, ...], kept: _Kept) -> None:
        for name, begin, end, units in zip(UNITS, first, kept.counts, kept.units, strict=True):
            getattr(self.arrays, name)[begin:end] = units
        for view, plane in zip(self._planes(x, y, size), kept.planes, strict=True):
            view[:] = plane
        self.arrays.grid[y >> 2 : (y + size) >> 2, x >> 2 : (x + size) >> 2] = kept.grid
        self.states["contexts"][0] = kept.contexts
        self._set_counts(kept.counts)


def _checked(answers: Sequence[int], known: frozenset[int]) -> Sequence[int]:
    """Return what a chooser answers; ValueError if it is nothing, or something that is not known."""
    if not answers or not known.issuperset(answers):
        raise ValueError(f"a chooser has answered {answers!r}, known are {sorted(known)}")
    return answers


def chroma_qp(qp: int) -> int:
    """Return QpC of a QP of luma without offsets (table 8-10)."""
    return qp if qp < 30 else int(CHROMA_QP[qp - 30]) if qp < 43 else qp - 6


def _chroma_mode(answer: int, luma_mode: int) -> int:
    """Return the chroma mode of an answer as prediction blocks hold it."""
    if answer == DERIVED:
        return luma_mode
    return REPLACEMENT if answer == luma_mode else answer
