"""Read sequence and picture parameter sets (H.265 7.3.2)."""

from dataclasses import dataclass
from functools import lru_cache

from codecnn.hevc.bit_reader import BitReader
from codecnn.hevc.errors import damaged, unsupported
from codecnn.hevc.reference_sets import ReferenceSet, parse_reference_set
from codecnn.hevc.scaling_lists import ScalingLists, default_lists, parse_scaling_lists
from codecnn.hevc.usability import Usability, parse_usability

MAX_SAMPLES = 35_651_584  # MaxLumaPs of level 6.2 (table A.8)
MAX_SIDE = 16_888  # the longest side at this level
MAX_TILE_COLUMNS, MAX_TILE_ROWS = 20, 22  # table A.8
CHROMA_FORMATS = ("400", "420", "422", "444")
MAX_BIT_DEPTH = 10


@dataclass(frozen=True)
class Profile:
    """Hold what a parameter set says it conforms to (profile_tier_level)."""

    profile: int
    high_tier: bool
    level: int  # 30 times the number of the level


@dataclass(frozen=True)
class Pcm:
    """Hold how samples are coded as they are: bit depths, log2 of the sizes of coding blocks, and filtering."""

    luma_depth: int
    chroma_depth: int
    min_bits: int
    max_bits: int
    filter_disabled: bool


@dataclass(frozen=True)
class Sps:
    """Hold a sequence parameter set; *_bits are log2 of block sizes in luma samples.

    Args:
        window: samples of luma that the conformance window cuts off left, right, above and below.
        buffering, reorder, latency: sps_max_dec_pic_buffering_minus1 + 1, sps_max_num_reorder_pics and
            sps_max_latency_increase_plus1 of the highest sub-layer.
    """

    id: int
    profile: Profile
    chroma: str
    width: int
    height: int
    window: tuple[int, int, int, int]
    luma_depth: int
    chroma_depth: int
    poc_bits: int
    buffering: int
    reorder: int
    latency: int
    min_cb_bits: int
    ctb_bits: int
    min_tb_bits: int
    max_tb_bits: int
    max_depth_intra: int
    scaling: ScalingLists | None
    amp: bool
    sao: bool
    pcm: Pcm | None
    reference_sets: tuple[ReferenceSet, ...]
    long_term: tuple[int, ...] | None  # lt_ref_pic_poc_lsb_sps; None: there are no long-term reference pictures
    temporal_mvp: bool
    strong_smoothing: bool
    usability: Usability | None

    @property
    def ctus_across(self) -> int:
        """Return the number of CTUs in a row."""
        return -(-self.width >> self.ctb_bits)

    @property
    def ctus_down(self) -> int:
        """Return the number of CTUs in a column."""
        return -(-self.height >> self.ctb_bits)


@dataclass(frozen=True)
class Tiles:
    """Hold the tiles of a picture: widths and heights in CTUs, or only how many there are if they are uniform."""

    columns: int
    rows: int
    widths: tuple[int, ...] | None  # of all columns but the last
    heights: tuple[int, ...] | None
    filter_across: bool


@dataclass(frozen=True)
class Pps:
    """Hold a picture parameter set."""

    id: int
    sps: int
    dependent_slices: bool
    output_flag: bool
    extra_header_bits: int
    sign_hiding: bool
    init_qp: int
    constrained_intra: bool
    transform_skip: bool
    qp_delta_depth: int | None  # diff_cu_qp_delta_depth; None: cu_qp_delta is off
    cb_offset: int
    cr_offset: int
    slice_chroma_offsets: bool
    transquant_bypass: bool
    tiles: Tiles | None
    wavefront: bool
    filter_across_slices: bool
    deblocking_override: bool
    deblocking_disabled: bool
    beta_offset: int
    tc_offset: int
    scaling: ScalingLists | None
    header_extension: bool


