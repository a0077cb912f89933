"""Read from the headers of each coded picture its QP, whether it is intra, and which in-loop filters are on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import av

from codecnn.codecs.header_trace import Header, HeaderTrace

QUANTIZER_DECODERS = ("libdav1d", "vp9")  # FFmpeg's names of those whose streams hold base_q_idx
QUANTIZERS = (*range(0, 248, 4), 249, 255)  # base_q_idx of the quantizers 0 to 63 of libvpx, libaom and SVT-AV1
Elements = Mapping[str, int]


def quantizer_of(base_q_idx: int) -> int:
    """Return the quantizer 0 to 63 of a base_q_idx; ValueError if it is of none."""
    if base_q_idx not in QUANTIZERS:
        raise ValueError(f"base_q_idx {base_q_idx} is of no quantizer from 0 to 63")
    return QUANTIZERS.index(base_q_idx)


class Slice(NamedTuple):
    """Hold what the header of a slice, or of an AV1 or VP9 frame, says."""

    qp: int
    intra: bool
    one_qp: bool  # no block can have another QP, as far as headers say
    filters: dict[str, bool]
    shown: bool = True  # AV1, VP9: false for a frame that is decoded now and shown later, or never


@dataclass(frozen=True)
class PictureHeaders:
    """Hold what the headers of one picture say.

    Args:
        qp: The slice QP of AVC, HEVC and VVC; base_q_idx of AV1 and VP9.
        in_loop_filters: For each filter of the standard, whether a slice switches it on for luma (CC-ALF: for chroma);
            `LMCS`, which is no filter, is there only if it is on.
    """

    qp: int
    in_loop_filters: dict[str, bool]


class HeaderReader:
    """Read the headers of one stream, picture by picture; `decoder` is FFmpeg's name of its decoder."""

    def __init__(self, decoder: str, stream: av.VideoStream | None = None) -> None:
        """Begin a stream; one of a container may have parameter sets outside of its packets."""
        self.trace = HeaderTrace(decoder, stream)
        self.slice_title, self.read_slice = SYNTAX[decoder]
        self.parameter_sets: dict[int, Elements] = {}  # PPS
        self.kept: dict[int, Slice] = {}  # AV1, VP9: the last frame in each slot of reference frames
        for header in self.trace.initial:
            self._keep_parameter_set(header)

    def read(self, unit: bytes) -> PictureHeaders:
        """Read the headers of a picture's packet.

        Raises ValueError if the picture is not all intra, or can have blocks of different QPs, and av.FFmpegError if
        headers are damaged.
        """
        slices = self.slices(unit)
        if not slices:
            raise ValueError("a packet without a picture")
        if not all(one.intra for one in slices):
            raise ValueError("a frame is not intra")
        qps = sorted({one.qp for one in slices})
        if len(qps) > 1 or not all(one.one_qp for one in slices):
            raise ValueError(f"the QP is not the same in the whole picture: from {qps[0]} it can change")
        filters = {name: any(one.filters.get(name) for one in slices) for one in slices for name in one.filters}
        return PictureHeaders(qps[0], filters)

    def slices(self, unit: bytes) -> list[Slice]:
        """Return the slices of a picture's packet, or the frames of AV1 and VP9, one shown again included.

        Raises ValueError if a header lacks what is read, and av.FFmpegError if headers are damaged.
        """
        slices: list[Slice] = []
        picture_header: Elements = {}
        for header in self.trace.read(unit):
            self._keep_parameter_set(header)
            if header.title == "Picture Header":
                picture_header = header.elements
            elif header.title == self.slice_title:
                both = {**picture_header, **header.elements}
                if both.get("dependent_slice_segment_flag"):
                    continue
                if both.get("show_existing_frame"):
                    slot = both.get("frame_to_show_map_idx", both.get("frame_to_show_existing_frame", -1))
                    slices += [self.kept[slot]._replace(shown=True)] if slot in self.kept else []
                    continue
                try:
                    one = self.read_slice(both, self.parameter_sets.get(_parameter_set_id(both), {}))
                except KeyError as error:
                    raise ValueError(f"the headers of a picture do not say {error.args[0]}") from error
                slices.append(one)
                refreshed = both.get("refresh_frame_flags", 0xFF)  # absent: a key frame that is shown, so all
                self.kept |= {slot: one for slot in range(8) if refreshed >> slot & 1}
        return slices

    def _keep_parameter_set(self, header: Header) -> None:
        if header.title == "Picture Parameter Set":
            self.parameter_sets[_parameter_set_id(header.elements)] = header.elements


