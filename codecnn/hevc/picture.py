"""Decode the slice segments of a picture into arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from codecnn.hevc.errors import damaged
from codecnn.hevc.in_loop import filter_in_loop
from codecnn.hevc.nal import NalUnit
from codecnn.hevc.parameter_sets import Pps, Sps
from codecnn.hevc.picture_hash import PictureHash
from codecnn.hevc.preparation import enter_slice, make_arrays, make_state, planes_of
from codecnn.hevc.slice_data import decode_segment
from codecnn.hevc.slice_header import SliceHeader
from codecnn.hevc.state import BAD_ADDRESS, FINE, REASONS, Arrays
from codecnn.video.picture import Picture

# A CTU takes more than one bit: at least mpm_idx, or a PCM sample. Damaged sizes would ask for memory without data.
CTUS_PER_BYTE = 8


@dataclass(frozen=True)
class Bits:
    """Hold the bits of the slice data of a picture: all, and by syntax; fractions of bits are those of the ranges.

    Args:
        total: the slice segment data with their alignment, without headers, emulation prevention and trailing zeros.
        partition: split_cu_flag, part_mode, split_transform_flag.
        modes: of luma and chroma.
        residual: coded block flags, transform_skip_flag, levels.
        filters: SAO.
        delta_qp: cu_qp_delta_abs and its sign.
        bypass: cu_transquant_bypass_flag.
        pcm: pcm_flag, the samples, and the ends of arithmetic codes before them.
        termination: the flags at the ends of CTUs and substreams, and alignment.
    """

    total: int
    partition: float
    modes: float
    residual: float
    filters: float
    delta_qp: float
    bypass: float
    pcm: float
    termination: float


@dataclass(frozen=True, eq=False)
class CodedPicture:
    """Hold what the stream says of a picture, and the picture without in-loop filters.

    Units are in decoding order, their positions are luma samples of the coded picture, before the conformance window
    cuts it.

    Args:
        sps, pps: its parameter sets. slices: the headers of its slice segments.
        number: how many pictures were decoded before it. order_count: PicOrderCntVal. nal_type: of its slices.
        size: bytes of its slice NAL units, without start codes.
        coded, coded_prediction, coded_levels: as the properties without `coded`, but before the conformance window.
        coding_units: CODING_UNIT; parts is 4 for NxN, qp is QpY.
        prediction_blocks: PREDICTION_BLOCK; modes 0..34, -1 for PCM and for chroma that is not there. The bits of the
            chroma mode are in the first block of a coding unit.
        transform_units: TRANSFORM_UNIT; of four units of 4x4 luma each has the flags of their 4x4 chroma, which belongs
            to the last.
        ctus: CTU; SAO parameters and slices by raster address.
        hash: what the stream says of the decoder's output, None if nothing.
    """

    sps: Sps
    pps: Pps
    slices: tuple[SliceHeader, ...]
    number: int
    order_count: int
    nal_type: int
    size: int
    coded: Picture
    coded_prediction: Picture
    coded_levels: Picture
    coding_units: np.ndarray
    prediction_blocks: np.ndarray
    transform_units: np.ndarray
    ctus: np.ndarray
    bits: Bits
    hash: PictureHash | None = None

    @property
    def unfiltered(self) -> Picture:
        """Return the reconstruction before the in-loop filters."""
        return self._cut(self.coded)

    @cached_property
    def coded_baseline(self) -> Picture:
        """Return `baseline` before the conformance window cuts it; it is computed once, when it is asked for."""
        return filter_in_loop(self.coded, self.slices, self.ctus, self.coding_units, self.transform_units)

    @property
    def baseline(self) -> Picture:
        """Return the output of a decoder: after deblocking and SAO, as far as the slices have them on."""
        return self._cut(self.coded_baseline)

    @property
    def hash_matches(self) -> bool | None:
        """Tell whether the hash of the stream is that of the decoder's output; None if the stream has none."""
        return None if self.hash is None else not self.hash.wrong_planes(self.coded_baseline.planes)

    @property
    def prediction(self) -> Picture:
        """Return the intra prediction of each block, from the blocks decoded before it; 0 where PCM is."""
        return self._cut(self.coded_prediction)

    @property
    def levels(self) -> Picture:
        """Return the coefficient levels as int16 planes.

        That of column frequency u and row frequency v of a transform block is u columns right and v rows below the top
        left sample of the block. Residual samples where transform and quantisation are bypassed, 0 where PCM is.
        """
        return self._cut(self.coded_levels)

    def _cut(self, picture: Picture) -> Picture:
        left, right, top, bottom = self.sps.window
        height, width = picture.y.shape
        planes = []
        for plane in picture.planes:
            down, across = height // plane.shape[0], width // plane.shape[1]
            planes.append(plane[top // down : (height - bottom) // down, left // across : (width - right) // across])
        return Picture.of(planes, picture.bit_depth)


def decode_picture(
    segments: Sequence[tuple[NalUnit, SliceHeader]], number: int, order_count: int, hash: PictureHash | None = None
) -> CodedPicture:
    """Decode the slice segments of a picture; StreamError if they are damaged."""
    first = segments[0][1]
    sps, pps = first.sps, first.pps
    if sps.ctus_across * sps.ctus_down > CTUS_PER_BYTE * sum(len(nal.payload) for nal, _ in segments):
        raise damaged(f"there are too few data for a picture of {sps.width}x{sps.height}")
    arrays, state = make_arrays(sps, pps), make_state(sps, pps)
    place = 0
    for nal, header in segments:
        if place >= arrays.ctus.size or arrays.ctus["order"][place] != header.address:
            raise damaged(REASONS[BAD_ADDRESS])
        place = _decode(nal, header, arrays, state, place)
    if place < arrays.ctus.size:
        raise damaged("slices are missing at the end of a picture")
    counts = (int(state[name][0]) for name in ("coding_units", "prediction_blocks", "transform_units"))
    return CodedPicture(
        sps,
        pps,
        tuple(header for _, header in segments),
        number,
        order_count,
        segments[0][0].type,
        sum(nal.size for nal, _ in segments),
        _samples(arrays.samples, sps),
        _samples(arrays.prediction, sps),
        Picture.of((plane.copy() for plane in planes_of(arrays.levels, sps)), sps.luma_depth),
        arrays.coding_units[: next(counts)].copy(),
        arrays.prediction_blocks[: next(counts)].copy(),
        arrays.transform_units[: next(counts)].copy(),
        arrays.ctus,
        Bits(round(float(state["bits"].sum())), *state["bits"][0].tolist()),
        hash,
    )


def _decode(nal: NalUnit, header: SliceHeader, arrays: Arrays, state: np.ndarray, place: int) -> int:
    """Decode a slice segment, and return the place of the CTU after it in coding order."""
    enter_slice(state, header)
    state["position"], state["end"] = 8 * header.data, 8 * len(nal.payload)
    data = np.frombuffer(nal.payload + b"\0\0\0", np.uint8)
    place = decode_segment(state, data, arrays, place, header.dependent, _substreams(nal, header))
    if (failure := int(state["failure"][0])) != FINE:
        raise damaged(REASONS[failure])
    return place


def _substreams(nal: NalUnit, header: SliceHeader) -> np.ndarray:
    """Return where the substreams but the first begin in the payload; entry points count emulation prevention bytes."""
    starts = []
    removed = np.array(nal.removed, np.int64)
    in_unit = removed + np.arange(removed.size)  # places of the removed bytes, counted with them
    start = header.data + int(np.searchsorted(removed, header.data, side="right"))
    for length in header.entry_points:
        start += length
        starts.append(start - int(np.searchsorted(in_unit, start)))
    return np.array(starts, np.int64)


def _samples(arrays: np.ndarray, sps: Sps) -> Picture:
    """Copy the planes of the coded picture, in the type of their bit depth."""
    types = [np.uint8 if depth == 8 else np.uint16 for depth in (sps.luma_depth, sps.chroma_depth, sps.chroma_depth)]
    planes = zip(planes_of(arrays, sps), types, strict=False)
    return Picture.of((plane.astype(kind) for plane, kind in planes), sps.luma_depth)
