"""Read slice segment headers (H.265 7.3.6)."""

from dataclasses import dataclass, replace

from codecnn.hevc.bit_reader import BitReader
from codecnn.hevc.errors import damaged, unsupported
from codecnn.hevc.nal import FIRST_IRAP, IDR_N_LP, IDR_W_RADL, LAST_IRAP, NalUnit
from codecnn.hevc.parameter_sets import Pps, Sps, parse_pps, parse_sps
from codecnn.hevc.reference_sets import ReferenceSet, parse_reference_set

INTRA = 2  # slice_type
MAX_ENTRY_POINTS = 440 * 22  # more than any level of version 1 allows


@dataclass(frozen=True)
class ParameterSets:
    """Hold the payloads of the parameter sets by their id, as they came last; a picture parses those that it needs."""

    sps: dict[int, bytes]
    pps: dict[int, bytes]


@dataclass(frozen=True)
class SliceHeader:
    """Hold what the header of a slice segment says.

    Args:
        first: first_slice_segment_in_pic_flag.
        address: of the first CTU, in raster order.
        dependent: whether the fields from `output` on are those of the slice before.
        poc_lsb: slice_pic_order_cnt_lsb.
        short_term: the reference set; long_term: for each picture its picture order count modulo `poc_lsb`'s range, and
            the cycle that is subtracted from it (delta_poc_msb_cycle_lt), or None if it is not sent.
        qp: SliceQpY.
        entry_points: bytes of each substream but the last.
        data: where the slice segment data begin in the payload, in bytes.
    """

    first: bool
    discard_prior: bool
    pps: Pps
    sps: Sps
    dependent: bool
    address: int
    output: bool = True
    poc_lsb: int = 0
    short_term: ReferenceSet = ()
    long_term: tuple[tuple[int, int | None], ...] = ()
    sao_luma: bool = False
    sao_chroma: bool = False
    qp: int = 0
    cb_offset: int = 0
    cr_offset: int = 0
    deblocking_disabled: bool = False
    beta_offset: int = 0
    tc_offset: int = 0
    filter_across: bool = False
    entry_points: tuple[int, ...] = ()
    data: int = 0


def _look_up(sets: ParameterSets, number: int) -> tuple[Pps, Sps]:
    """Return a picture parameter set and its sequence parameter set."""
    if number not in sets.pps:
        raise damaged(f"there is no picture parameter set {number}")
    pps = parse_pps(sets.pps[number])
    if pps.sps not in sets.sps:
        raise damaged(f"there is no sequence parameter set {pps.sps}")
    return pps, parse_sps(sets.sps[pps.sps])


def begins_picture(nal: NalUnit) -> bool:
    """Tell whether a slice segment is the first of a picture."""
    return BitReader(nal.payload).flag()


def parse_slice_header(nal: NalUnit, sets: ParameterSets, previous: SliceHeader | None) -> SliceHeader:
    """Read slice_segment_header(); `previous` is the slice segment before it in the same picture."""
    bits = BitReader(nal.payload)
    first = bits.flag()
    if first != (previous is None):
        raise damaged("a picture has no first slice" if not first else "a picture has two first slices")
    discard_prior = FIRST_IRAP <= nal.type <= LAST_IRAP and bits.flag()
    number = bits.ue(63, "slice_pic_parameter_set_id")
    if previous is None:
        pps, sps = _look_up(sets, number)
    else:
        pps, sps = previous.pps, previous.sps
        if number != pps.id:
            raise damaged("the slices of a picture have different picture parameter sets")
    dependent = not first and pps.dependent_slices and bits.flag()
    ctus = sps.ctus_across * sps.ctus_down
    address = 0 if first else bits.u((ctus - 1).bit_length())
    header = SliceHeader(first, discard_prior, pps, sps, dependent, address)
    if not dependent:
        header = _parse_slice(bits, nal, header)
    elif previous is not None:
        header = replace(previous, first=False, dependent=True, address=address)
    entry_points: tuple[int, ...] = ()
    if pps.tiles or pps.wavefront:
        count = bits.ue(min(ctus - 1, MAX_ENTRY_POINTS), "num_entry_point_offsets")
        length = bits.ue(31, "offset_len_minus1") + 1 if count else 0
        entry_points = tuple(bits.u(length) + 1 for _ in range(count))
    if pps.header_extension:
        bits.u(8 * bits.ue(256, "slice_segment_header_extension_length"))
    bits.align()
    return replace(header, entry_points=entry_points, data=bits.position >> 3)