def parse_profile(bits: BitReader, sub_layers: int) -> Profile:
    """Read profile_tier_level(1, sub_layers - 1)."""
    bits.u(2)  # general_profile_space
    high_tier, profile = bits.flag(), bits.u(5)
    bits.u(32 + 48)
    level = bits.u(8)
    present = [(bits.flag(), bits.flag()) for _ in range(sub_layers - 1)]
    if present:
        bits.u(2 * (8 - len(present)))
    for has_profile, has_level in present:
        bits.u(88 * has_profile + 8 * has_level)
    return Profile(profile, high_tier, level)


def sps_id(payload: bytes) -> int:
    """Return the id of a sequence parameter set."""
    bits = BitReader(payload)
    bits.u(4)
    sub_layers = bits.u(3) + 1
    bits.flag()
    parse_profile(bits, sub_layers)
    return bits.ue(15, "sps_seq_parameter_set_id")


def pps_id(payload: bytes) -> int:
    """Return the id of a picture parameter set."""
    return BitReader(payload).ue(63, "pps_pic_parameter_set_id")


@lru_cache(maxsize=64)
def parse_sps(payload: bytes) -> Sps:
    """Read seq_parameter_set_rbsp(); StreamError if it is damaged or not of version 1 with 4:0:0 or 4:2:0."""
    bits = BitReader(payload)
    bits.u(4)  # sps_video_parameter_set_id
    sub_layers = bits.u(3) + 1
    if sub_layers > 7:
        raise damaged("sps_max_sub_layers_minus1 is 7")
    bits.flag()  # sps_temporal_id_nesting_flag
    profile = parse_profile(bits, sub_layers)
    number = bits.ue(15, "sps_seq_parameter_set_id")
    chroma = CHROMA_FORMATS[bits.ue(3, "chroma_format_idc")]
    if chroma in ("422", "444"):
        raise unsupported(f"pictures of chroma format {chroma[0]}:{chroma[1]}:{chroma[2]}")
    width, height = _parse_size(bits)
    across, down = (2, 2) if chroma == "420" else (1, 1)
    window = (0, 0, 0, 0)
    if bits.flag():  # conformance_window_flag
        left, right, top, bottom = (bits.ue(MAX_SIDE, "a conformance window offset") for _ in range(4))
        window = left * across, right * across, top * down, bottom * down
    if window[0] + window[1] >= width or window[2] + window[3] >= height:
        raise damaged("the conformance window is empty")
    luma_depth, chroma_depth = bits.ue(8, "bit_depth_luma_minus8") + 8, bits.ue(8, "bit_depth_chroma_minus8") + 8
    if luma_depth > MAX_BIT_DEPTH or (chroma_depth > MAX_BIT_DEPTH and chroma != "400"):
        raise unsupported(f"samples of {luma_depth} bit in luma and {chroma_depth} in chroma")
    poc_bits = bits.ue(12, "log2_max_pic_order_cnt_lsb_minus4") + 4
    buffering = reorder = latency = 0
    for _ in range(sub_layers if bits.flag() else 1):  # sps_sub_layer_ordering_info_present_flag
        buffering = bits.ue(15, "sps_max_dec_pic_buffering_minus1") + 1
        reorder = bits.ue(buffering - 1, "sps_max_num_reorder_pics")
        latency = bits.ue(name="sps_max_latency_increase_plus1")
    min_cb_bits = bits.ue(3, "log2_min_luma_coding_block_size_minus3") + 3
    ctb_bits = min_cb_bits + bits.ue(3, "log2_diff_max_min_luma_coding_block_size")
    min_tb_bits = bits.ue(3, "log2_min_luma_transform_block_size_minus2") + 2
    max_tb_bits = min_tb_bits + bits.ue(3, "log2_diff_max_min_luma_transform_block_size")
    if not (4 <= ctb_bits <= 6 and min_tb_bits < min_cb_bits and max_tb_bits <= min(ctb_bits, 5)):
        raise damaged("the sizes of coding and transform blocks do not fit together")
    if width % (1 << min_cb_bits) or height % (1 << min_cb_bits):
        raise damaged(f"a picture of {width}x{height} is not made of coding blocks of {1 << min_cb_bits}")
    bits.ue(ctb_bits - min_tb_bits, "max_transform_hierarchy_depth_inter")
    max_depth_intra = bits.ue(ctb_bits - min_tb_bits, "max_transform_hierarchy_depth_intra")
    scaling = None
    if bits.flag():  # scaling_list_enabled_flag
        scaling = parse_scaling_lists(bits) if bits.flag() else default_lists()
    amp, sao = bits.flag(), bits.flag()
    pcm = _parse_pcm(bits, luma_depth, chroma_depth, min_cb_bits, ctb_bits) if bits.flag() else None
    reference_sets: list[ReferenceSet] = []
    count = bits.ue(64, "num_short_term_ref_pic_sets")
    for index in range(count):
        reference_sets.append(parse_reference_set(bits, index, reference_sets, in_slice=False))
    long_term = None
    if bits.flag():  # long_term_ref_pics_present_flag
        count = bits.ue(32, "num_long_term_ref_pics_sps")
        long_term = tuple(bits.u(poc_bits + 1) >> 1 for _ in range(count))  # with used_by_curr_pic_lt_sps_flag
    temporal_mvp, strong_smoothing = bits.flag(), bits.flag()
    usability = parse_usability(bits, sub_layers) if bits.flag() else None
    if bits.flag():  # sps_extension_present_flag
        _check_sps_extensions(bits)
    return Sps(
        number, profile, chroma, width, height, window, luma_depth, chroma_depth, poc_bits, buffering, reorder, latency,
        min_cb_bits, ctb_bits, min_tb_bits, max_tb_bits, max_depth_intra, scaling, amp, sao, pcm,
        tuple(reference_sets), long_term, temporal_mvp, strong_smoothing, usability,
    )  # fmt: skip


