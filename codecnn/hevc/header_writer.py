"""Write parameter sets, slice segment headers and NAL units (H.265 7.3.1, 7.3.2, 7.3.6, annex B)."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

from codecnn.errors import InputError
from codecnn.hevc.bit_writer import BitWriter
from codecnn.hevc.nal import IDR_N_LP, IDR_W_RADL
from codecnn.hevc.parameter_sets import Pps, Profile, Sps
from codecnn.hevc.reference_sets import ReferenceSet
from codecnn.hevc.scaling_lists import MATRICES, SIZES, ScalingLists, default_lists
from codecnn.hevc.slice_header import INTRA, SliceHeader
from codecnn.hevc.usability import Usability

_EMULATED = re.compile(rb"\x00\x00(?=[\x00-\x03])")


def escape(payload: bytes) -> tuple[bytes, tuple[int, ...]]:
    """Insert emulation prevention bytes; return also for each of them how many bytes of the payload precede it."""
    inserted = []
    start = 0
    while found := _EMULATED.search(payload, start):
        inserted.append(found.end())
        start = found.end()
    edges = [0, *inserted, len(payload)]
    return b"\3".join(payload[a:b] for a, b in pairwise(edges)), tuple(inserted)


def nal_unit(kind: int, payload: bytes) -> bytes:
    """Return a NAL unit of layer 0 and TemporalId 0 with a start code of four bytes."""
    return b"\0\0\0\1" + (kind << 9 | 1).to_bytes(2, "big") + escape(payload)[0]


def write_vps(sps: Sps) -> bytes:
    """Write a video_parameter_set_rbsp() for one sequence parameter set."""
    bits = BitWriter()
    bits.u(0, 4)
    bits.u(3, 2)  # vps_base_layer_internal_flag, vps_base_layer_available_flag
    bits.u(0, 6 + 3)
    bits.flag(True)
    bits.u(0xFFFF, 16)
    _write_profile(bits, sps)
    _write_ordering(bits, sps)
    bits.u(0, 6)
    bits.ue(0)  # vps_num_layer_sets_minus1
    bits.u(0, 2)  # no timing, no extension
    return bits.end()


def _write_profile(bits: BitWriter, sps: Sps) -> None:
    """Write profile_tier_level(1, 0)."""
    profile: Profile = sps.profile
    bits.u(0, 2)
    bits.flag(profile.high_tier)
    bits.u(profile.profile, 5)
    compatible = {profile.profile, *({2} if profile.profile == 1 else ())}
    for number in range(32):
        bits.flag(number in compatible)
    fields = sps.usability is not None and sps.usability.fields
    bits.u(0b0100 if fields else 0b1001, 4)  # interlaced; or progressive, frames only
    if profile.profile == 4:  # 12, 10, 8 bit at most; 4:2:2, 4:2:0, 4:0:0 at most; only intra; lower bit rate
        # "Monochrome", "Monochrome 12", "Main Intra" and "Main 10 Intra" of table A.2.
        eight, grey = sps.luma_depth == 8, sps.chroma == "400"
        bits.u(0b100110001 | (eight or not grey) << 7 | eight << 6 | grey << 3 | (not grey) << 2, 9)
        bits.u(0, 34)
    else:
        bits.u(0, 43)
    bits.u(0, 1)
    bits.u(profile.level, 8)


def _write_ordering(bits: BitWriter, sps: Sps) -> None:
    bits.flag(True)
    bits.ue(sps.buffering - 1)
    bits.ue(sps.reorder)
    bits.ue(sps.latency)


def write_sps(sps: Sps) -> bytes:
    """Write seq_parameter_set_rbsp()."""
    bits = BitWriter()
    bits.u(0, 4 + 3)
    bits.flag(True)
    _write_profile(bits, sps)
    bits.ue(sps.id)
    bits.ue(0 if sps.chroma == "400" else 1)
    bits.ue(sps.width)
    bits.ue(sps.height)
    bits.flag(any(sps.window))
    if any(sps.window):
        for offset in sps.window:
            bits.ue(offset if sps.chroma == "400" else offset // 2)
    bits.ue(sps.luma_depth - 8)
    bits.ue(sps.chroma_depth - 8)
    bits.ue(sps.poc_bits - 4)
    _write_ordering(bits, sps)
    bits.ue(sps.min_cb_bits - 3)
    bits.ue(sps.ctb_bits - sps.min_cb_bits)
    bits.ue(sps.min_tb_bits - 2)
    bits.ue(sps.max_tb_bits - sps.min_tb_bits)
    bits.ue(0)
    bits.ue(sps.max_depth_intra)
    bits.flag(sps.scaling is not None)
    if sps.scaling is not None:
        bits.flag(sps.scaling != default_lists())
        if sps.scaling != default_lists():
            _write_scaling_lists(bits, sps.scaling)
    bits.flag(sps.amp)
    bits.flag(sps.sao)
    bits.flag(sps.pcm is not None)
    if sps.pcm is not None:
        bits.u(sps.pcm.luma_depth - 1, 4)
        bits.u(sps.pcm.chroma_depth - 1, 4)
        bits.ue(sps.pcm.min_bits - 3)
        bits.ue(sps.pcm.max_bits - sps.pcm.min_bits)
        bits.flag(sps.pcm.filter_disabled)
    bits.ue(len(sps.reference_sets))
    for index, deltas in enumerate(sps.reference_sets):
        if index:
            bits.flag(False)
        _write_reference_set(bits, deltas)
    bits.flag(sps.long_term is not None)
    if sps.long_term is not None:
        bits.ue(len(sps.long_term))
        for lsb in sps.long_term:
            bits.u(lsb, sps.poc_bits)
            bits.flag(False)
    bits.flag(sps.temporal_mvp)
    bits.flag(sps.strong_smoothing)
    bits.flag(sps.usability is not None)
    if sps.usability is not None:
        _write_usability(bits, sps.usability)
    bits.flag(False)  # no extension
    return bits.end()


def _write_usability(bits: BitWriter, usability: Usability) -> None:
    """Write vui_parameters() with what is known of them (annex E)."""
    bits.flag(usability.sample_aspect is not None)
    if usability.sample_aspect is not None:
        if len(usability.sample_aspect) == 2:
            bits.u(255, 8)  # EXTENDED_SAR
        for number in usability.sample_aspect:
            bits.u(number, 8 if len(usability.sample_aspect) == 1 else 16)
    bits.flag(False)  # overscan_info_present_flag
    bits.flag(usability.full_range is not None)
    if usability.full_range is not None:
        bits.u(5, 3)  # video_format: not specified
        bits.flag(usability.full_range)
        bits.flag(usability.colour is not None)
        for number in usability.colour or ():
            bits.u(number, 8)
    bits.flag(False)  # chroma_loc_info_present_flag
    bits.flag(False)  # neutral_chroma_indication_flag
    bits.flag(usability.fields)
    bits.flag(False)  # frame_field_info_present_flag
    bits.flag(False)  # default_display_window_flag
    bits.flag(usability.timing is not None)
    if usability.timing is not None:
        for number in usability.timing:
            bits.u(number, 32)
        bits.u(0, 2)  # vui_poc_proportional_to_timing_flag, vui_hrd_parameters_present_flag
    bits.flag(False)  # bitstream_restriction_flag


def _write_reference_set(bits: BitWriter, deltas: ReferenceSet) -> None:
    """Write st_ref_pic_set() after inter_ref_pic_set_prediction_flag."""
    sides = [-delta for delta in deltas if delta < 0], [delta for delta in deltas if delta > 0]
    for side in sides:
        bits.ue(len(side))
    for side in sides:
        for before, delta in zip([0, *side], side, strict=False):
            bits.ue(delta - before - 1)
            bits.flag(False)


def _write_scaling_lists(bits: BitWriter, lists: ScalingLists) -> None:
    """Write scaling_list_data(), every list by its coefficients."""
    for size in range(SIZES):
        for matrix in range(0, MATRICES, 3 if size == 3 else 1):
            coefficients, dc = lists[size, matrix]
            bits.flag(True)
            before = 8
            if size > 1:
                bits.se(dc - 8)
                before = dc
            for coefficient in coefficients:
                bits.se((coefficient - before + 128) % 256 - 128)
                before = coefficient


def write_pps(pps: Pps) -> bytes:
    """Write pic_parameter_set_rbsp()."""
    bits = BitWriter()
    bits.ue(pps.id)
    bits.ue(pps.sps)
    bits.flag(pps.dependent_slices)
    bits.flag(pps.output_flag)
    bits.u(pps.extra_header_bits, 3)
    bits.flag(pps.sign_hiding)
    bits.flag(False)
    bits.ue(0)
    bits.ue(0)
    bits.se(pps.init_qp - 26)
    bits.flag(pps.constrained_intra)
    bits.flag(pps.transform_skip)
    bits.flag(pps.qp_delta_depth is not None)
    if pps.qp_delta_depth is not None:
        bits.ue(pps.qp_delta_depth)
    bits.se(pps.cb_offset)
    bits.se(pps.cr_offset)
    bits.flag(pps.slice_chroma_offsets)
    bits.u(0, 2)
    bits.flag(pps.transquant_bypass)
    bits.flag(pps.tiles is not None)
    bits.flag(pps.wavefront)
    if pps.tiles is not None:
        bits.ue(pps.tiles.columns - 1)
        bits.ue(pps.tiles.rows - 1)
        bits.flag(pps.tiles.widths is None)
        for length in (*(pps.tiles.widths or ()), *(pps.tiles.heights or ())):
            bits.ue(length - 1)
        bits.flag(pps.tiles.filter_across)
    bits.flag(pps.filter_across_slices)
    bits.flag(True)  # deblocking_filter_control_present_flag
    bits.flag(pps.deblocking_override)
    bits.flag(pps.deblocking_disabled)
    if not pps.deblocking_disabled:
        bits.se(pps.beta_offset)
        bits.se(pps.tc_offset)
    bits.flag(pps.scaling is not None)
    if pps.scaling is not None:
        _write_scaling_lists(bits, pps.scaling)
    bits.flag(False)
    bits.ue(0)
    bits.flag(pps.header_extension)
    bits.flag(False)
    return bits.end()


def write_slice(kind: int, header: SliceHeader, data: bytes, starts: Sequence[int]) -> bytes:
    """Return the NAL unit of an intra slice segment; starts: of its substreams but the first, in its data.

    The header is written again and again until its entry points count the emulation prevention bytes of the NAL unit.
    """
    lengths: list[int] = [b - a for a, b in zip([0, *starts], starts, strict=False)]
    while True:
        head = _write_header(kind, header, lengths)
        inserted = escape(head + data)[1]
        places = [start + bisect_left(inserted, len(head) + start + 1) for start in (0, *starts)]
        counted = [b - a for a, b in pairwise(places)]
        if counted == lengths:
            # Pictures of a higher temporal layer (types 2 to 5) become trailing pictures (0, 1): all are of layer 0.
            return nal_unit(kind & 1 if kind in range(2, 6) else kind, head + data)
        lengths = counted


def _write_header(kind: int, header: SliceHeader, lengths: Sequence[int]) -> bytes:
    """Write slice_segment_header()."""
    bits, pps, sps = BitWriter(), header.pps, header.sps
    bits.flag(header.first)
    if 16 <= kind <= 23:
        bits.flag(header.discard_prior)
    bits.ue(pps.id)
    if not header.first:
        if pps.dependent_slices:
            bits.flag(header.dependent)
        bits.u(header.address, (sps.ctus_across * sps.ctus_down - 1).bit_length())
    if not header.dependent:
        _write_slice_fields(bits, kind, header)
    if pps.tiles or pps.wavefront:
        bits.ue(len(lengths))
        if lengths:
            size = max(max(lengths) - 1, 1).bit_length()
            bits.ue(size - 1)
            for length in lengths:
                bits.u(length - 1, size)
    if pps.header_extension:
        bits.ue(0)
    return bits.end()


def _write_slice_fields(bits: BitWriter, kind: int, header: SliceHeader) -> None:
    """Write what dependent slice segments do not have."""
    pps, sps = header.pps, header.sps
    bits.u(0, pps.extra_header_bits)
    bits.ue(INTRA)
    if pps.output_flag:
        bits.flag(header.output)
    if kind not in (IDR_W_RADL, IDR_N_LP):
        bits.u(header.poc_lsb, sps.poc_bits)
        bits.flag(False)  # short_term_ref_pic_set_sps_flag
        if sps.reference_sets:
            bits.flag(False)
        _write_reference_set(bits, header.short_term)
        if header.long_term:
            raise InputError("slices that name long-term reference pictures are not written")
        if sps.long_term is not None:
            if sps.long_term:
                bits.ue(0)  # num_long_term_sps
            bits.ue(0)  # num_long_term_pics
        if sps.temporal_mvp:
            bits.flag(False)
    if sps.sao:
        bits.flag(header.sao_luma)
        if sps.chroma != "400":
            bits.flag(header.sao_chroma)
    bits.se(header.qp - pps.init_qp)
    if pps.slice_chroma_offsets:
        bits.se(header.cb_offset)
        bits.se(header.cr_offset)
    if pps.deblocking_override:
        bits.flag(True)
        bits.flag(header.deblocking_disabled)
        if not header.deblocking_disabled:
            bits.se(header.beta_offset)
            bits.se(header.tc_offset)
    if pps.filter_across_slices and (header.sao_luma or header.sao_chroma or not header.deblocking_disabled):
        bits.flag(header.filter_across)