def _parse_slice(bits: BitReader, nal: NalUnit, header: SliceHeader) -> SliceHeader:
    """Read the part of the header that dependent slice segments do not have."""
    pps, sps = header.pps, header.sps
    bits.u(pps.extra_header_bits)
    kind = bits.ue(2, "slice_type")
    if kind != INTRA:
        raise unsupported("inter slices")
    output = bits.flag() if pps.output_flag else True
    poc_lsb = 0
    short_term: ReferenceSet = ()
    long_term: tuple[tuple[int, int | None], ...] = ()
    if nal.type not in (IDR_W_RADL, IDR_N_LP):
        poc_lsb = bits.u(sps.poc_bits)
        if not bits.flag():  # short_term_ref_pic_set_sps_flag
            short_term = parse_reference_set(bits, len(sps.reference_sets), sps.reference_sets, in_slice=True)
        else:
            index = bits.u((len(sps.reference_sets) - 1).bit_length()) if sps.reference_sets else 0
            if index >= len(sps.reference_sets):
                raise damaged("a slice has a set of reference pictures that is not there")
            short_term = sps.reference_sets[index]
        if sps.long_term is not None:
            long_term = _parse_long_term(bits, sps)
        if sps.temporal_mvp:
            bits.flag()  # slice_temporal_mvp_enabled_flag
    sao_luma = sps.sao and bits.flag()
    sao_chroma = sps.sao and sps.chroma != "400" and bits.flag()
    lowest = -6 * (sps.luma_depth - 8)
    qp = pps.init_qp + bits.se(lowest - pps.init_qp, 51 - pps.init_qp, "slice_qp_delta")
    cb_offset = cr_offset = 0
    if pps.slice_chroma_offsets:
        cb_offset, cr_offset = (bits.se(-12, 12, f"slice_{name}_qp_offset") for name in ("cb", "cr"))
    if max(abs(pps.cb_offset + cb_offset), abs(pps.cr_offset + cr_offset)) > 12:
        raise damaged("the QP offset of a slice's chroma is outside of -12 to 12")
    disabled, beta_offset, tc_offset = pps.deblocking_disabled, pps.beta_offset, pps.tc_offset
    if pps.deblocking_override and bits.flag():  # deblocking_filter_override_flag
        disabled = bits.flag()
        if not disabled:
            beta_offset, tc_offset = (bits.se(-6, 6, f"slice_{name}_offset_div2") for name in ("beta", "tc"))
    filter_across = pps.filter_across_slices
    if filter_across and (sao_luma or sao_chroma or not disabled):
        filter_across = bits.flag()
    return replace(
        header, output=output, poc_lsb=poc_lsb, short_term=short_term, long_term=long_term, sao_luma=sao_luma,
        sao_chroma=sao_chroma, qp=qp, cb_offset=cb_offset, cr_offset=cr_offset, deblocking_disabled=disabled,
        beta_offset=beta_offset, tc_offset=tc_offset, filter_across=filter_across,
    )  # fmt: skip


def _parse_long_term(bits: BitReader, sps: Sps) -> tuple[tuple[int, int | None], ...]:
    """Read the long-term reference pictures (7.4.7.1)."""
    assert sps.long_term is not None
    known = bits.ue(len(sps.long_term), "num_long_term_sps") if sps.long_term else 0
    count = known + bits.ue(33, "num_long_term_pics")
    pictures: list[tuple[int, int | None]] = []
    cycle = 0
    for index in range(count):
        if index < known:
            which = bits.u((len(sps.long_term) - 1).bit_length())
            if which >= len(sps.long_term):
                raise damaged("a slice has a long-term reference picture that is not there")
            lsb = sps.long_term[which]
        else:
            lsb = bits.u(sps.poc_bits)
            bits.flag()  # used_by_curr_pic_lt_flag
        sent = bits.flag()  # delta_poc_msb_present_flag
        step = bits.ue(name="delta_poc_msb_cycle_lt") if sent else 0
        cycle = step if index in (0, known) else cycle + step
        pictures.append((lsb, cycle if sent else None))
    return tuple(pictures)