def _parse_size(bits: BitReader) -> tuple[int, int]:
    width, height = bits.ue(name="pic_width_in_luma_samples"), bits.ue(name="pic_height_in_luma_samples")
    if width == 0 or height == 0:
        raise damaged(f"a picture has {width}x{height} samples")
    if max(width, height) > MAX_SIDE or width * height > MAX_SAMPLES:
        raise unsupported(f"pictures of {width}x{height}, which are larger than level 6.2 allows,")
    return width, height


def _parse_pcm(bits: BitReader, luma_depth: int, chroma_depth: int, min_cb_bits: int, ctb_bits: int) -> Pcm:
    luma, chroma = bits.u(4) + 1, bits.u(4) + 1
    smallest = bits.ue(2, "log2_min_pcm_luma_coding_block_size_minus3") + 3
    largest = smallest + bits.ue(2, "log2_diff_max_min_pcm_luma_coding_block_size")
    if luma > luma_depth or chroma > chroma_depth:
        raise damaged("samples coded by PCM have more bits than the picture")
    if smallest < min(min_cb_bits, 5) or largest > min(ctb_bits, 5):
        raise damaged("the sizes of blocks coded by PCM do not fit those of coding blocks")
    return Pcm(luma, chroma, smallest, largest, bits.flag())


def _check_sps_extensions(bits: BitReader) -> None:
    """Refuse extensions that change how pictures are decoded."""
    is_range, is_multilayer, is_3d, is_scc = (bits.flag() for _ in range(4))
    bits.u(4)
    if is_range and bits.u(9):
        raise unsupported("range extensions")
    if is_multilayer:
        bits.flag()  # inter_view_mv_vert_constraint_flag
    if is_3d:
        raise unsupported("3D extensions")
    if is_scc:
        raise unsupported("screen content coding extensions")


