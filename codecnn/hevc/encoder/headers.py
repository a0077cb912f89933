"""Make the headers of the streams that the encoder writes."""

from dataclasses import dataclass
from fractions import Fraction

from codecnn.errors import InputError
from codecnn.hevc.parameter_sets import Pps, Profile, Sps
from codecnn.hevc.slice_header import SliceHeader
from codecnn.hevc.usability import Usability
from codecnn.video.picture import VideoFormat

MAIN, MAIN_10, RANGE_EXTENSIONS = 1, 2, 4
CTB_BITS, MIN_CB_BITS = 6, 3
MAX_TRANSFORM_DEPTH = 3
MIN_SIZE = 1 << MIN_CB_BITS


@dataclass(frozen=True)
class Level:
    """Hold the limits of a level (tables A.8 and A.9): bits/s in thousands, by Main and, if there is one, High tier."""

    number: int  # 30 times the level
    samples: int  # of a luma picture
    rate: int  # luma samples per second
    bits: tuple[int, ...]


LEVELS = (
    Level(30, 36_864, 552_960, (128,)),
    Level(60, 122_880, 3_686_400, (1_500,)),
    Level(63, 245_760, 7_372_800, (3_000,)),
    Level(90, 552_960, 16_588_800, (6_000,)),
    Level(93, 983_040, 33_177_600, (10_000,)),
    Level(120, 2_228_224, 66_846_720, (12_000, 30_000)),
    Level(123, 2_228_224, 133_693_440, (20_000, 50_000)),
    Level(150, 8_912_896, 267_386_880, (25_000, 100_000)),
    Level(153, 8_912_896, 534_773_760, (40_000, 160_000)),
    Level(156, 8_912_896, 1_069_547_520, (60_000, 240_000)),
    Level(180, 35_651_584, 1_069_547_520, (60_000, 240_000)),
    Level(183, 35_651_584, 2_139_095_040, (120_000, 480_000)),
    Level(186, 35_651_584, 4_278_190_080, (240_000, 800_000)),
)


def choose_level(width: int, height: int, fps: Fraction, largest_bits: int) -> tuple[int, bool] | None:
    """Return level and whether the tier is High, the lowest that a stream fits in; None if none does.

    largest_bits: of the largest picture; the bit rate is that of pictures that are all of this size.
    """
    for tier in (0, 1):
        for level in LEVELS:
            fits = width * height <= level.samples and max(width, height) ** 2 <= 8 * level.samples
            in_time = width * height * fps <= level.rate
            if fits and in_time and tier < len(level.bits) and largest_bits * fps <= 1000 * level.bits[tier]:
                return level.number, tier == 1
    return None


def make_headers(fmt: VideoFormat, qp: int, transform_depth: int, usability: Usability) -> SliceHeader:
    """Return the header of the only slice of a picture, with its parameter sets; all in-loop filters are off.

    The level is the highest one, until the size of the pictures is known. Raises InputError for formats that are not
    written.
    """
    if fmt.chroma not in ("400", "420") or fmt.bit_depth not in (8, 10):
        raise InputError(
            f"HEVC streams are written in 4:0:0 and 4:2:0 of 8 and 10 bit, not {fmt.chroma} {fmt.bit_depth}"
        )
    if fmt.chroma == "420" and (fmt.width % 2 or fmt.height % 2):
        raise InputError(f"at 4:2:0 a stream holds even sizes, not {fmt.width}x{fmt.height}")
    if not 0 <= transform_depth <= MAX_TRANSFORM_DEPTH:
        raise ValueError(f"a transform depth of {transform_depth} is not in 0..{MAX_TRANSFORM_DEPTH}")
    if fmt.fps <= 0 or max(fmt.fps.as_integer_ratio()) >= 1 << 32:
        raise InputError(f"a stream cannot have {fmt.fps} pictures a second")
    if usability.colour is not None and (len(usability.colour) != 3 or not {*usability.colour} <= {*range(256)}):
        raise InputError(f"the colour {usability.colour} is not three numbers of 0..255")
    if not 0 <= qp <= 51:
        raise InputError(f"QP {qp} is not in 0..51")
    width, height = (-(-side // MIN_SIZE) * MIN_SIZE for side in (fmt.width, fmt.height))
    number = RANGE_EXTENSIONS if fmt.chroma == "400" else MAIN if fmt.bit_depth == 8 else MAIN_10
    sps = Sps(
        id=0, profile=Profile(number, False, LEVELS[-1].number), chroma=fmt.chroma, width=width, height=height,
        window=(0, width - fmt.width, 0, height - fmt.height), luma_depth=fmt.bit_depth, chroma_depth=fmt.bit_depth,
        poc_bits=8, buffering=1, reorder=0, latency=0, min_cb_bits=MIN_CB_BITS, ctb_bits=CTB_BITS, min_tb_bits=2,
        max_tb_bits=5, max_depth_intra=transform_depth, scaling=None, amp=False, sao=False, pcm=None,
        reference_sets=(), long_term=None, temporal_mvp=False, strong_smoothing=True, usability=usability,
    )  # fmt: skip
    pps = Pps(
        id=0, sps=0, dependent_slices=False, output_flag=False, extra_header_bits=0, sign_hiding=True, init_qp=26,
        constrained_intra=False, transform_skip=False, qp_delta_depth=None, cb_offset=0, cr_offset=0,
        slice_chroma_offsets=False, transquant_bypass=False, tiles=None, wavefront=False, filter_across_slices=False,
        deblocking_override=False, deblocking_disabled=True, beta_offset=0, tc_offset=0, scaling=None,
        header_extension=False,
    )  # fmt: skip
    return SliceHeader(
        first=True, discard_prior=False, pps=pps, sps=sps, dependent=False, address=0, qp=qp, deblocking_disabled=True
    )
