"""The codecs that make a baseline: encode once, all-intra at a constant QP, and decode twice."""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import av
import numpy as np

from codecnn.clip import Clip, frame_from_picture, picture_from_frame
from codecnn.errors import InputError
from codecnn.yuv import Picture

CTU_SIZE = 64  # x265's largest; pictures below it are padded
VPS, PPS, PREFIX_SEI, SUFFIX_SEI = 32, 34, 39, 40  # HEVC nal_unit_type, H.265 table 7-1
LAMBDA_UNITS_PER_QP = 118  # FFmpeg's FF_QP2LAMBDA, the unit of a packet's quality_stats


@dataclass(frozen=True)
class CodedFrame:
    """One frame and what the codec made of it."""

    original: Picture
    baseline: Picture  # all in-loop filters on
    unfiltered: Picture  # the same bits, decoded without in-loop filters
    bits: int  # coded slices, and with the first frame the parameter sets; no SEI
    qp_used: int


@dataclass(frozen=True)
class X265:
    """HEVC Main and Main 10 by libx265, through PyAV."""

    preset: str = "medium"
    name: str = "x265"
    qp_range: tuple[int, int] = (0, 51)
    unfiltered_by: str = "the same bits decoded with skip_loop_filter=all"

    def parameters(self, qp: int) -> str:
        """The x265 options: nothing in the encoder may move the QP away from the one asked for."""
        return (
            f"keyint=1:min-keyint=1:bframes=0:scenecut=0:rc-lookahead=0:lookahead-slices=0:qp={qp}:ipratio=1:"
            "aq-mode=0:cutree=0:psy-rd=0:psy-rdoq=0:info=0:pools=none:frame-threads=1:wpp=0:"
            f"ctu={CTU_SIZE}:hash=1:log-level=none"
        )

    def describe(self, qp: int) -> str:
        """All parameters of an encoding, for a dataset's attributes."""
        return f"preset={self.preset} {self.parameters(qp)}"

    def encode(self, clip: Clip, qp: int) -> Iterator[CodedFrame]:
        """Encode a clip and decode it with and without in-loop filters, frame by frame in bounded memory.

        Raises InputError if the encoder refuses, if a frame's QP is not the one asked for, or if the decoded
        baseline does not match the MD5 that the encoder put into the stream.
        """
        height, width = _padded(clip.format.height), _padded(clip.format.width)
        encoder = self._encoder(width, height, clip, qp)
        filtering = _decoder({"err_detect": "crccheck+explode"})
        plain = _decoder({"skip_loop_filter": "all"})
        originals: deque[Picture] = deque()
        coded: deque[tuple[int, int]] = deque()
        baselines: deque[Picture] = deque()
        unfiltered: deque[Picture] = deque()

        def feed(packets: list[av.Packet], flush: bool = False) -> Iterator[CodedFrame]:
            for packet in packets:
                coded.append((_bits(bytes(packet), first=packet.pts == 0), _qp_used(packet)))
                if coded[-1][1] != qp:
                    raise InputError(f"{clip.path}: QP {qp} was asked for, x265 used {coded[-1][1]}")
            for decoder, queue in ((filtering, baselines), (plain, unfiltered)):
                end: list[av.Packet | None] = [None] if flush else []
                for unit in [*packets, *end]:
                    queue.extend(picture_from_frame(frame) for frame in decoder.decode(unit))
            while baselines and unfiltered:
                original = originals.popleft()
                size = original.y.shape
                bits, used = coded.popleft()
                yield CodedFrame(
                    original, baselines.popleft().crop(*size), unfiltered.popleft().crop(*size), bits, used
                )

        try:
            for index, picture in enumerate(clip.frames()):
                originals.append(picture)
                frame = frame_from_picture(picture.pad(height, width))
                frame.pts = index
                yield from feed(encoder.encode(frame))
            yield from feed(encoder.encode(None), flush=True)
        except av.FFmpegError as error:
            raise InputError(f"{clip.path}: x265 or its decoder failed at QP {qp} ({error})") from error
        if originals:
            raise InputError(f"{clip.path}: {len(originals)} frames were encoded but not decoded")

    def _encoder(self, width: int, height: int, clip: Clip, qp: int) -> av.VideoCodecContext:
        encoder = av.CodecContext.create("libx265", "w")
        encoder.width, encoder.height = width, height
        encoder.pix_fmt = "yuv420p" if clip.format.bit_depth == 8 else "yuv420p10le"
        encoder.time_base = 1 / clip.format.fps
        encoder.thread_count = 1
        encoder.options = {"preset": self.preset, "x265-params": self.parameters(qp)}
        return encoder

    @cache  # noqa: B019 - a handful of settings in a process
    def version(self) -> str:
        """What libx265 says of itself in the SEI of a small stream made for that."""
        encoder = av.CodecContext.create("libx265", "w")
        encoder.width = encoder.height = CTU_SIZE
        encoder.pix_fmt, encoder.time_base = "yuv420p", Fraction(1)
        encoder.options = {"x265-params": "info=1:pools=none:frame-threads=1:log-level=none"}
        grey = np.full((CTU_SIZE, CTU_SIZE), 128, np.uint8)
        frame = frame_from_picture(Picture(grey, grey[::2, ::2], grey[::2, ::2], 8))
        stream = b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])
        found = re.search(rb"x265 \(build (\d+)\) - ([^ :]+)", stream)
        return f"libx265 {found[2].decode()} (build {found[1].decode()})" if found else "libx265, version unknown"


CODECS = {"x265": X265}


def decoder_version() -> str:
    """The library that decodes, with its version."""
    return "libavcodec " + ".".join(str(part) for part in av.library_versions["libavcodec"])


def _padded(length: int) -> int:
    return max(CTU_SIZE, length + length % 2)


def _decoder(options: dict[str, str]) -> av.VideoCodecContext:
    decoder = av.CodecContext.create("hevc", "r")
    decoder.thread_count = 1
    decoder.options = options
    return decoder


def _bits(packet: bytes, first: bool) -> int:
    """Bits of the NAL units that count, start codes included, of one Annex B access unit."""
    starts = [match.start() for match in re.finditer(rb"\x00?\x00\x00\x01", packet)]
    total = 0
    for start, end in zip(starts, [*starts[1:], len(packet)], strict=True):
        kind = (packet[packet.index(1, start) + 1] >> 1) & 63
        parameter_set = VPS <= kind <= PPS
        if kind not in (PREFIX_SEI, SUFFIX_SEI) and (first or not parameter_set):
            total += end - start
    return 8 * total


def _qp_used(packet: av.Packet) -> int:
    quality = int.from_bytes(bytes(packet.get_sidedata("quality_stats"))[:4], "little")
    return round(quality / LAMBDA_UNITS_PER_QP)