def _parameter_set_id(elements: Elements) -> int:
    return next((value for name, value in elements.items() if name.endswith("pic_parameter_set_id")), 0)


def _read_avc(header: Elements, pps: Elements) -> Slice:
    """Read a slice header; H.264 7.3.3. Blocks can have other QPs: mb_qp_delta is in no header."""
    return Slice(
        qp=26 + pps["pic_init_qp_minus26"] + header["slice_qp_delta"],
        intra=header["slice_type"] % 5 == 2,
        one_qp=True,
        filters={"deblocking": header.get("disable_deblocking_filter_idc", 0) != 1},
    )


def _read_hevc(header: Elements, pps: Elements) -> Slice:
    """Read a slice segment header; H.265 7.3.6."""
    disabled = pps.get("pps_deblocking_filter_disabled_flag", 0)
    return Slice(
        qp=26 + pps["init_qp_minus26"] + header["slice_qp_delta"],
        intra=header["slice_type"] == 2,
        one_qp=not pps["cu_qp_delta_enabled_flag"],
        filters={
            "deblocking": not header.get("slice_deblocking_filter_disabled_flag", disabled),
            "SAO": bool(header.get("slice_sao_luma_flag", 0)),
        },
    )


def _read_vvc(header: Elements, pps: Elements) -> Slice:
    """Read a slice header with its picture header; H.266 7.3.2.8 and 7.3.7. The slice overrides the picture."""

    def get(name: str) -> int:
        return header.get(f"sh_{name}", header.get(f"ph_{name}", 0))

    disabled = pps.get("pps_deblocking_filter_disabled_flag", 0)
    for level in ("ph", "sh"):
        if header.get(f"{level}_deblocking_params_present_flag"):
            disabled = header.get(f"{level}_deblocking_filter_disabled_flag", 0)
    return Slice(
        qp=26 + pps["pps_init_qp_minus26"] + get("qp_delta"),
        intra=header.get("sh_slice_type", 2) == 2,
        one_qp=not pps["pps_cu_qp_delta_enabled_flag"],
        filters={
            "deblocking": not disabled,
            "SAO": bool(header.get("sh_sao_luma_used_flag", header.get("ph_sao_luma_enabled_flag"))),
            "ALF": bool(get("alf_enabled_flag")),
            "CC-ALF": bool(get("alf_cc_cb_enabled_flag") or get("alf_cc_cr_enabled_flag")),
        }
        | ({"LMCS": True} if header.get("sh_lmcs_used_flag", header.get("ph_lmcs_enabled_flag")) else {}),
    )


def _read_av1(header: Elements, _: Elements) -> Slice:
    """Read a frame header; AV1 specification 5.9. If all is lossless, no filter has any element."""

    def any_of(prefix: str) -> bool:
        return any(value for name, value in header.items() if name.startswith(prefix))

    return Slice(
        qp=header["base_q_idx"],
        intra=header.get("frame_type", 0) in (0, 2),  # key frame, also of a still picture; intra-only frame
        one_qp=not (header.get("delta_q_present") or header["segmentation_enabled"]),
        filters={
            "deblocking": any_of("loop_filter_level[0]") or any_of("loop_filter_level[1]"),
            "CDEF": any_of("cdef_y_"),
            "restoration": any_of("lr_type[0]"),
        },
        shown=bool(header.get("show_frame", 1)),
    )


def _read_vp9(header: Elements, _: Elements) -> Slice:
    """Read an uncompressed header; VP9 specification 6.2."""
    return Slice(
        qp=header["base_q_idx"],
        intra=header["frame_type"] == 0 or bool(header.get("intra_only")),
        one_qp=not header["segmentation_enabled"],
        filters={"deblocking": bool(header["loop_filter_level"])},
        shown=bool(header.get("show_frame", 1)),
    )


# By FFmpeg's name of the decoder: the title that trace_headers gives to the header of a slice or frame.
SYNTAX: dict[str, tuple[str, Callable[[Elements, Elements], Slice]]] = {
    "h264": ("Slice Header", _read_avc),
    "hevc": ("Slice Segment Header", _read_hevc),
    "vvc": ("Slice Header", _read_vvc),
    "libdav1d": ("Frame Header", _read_av1),
    "vp9": ("Frame", _read_vp9),
}
