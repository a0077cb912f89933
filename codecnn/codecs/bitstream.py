"""Decode streams of others: the decoder's output, the QP of each frame, and the unfiltered picture if there is one."""

import re
import warnings
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from statistics import fmean

import av
from numpy.typing import NDArray

from codecnn.codecs.encode_once import UNFILTERED_BY
from codecnn.codecs.libavcodec import block_qps, open_decoder
from codecnn.codecs.picture_headers import QUANTIZER_DECODERS, QUANTIZERS, HeaderReader, Slice
from codecnn.codecs.qps import qp_of_quantizer
from codecnn.codecs.vp9_header import remove_loop_filter
from codecnn.errors import InputError, InputWarning
from codecnn.video.container import CHECKS, OpenVideo, decode, open_video
from codecnn.video.frames import layout_of, picture_from_frame
from codecnn.video.picture import Picture, check_samples
from codecnn.video.picture_file import UPRIGHT
from codecnn.video.times import packet_times, uneven_times
from codecnn.video.turn import orientation_of, turn_picture

STANDARDS = {"h264": "AVC", "hevc": "HEVC", "vvc": "VVC", "libdav1d": "AV1", "vp9": "VP9"}  # by FFmpeg's decoder
ENCODERS = {b"x265 (build ": "x265", b"x264 - core ": "x264"}  # how the SEI of their streams begins
LIBRARIES = {"libx265": "x265", "libx264": "x264", "libvvenc": "vvenc", "libsvtav1": "svtav1", "libvpx-vp9": "vp9"}


class NoUnfilteredError(InputError):
    """Report a stream whose decoder does not give the picture before the in-loop filters."""


@dataclass(frozen=True)
class DecodedFrame:
    """Hold one decoded frame, in the order of display, turned as it is shown."""

    baseline: Picture
    unfiltered: Picture | None  # without in-loop filters; None if it was not asked for
    qp: int  # in the scale of HEVC; where blocks or slices have several, their mean
    intra: bool  # predicted from no other frame
    time: int | None  # when it is shown, in the time base of the file; None at a constant rate, or if it is not said


@dataclass(frozen=True)
class Bitstream:
    """Hold a file with a stream of one of STANDARDS."""

    path: Path
    decoder: str  # FFmpeg's name
    encoder: str | None  # as the stream or its container says, such as x265
    packets: int  # about as many as frames
    time_base: Fraction | None  # the unit of times in seconds; None: the frames have a constant rate, or no times

    def frames(self, unfiltered: bool = False) -> Iterator[DecodedFrame]:
        """Decode the file frame by frame; the memory does not grow with its length.

        unfiltered: whether to decode without in-loop filters as well. That is only possible where all pictures are
        intra: an inter picture would be predicted from references that the encoder did not have. NoUnfilteredError
        then, or if the decoder has no such mode, and InputError if the file is damaged or a frame has another size.
        An InputWarning says once if blocks have other QPs than the frame.
        """
        if unfiltered and self.decoder not in UNFILTERED_BY:
            raise NoUnfilteredError(f"the decoder of {STANDARDS[self.decoder]} does not give it")
        with open_video(self.path) as video:  # its own decoder, unlike that of _Reader, tells how to turn frames
            first = next(decode(video), None)
            orientation = UPRIGHT if first is None else orientation_of(self.path, first)
        with open_video(self.path) as video, _named(self.path):
            reader, layout = _Reader(video, self.decoder, unfiltered), ""
            for number, frame in enumerate(decode(video, reader.decode)):
                layout = layout or layout_of(frame)
                if layout_of(frame) != layout:
                    raise InputError(f"{self.path}: frame {number} is {layout_of(frame)}, the first is {layout}")
                picture, plain = (
                    None if one is None else turn_picture(picture_from_frame(one), orientation)
                    for one in (frame, reader.plain.popleft() if unfiltered else None)
                )
                assert picture is not None
                check_samples(picture, self.path, number)
                qp, intra, time = reader.described(frame, number)
                yield DecodedFrame(picture, plain, qp, intra, None if self.time_base is None else time)


