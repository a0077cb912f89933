"""Read the video usability information and the parameters of the hypothetical decoder (H.265 annex E)."""

from dataclasses import dataclass
from fractions import Fraction

from codecnn.hevc.bit_reader import BitReader


@dataclass(frozen=True)
class Usability:
    """Hold what the VUI says of the samples and their timing; None where it is not said.

    Args:
        sample_aspect: width and height of a sample, or only aspect_ratio_idc if it names a ratio of table E.1.
        full_range: video_full_range_flag.
        colour: colour_primaries, transfer_characteristics, matrix_coeffs.
        fields: whether pictures are fields.
        timing: vui_num_units_in_tick and vui_time_scale.
    """

    sample_aspect: tuple[int, ...] | None = None
    full_range: bool | None = None
    colour: tuple[int, int, int] | None = None
    fields: bool = False
    timing: tuple[int, int] | None = None

    @property
    def rate(self) -> Fraction | None:
        """Return pictures per second, if they are said."""
        return Fraction(self.timing[1], self.timing[0]) if self.timing and all(self.timing) else None


def parse_usability(bits: BitReader, sub_layers: int) -> Usability:
    """Read vui_parameters()."""
    sample_aspect: tuple[int, ...] | None = None
    full_range = colour = timing = None
    if bits.flag():  # aspect_ratio_info_present_flag
        ratio = bits.u(8)
        sample_aspect = (bits.u(16), bits.u(16)) if ratio == 255 else (ratio,)
    if bits.flag():  # overscan_info_present_flag
        bits.flag()
    if bits.flag():  # video_signal_type_present_flag
        bits.u(3)
        full_range = bits.flag()
        if bits.flag():  # colour_description_present_flag
            colour = bits.u(8), bits.u(8), bits.u(8)
    if bits.flag():  # chroma_loc_info_present_flag
        bits.ue()
        bits.ue()
    bits.flag()  # neutral_chroma_indication_flag
    fields = bits.flag()
    bits.flag()  # frame_field_info_present_flag
    if bits.flag():  # default_display_window_flag; the window is a proposal, and not applied
        for _ in range(4):
            bits.ue()
    if bits.flag():  # vui_timing_info_present_flag
        timing = bits.u(32), bits.u(32)
        if bits.flag():  # vui_poc_proportional_to_timing_flag
            bits.ue()
        if bits.flag():  # vui_hrd_parameters_present_flag
            _skip_hrd(bits, sub_layers)
    if bits.flag():  # bitstream_restriction_flag
        bits.u(3)
        for _ in range(5):
            bits.ue()
    return Usability(sample_aspect, full_range, colour, fields, timing)


def _skip_hrd(bits: BitReader, sub_layers: int) -> None:
    """Read hrd_parameters(1, sub_layers - 1)."""
    kinds = bits.u(1) + bits.u(1)  # nal_hrd_parameters_present_flag, vcl_hrd_parameters_present_flag
    by_unit = kinds > 0 and bits.flag()  # sub_pic_hrd_params_present_flag
    if by_unit:
        bits.u(8 + 5 + 1 + 5)
    if kinds:
        bits.u(4 + 4)
        if by_unit:
            bits.u(4)
        bits.u(5 + 5 + 5)
    for _ in range(sub_layers):
        fixed_generally = bits.flag()
        fixed = fixed_generally or bits.flag()  # fixed_pic_rate_within_cvs_flag
        low_delay = False
        if fixed:
            bits.ue()
        else:
            low_delay = bits.flag()
        count = 1 if low_delay else bits.ue(31, "cpb_cnt_minus1") + 1
        for _ in range(kinds * count):
            for _ in range(4 if by_unit else 2):
                bits.ue()
            bits.flag()
