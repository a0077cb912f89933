"""Streams of random decisions: every tool of version 1 in combinations that no encoder makes.

What is decided does not make sense, but every stream is allowed. QPs and hidden signs may differ from those of the
record that is written, because the stream has them only as differences. Constrained intra prediction changes nothing in
intra slices; it is on only with coding units down to 8x8, because with others libavcodec computes it wrongly.

Streams are for one of two decoders, and leave out what this one does wrongly in the filters. In libavcodec, where
slices have different deblocking offsets, or one is not deblocked, some edges get those of another slice; beside a later
slice, SAO follows the slice_loop_filter_across_slices_enabled_flag of its own slice; and of lossless and PCM units that
SAO must not change only a quarter of the chroma is kept. libavcodec refuses luma and chroma of different bit depths.
libde265 takes the flag from a wrong place for SAO of chroma, does not keep this to its tile either, and with tiles
takes the slice with the larger address for the later one.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from codecnn.hevc import CodedPicture
from codecnn.hevc.header_writer import nal_unit, write_pps, write_slice, write_sps, write_vps
from codecnn.hevc.nal import IDR_N_LP, PPS, SPS, VPS
from codecnn.hevc.parameter_sets import Pcm, Pps, Profile, Sps, Tiles
from codecnn.hevc.picture import Bits
from codecnn.hevc.scaling_lists import ScalingLists, default_lists
from codecnn.hevc.slice_header import SliceHeader
from codecnn.hevc.slice_writer import write_slice_data
from codecnn.hevc.state import CODING_UNIT, CTU, PREDICTION_BLOCK, TRANSFORM_UNIT
from codecnn.hevc.tiles import coding_order
from codecnn.video.picture import Picture


class RandomStream:
    """Make one picture from a seed."""

    def __init__(self, seed: int, decoder: str = "libavcodec") -> None:
        self.random = np.random.default_rng(seed)
        self.is_for_libavcodec = decoder == "libavcodec"
        self.sps = sps = self.make_sps()
        self.pps = self.make_pps()
        self.bypassed = False  # the coding unit that is being made
        self.units: list[tuple[Any, ...]] = []
        self.blocks: list[tuple[Any, ...]] = []
        self.transforms: list[list[Any]] = []
        shapes = [(sps.height, sps.width), *([(sps.height // 2, sps.width // 2)] * 2 if sps.chroma == "420" else [])]
        depths = (sps.luma_depth, sps.chroma_depth, sps.chroma_depth)
        self.samples = [
            self.random.integers(0, 1 << depth, shape).astype(np.uint16)
            for shape, depth in zip(shapes, depths, strict=False)
        ]
        self.levels = [np.zeros(shape, np.int16) for shape in shapes]

    def chance(self, probability: float = 0.5) -> bool:
        return bool(self.random.random() < probability)

    def between(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return int(self.random.integers(low, high + 1))

    def make_sps(self) -> Sps:
        chroma, depth = ("400" if self.chance(0.2) else "420"), (10 if self.chance() else 8)
        chroma_depth = depth if self.is_for_libavcodec or chroma == "400" else self.between(8, 10)
        ctb = self.between(4, 6)
        min_cb = self.between(3, ctb)
        min_tb = self.between(2, min(min_cb - 1, 5))
        max_tb = self.between(min_tb, min(ctb, 5))
        step = 1 << min_cb
        width, height = (step * self.between(1, max(1, 120 // step)) for _ in range(2))
        pcm = None
        if self.chance(0.4) and min_cb <= 5:
            low = self.between(min_cb, min(ctb, 5))
            pcm = Pcm(
                self.between(1, depth),
                self.between(1, chroma_depth),
                low,
                self.between(low, min(ctb, 5)),
                self.chance(),
            )
        scaling = self.lists() if self.chance(0.4) else None
        profile = Profile(4 if chroma == "400" else 2 if depth == 10 else 1, False, 186)
        return Sps(
            0, profile, chroma, width, height, (0, 0, 0, 0), depth, chroma_depth, 8, 1, 0, 0, min_cb, ctb, min_tb,
            max_tb, self.between(0, ctb - min_tb), scaling, False, self.chance(), pcm, (), None, False, self.chance(),
            None,
        )  # fmt: skip

    def lists(self) -> ScalingLists:
        if self.chance(0.3):
            return default_lists()
        return {
            key: (tuple(self.random.integers(1, 256, len(values)).tolist()), self.between(1, 255) if key[0] > 1 else 16)
            for key, (values, _) in default_lists().items()
        }

    def make_pps(self) -> Pps:
        sps = self.sps
        tiles = None
        if self.chance(0.4) and sps.ctus_across > 1 and sps.ctus_down > 1:
            columns, rows = self.between(1, min(3, sps.ctus_across)), self.between(2, min(3, sps.ctus_down))
            widths = heights = None
            if self.chance():
                widths, heights = (
                    tuple(
                        np.diff(
                            sorted({0, *self.random.choice(np.arange(1, total), count - 1, False).tolist()})
                        ).tolist()
                    )
                    for count, total in ((columns, sps.ctus_across), (rows, sps.ctus_down))
                )
            tiles = Tiles(columns, rows, widths, heights, self.chance())
        lists = self.lists() if sps.scaling is not None and self.chance() else None
        disabled = self.chance(0.2)
        beta_offset, tc_offset = (0 if disabled else self.between(-6, 6) for _ in range(2))
        self.is_mixed = self.chance()  # whether slices with and without deblocking are in the picture
        self.offsets = (0, 0) if self.is_mixed else (self.between(-6, 6), self.between(-6, 6))  # of its slices
        depth = self.between(0, sps.ctb_bits - sps.min_cb_bits) if self.chance(0.6) else None
        return Pps(
            id=0, sps=0, dependent_slices=self.chance(), output_flag=self.chance(),
            extra_header_bits=self.between(0, 2), sign_hiding=self.chance(), init_qp=self.between(10, 40),
            constrained_intra=sps.min_cb_bits == 3 and self.chance(), transform_skip=self.chance(),
            qp_delta_depth=depth,
            cb_offset=self.between(-6, 6), cr_offset=self.between(-6, 6), slice_chroma_offsets=self.chance(),
            transquant_bypass=self.chance(0.3), tiles=tiles, wavefront=tiles is None and self.chance(0.4),
            filter_across_slices=self.chance(0.7), deblocking_override=self.chance(), deblocking_disabled=disabled,
            beta_offset=beta_offset, tc_offset=tc_offset, scaling=lists, header_extension=self.chance(),
        )  # fmt: skip

    def headers(self) -> list[SliceHeader]:
        """Slices that begin where the standard allows it (6.3.1)."""
        order, tile, column = coding_order(self.sps, self.pps)
        rate = self.random.choice([0, 0.1, 0.4])
        headers: list[SliceHeader] = []
        ends_with_row = False
        differ = not self.is_for_libavcodec and self.pps.tiles is None and self.chance()  # filter_across of slices
        if self.is_for_libavcodec:
            is_wrong = self.pps.transquant_bypass or (self.sps.pcm is not None and self.sps.pcm.filter_disabled)
        else:
            is_wrong = differ or (self.pps.tiles is not None and not self.pps.tiles.filter_across)
        offsets_chroma = self.sps.sao and self.sps.chroma == "420" and not is_wrong
        for place, address in enumerate(order.tolist()):
            starts_row = address % self.sps.ctus_across == column[address]
            new_tile = place > 0 and tile[address] != tile[order[place - 1]]
            forced = place == 0 or (rate > 0 and new_tile) or (self.pps.wavefront and starts_row and ends_with_row)
            if not (forced or self.chance(rate)):
                continue
            dependent = self.pps.dependent_slices and not forced and self.chance()
            ends_with_row = not starts_row if not dependent else ends_with_row or not starts_row
            if dependent:
                headers.append(replace(headers[-1], first=False, dependent=True, address=address))
                continue
            cb, cr = (self.between(-6, 6) if self.pps.slice_chroma_offsets else 0 for _ in range(2))
            disabled, beta_offset, tc_offset = self.deblocking()
            headers.append(
                SliceHeader(
                    first=place == 0, discard_prior=False, pps=self.pps, sps=self.sps, dependent=False, address=address,
                    sao_luma=self.sps.sao and self.chance(),
                    sao_chroma=offsets_chroma and self.chance(),
                    qp=self.between(-6 * (self.sps.luma_depth - 8), 51), cb_offset=cb, cr_offset=cr,
                    deblocking_disabled=disabled, beta_offset=beta_offset, tc_offset=tc_offset,
                    filter_across=self.pps.filter_across_slices and (not differ or self.chance()),
                )
            )  # fmt: skip
        return headers

    def deblocking(self) -> tuple[bool, int, int]:
        """Whether a slice is not deblocked, and its offsets, div 2."""
        if self.pps.deblocking_override:
            if not self.is_for_libavcodec:
                return self.chance(0.3), self.between(-6, 6), self.between(-6, 6)
            return self.is_mixed and self.chance(), *self.offsets
        return self.pps.deblocking_disabled, self.pps.beta_offset, self.pps.tc_offset

    def stream(self) -> bytes:
        sps, pps = self.sps, self.pps
        headers = self.headers()
        order, *_ = coding_order(sps, pps)
        for address in order.tolist():
            x, y = (address % sps.ctus_across) << sps.ctb_bits, (address // sps.ctus_across) << sps.ctb_bits
            self.coding_tree(x, y, sps.ctb_bits)
        picture = CodedPicture(
            sps, pps, tuple(headers), 0, 0, IDR_N_LP, 0, Picture.of(self.samples, sps.luma_depth),
            Picture.of(self.samples, sps.luma_depth), Picture.of(self.levels, sps.luma_depth),
            np.array(self.units, CODING_UNIT), np.array(self.blocks, PREDICTION_BLOCK),
            np.array([tuple(unit) for unit in self.transforms] or [], TRANSFORM_UNIT), self.sao(order.size),
            Bits(0, *[0.0] * 8),
        )  # fmt: skip
        units = [nal_unit(VPS, write_vps(sps)), nal_unit(SPS, write_sps(sps)), nal_unit(PPS, write_pps(pps))]
        written = write_slice_data(picture)
        for header, segment in zip(headers, written, strict=True):
            units.append(write_slice(IDR_N_LP, header, segment.data, segment.starts))
        return b"".join(units)

    def sao(self, count: int) -> np.ndarray:
        ctus = np.zeros(count, CTU)
        ctus["sao_type"] = self.random.integers(0, 3, (count, 3))
        ctus["sao_type"][:, 2] = ctus["sao_type"][:, 1]
        ctus["sao_class"] = self.random.integers(0, 4, (count, 3))
        ctus["sao_band"] = self.random.integers(0, 32, (count, 3))
        ctus["sao_offset"] = self.random.integers(-7, 8, (count, 3, 4))
        return ctus

    def coding_tree(self, x: int, y: int, bits: int) -> None:
        sps = self.sps
        if x >= sps.width or y >= sps.height:
            return
        inside = x + (1 << bits) <= sps.width and y + (1 << bits) <= sps.height
        if bits > sps.min_cb_bits and (not inside or self.chance()):
            half = 1 << (bits - 1)
            for step in range(4):
                self.coding_tree(x + half * (step & 1), y + half * (step >> 1), bits - 1)
            return
        size = 1 << bits
        parts = 4 if bits == sps.min_cb_bits and self.chance() else 1
        pcm = sps.pcm is not None and parts == 1 and sps.pcm.min_bits <= bits <= sps.pcm.max_bits and self.chance(0.3)
        self.bypassed = bypass = self.pps.transquant_bypass and self.chance(0.3)
        self.units.append((x, y, size, parts, self.between(-6 * (sps.luma_depth - 8), 51), bypass, pcm, 0))
        if pcm:
            self.blocks.append((x, y, size, -1, -1, 0))
            return
        side = size if parts == 1 else size // 2
        modes = [self.between(0, 34) for _ in range(parts)]
        explicit = int(self.random.choice([0, 26, 10, 1]))
        chroma = modes[0] if self.chance() else 34 if explicit == modes[0] else explicit
        for part, mode in enumerate(modes):
            self.blocks.append((x + side * (part & 1), y + side * (part >> 1), side, mode, chroma, 0))
        self.transform_tree(x, y, bits, 0, parts, sps.chroma == "420", sps.chroma == "420")

    def transform_tree(self, x: int, y: int, bits: int, depth: int, parts: int, cb: bool, cr: bool) -> None:
        sps = self.sps
        must = bits > sps.max_tb_bits or (parts == 4 and depth == 0)
        may = bits > sps.min_tb_bits and depth < sps.max_depth_intra + (parts == 4)
        if bits > 2:
            cb, cr = cb and self.chance(0.7), cr and self.chance(0.7)
        if must or (may and self.chance()):
            half = 1 << (bits - 1)
            for step in range(4):
                self.transform_tree(x + half * (step & 1), y + half * (step >> 1), bits - 1, depth + 1, parts, cb, cr)
            return
        luma = self.chance(0.6)
        skips = [self.pps.transform_skip and self.chance() for _ in range(3)]
        self.transforms.append([x, y, 1 << bits, depth, luma, cb, cr, *skips, 0])
        if luma:
            self.fill(self.levels[0], x, y, 1 << bits)
        if bits > 2:
            chroma_x, chroma_y, side = x // 2, y // 2, 1 << (bits - 1)
        else:
            chroma_x, chroma_y, side = (x & ~7) // 2, (y & ~7) // 2, 4
        if bits > 2 or (x & 4 and y & 4):
            for component, coded in ((1, cb), (2, cr)):
                if coded:
                    self.fill(self.levels[component], chroma_x, chroma_y, side)

    def fill(self, plane: np.ndarray, x: int, y: int, side: int) -> None:
        """Random levels, at least one; few or many, mostly small, now and then as large as they may be."""
        reach = self.between(1, side)
        block = plane[y : y + reach, x : x + reach]
        size = float(self.random.choice([0.7, 2, 30, 1000]))
        limit = 127 if self.bypassed else 32767
        values = np.rint(self.random.laplace(0, size, block.shape)).clip(-limit, limit)
        block[:] = np.where(self.random.random(block.shape) < self.random.random(), values, 0)
        if not block.any():
            block[-1, -1] = self.random.choice([-1, 1, 2, 40])
        if self.chance(0.02) and not self.bypassed:
            block[self.between(0, reach - 1), self.between(0, reach - 1)] = self.random.choice([-32767, 32767])