def open_bitstream(path: Path, fps: Fraction) -> Bitstream | None:
    """Return the stream of a file; None if it is of none of STANDARDS, and InputError if it cannot be read.

    All packets are read, and none is decoded.

    fps: the frame rate that the times in the file are compared with.
    """
    with open_video(path) as video, _named(path):
        name = video.stream.codec_context.name
        decoder = "libdav1d" if name == "av1" else name
        if decoder not in STANDARDS or video.picture_file:
            return None
        packets = (packet for packet in video.container.demux(video.stream) if packet.size)
        first = next(packets, None)
        if first is None:
            raise InputError(f"{path}: no frames")
        start = (video.stream.codec_context.extradata or b"") + bytes(first)
        times = packet_times(chain([first], packets))
        said = (name for sign, name in ENCODERS.items() if sign in start)
        library = re.findall(r"lib\S+", video.stream.metadata.get("ENCODER", ""))
        encoder = next(said, None) or next((LIBRARIES[word] for word in library if word in LIBRARIES), None)
        uneven = uneven_times(times, video.stream.time_base, fps)
        return Bitstream(path, decoder, encoder, len(times), uneven.unit if uneven else None)


class _Reader:
    """Decode packets with and without in-loop filters, and keep what their headers say until their frames are there."""

    def __init__(self, video: OpenVideo, decoder: str, unfiltered: bool) -> None:
        self.video, self.name = video, decoder
        self.headers = HeaderReader(decoder, video.stream)
        self.decoder = self._open(err_detect=CHECKS + "+explode", export_side_data="venc_params")
        self.without = self._open(**({} if decoder == "vp9" else {"skip_loop_filter": "all"})) if unfiltered else None
        self.plain: deque[av.VideoFrame] = deque()
        self.waiting: dict[int, tuple[list[Slice], int | None]] = {}  # by the number of the packet
        self.packets, self.warned = 0, False

    def _open(self, **options: str) -> av.VideoCodecContext:
        decoder = open_decoder(self.name, **options)
        decoder.extradata = self.video.stream.codec_context.extradata
        return decoder

    def decode(self, packet: av.Packet) -> list[av.VideoFrame]:
        """Return the frames that a packet completes; NoUnfilteredError if it is not intra and this is asked for."""
        if not packet.size:
            self.plain += self.without.decode(None) if self.without else ()
            return self.decoder.decode(None)
        unit = bytes(packet)
        slices = self.headers.slices(unit)
        if self.without and not all(one.intra for one in slices):
            raise NoUnfilteredError(
                f"frame {self.packets} of the stream is predicted from others, which the encoder had filtered"
            )
        self.waiting[self.packets] = slices, packet.pts
        packet.pts = self.packets  # which the decoder hands on to the frame
        self.packets += 1
        if self.without:
            plain = packet
            if self.name == "vp9":
                plain = av.Packet(remove_loop_filter(unit))
            self.plain += self.without.decode(plain)
        return self.decoder.decode(packet)

    def described(self, frame: av.VideoFrame, number: int) -> tuple[int, bool, int | None]:
        """Return the QP of a frame, whether it is intra, and when it is shown."""
        assert frame.pts is not None
        slices, time = self.waiting[frame.pts]
        for old in [packet for packet in self.waiting if packet < frame.pts - 64]:  # dropped by an edit list
            del self.waiting[old]
        slices = [one for one in slices if one.shown]
        if not slices:
            raise ValueError(f"the headers of frame {number} do not tell its QP")
        of_blocks = block_qps(frame) if self.name == "h264" else None
        qps: NDArray | list[int] = [one.qp for one in slices] if of_blocks is None or not len(of_blocks) else of_blocks
        if not self.warned and (len({*map(int, qps)}) > 1 or not all(one.one_qp for one in slices)):
            self.warned = True
            taken = "that of its slices" if of_blocks is None else "their mean"
            what = f"blocks have QPs of their own; the QP of a frame is {taken}"
            warnings.warn(f"{self.video.path}: {what}", InputWarning, stacklevel=2)
        qp = round(fmean(map(float, qps)))
        if self.name in QUANTIZER_DECODERS:
            base_q_idx = qp
            quantizer = min(range(64), key=lambda number: abs(QUANTIZERS[number] - base_q_idx))
            qp = qp_of_quantizer(quantizer)
        return qp, all(one.intra for one in slices), time


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Turn an error of the decoder, or of reading headers, into an InputError that names the file."""
    try:
        yield
    except InputError:
        raise
    except (av.FFmpegError, ValueError) as error:
        raise InputError(f"{path}: {error}") from error