@lru_cache(maxsize=64)
def parse_pps(payload: bytes) -> Pps:
    """Read pic_parameter_set_rbsp(); StreamError if it is damaged or not of version 1."""
    bits = BitReader(payload)
    number, sps = bits.ue(63, "pps_pic_parameter_set_id"), bits.ue(15, "pps_seq_parameter_set_id")
    dependent_slices, output_flag, extra_header_bits = bits.flag(), bits.flag(), bits.u(3)
    sign_hiding = bits.flag()
    bits.flag()  # cabac_init_present_flag
    bits.ue(14, "num_ref_idx_l0_default_active_minus1")
    bits.ue(14, "num_ref_idx_l1_default_active_minus1")
    init_qp = 26 + bits.se(-(26 + 6 * (MAX_BIT_DEPTH - 8)), 25, "init_qp_minus26")
    constrained_intra, transform_skip = bits.flag(), bits.flag()
    qp_delta_depth = bits.ue(3, "diff_cu_qp_delta_depth") if bits.flag() else None
    cb_offset, cr_offset = (bits.se(-12, 12, f"pps_{name}_qp_offset") for name in ("cb", "cr"))
    slice_chroma_offsets = bits.flag()
    bits.u(2)  # weighted_pred_flag, weighted_bipred_flag
    transquant_bypass = bits.flag()
    has_tiles, wavefront = bits.flag(), bits.flag()
    tiles = _parse_tiles(bits) if has_tiles else None
    filter_across_slices = bits.flag()
    override = disabled = False
    beta_offset = tc_offset = 0
    if bits.flag():  # deblocking_filter_control_present_flag
        override, disabled = bits.flag(), bits.flag()
        if not disabled:
            beta_offset, tc_offset = (bits.se(-6, 6, f"pps_{name}_offset_div2") for name in ("beta", "tc"))
    scaling = parse_scaling_lists(bits) if bits.flag() else None
    bits.flag()  # lists_modification_present_flag
    bits.ue(4, "log2_parallel_merge_level_minus2")
    header_extension = bits.flag()
    if bits.flag():  # pps_extension_present_flag
        _check_pps_extensions(bits, transform_skip)
    return Pps(
        number, sps, dependent_slices, output_flag, extra_header_bits, sign_hiding, init_qp, constrained_intra,
        transform_skip, qp_delta_depth, cb_offset, cr_offset, slice_chroma_offsets, transquant_bypass, tiles, wavefront,
        filter_across_slices, override, disabled, beta_offset, tc_offset, scaling, header_extension,
    )  # fmt: skip


def _parse_tiles(bits: BitReader) -> Tiles:
    columns = bits.ue(MAX_TILE_COLUMNS - 1, "num_tile_columns_minus1") + 1
    rows = bits.ue(MAX_TILE_ROWS - 1, "num_tile_rows_minus1") + 1
    if columns * rows == 1:
        raise damaged("tiles are switched on, but there is only one")
    widths = heights = None
    if not bits.flag():  # uniform_spacing_flag
        widths = tuple(bits.ue(MAX_SIDE, "column_width_minus1") + 1 for _ in range(columns - 1))
        heights = tuple(bits.ue(MAX_SIDE, "row_height_minus1") + 1 for _ in range(rows - 1))
    return Tiles(columns, rows, widths, heights, bits.flag())


def _check_pps_extensions(bits: BitReader, transform_skip: bool) -> None:
    """Refuse extensions that change how pictures are decoded."""
    is_range, is_multilayer, is_3d, is_scc = (bits.flag() for _ in range(4))
    bits.u(4)
    if is_range:
        largest_skip = bits.ue(name="log2_max_transform_skip_block_size_minus2") if transform_skip else 0
        tools = bits.u(2)  # cross_component_prediction_enabled_flag, chroma_qp_offset_list_enabled_flag
        if largest_skip or tools or bits.ue() or bits.ue():  # log2_sao_offset_scale_luma, log2_sao_offset_scale_chroma
            raise unsupported("range extensions")
    for present, name in ((is_multilayer, "multilayer"), (is_3d, "3D"), (is_scc, "screen content coding")):
        if present:
            raise unsupported(f"{name} extensions")
