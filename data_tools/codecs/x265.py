"""HEVC by libx265: encode once, decode twice."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import av
import numpy as np

from codecnn.clip import Clip
from codecnn.frames import frame_from_picture
from codecnn.yuv import Picture
from data_tools.codecs.bitstream import HEVC
from data_tools.codecs.codec import CodedFrame, check_qp, failures_named, fitted, in_step
from data_tools.codecs.pyav import decode, open_decoder, open_encoder, packets, quality_qp

CTU_SIZE = 64  # x265's largest; pictures below it are padded


@dataclass(frozen=True)
class X265:
    """HEVC Main, Main 10 and range extensions by libx265, through PyAV. QP is H.265's."""

    preset: str = "medium"
    name: str = "x265"
    presets: tuple[str, ...] = (
        "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo",
    )  # fmt: skip
    default_preset: str = "medium"
    qp_range: tuple[int, int] = (0, 51)
    default_qps: tuple[int, ...] = (22, 27, 32, 37)
    decoder: str = "hevc"
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

    def encoder(self, clip: Clip, qp: int) -> av.VideoCodecContext:
        """The encoder for a clip."""
        options = {"preset": self.preset, "x265-params": self.parameters(qp)}
        return open_encoder("libx265", clip, options, minimum=CTU_SIZE)

    def encode(self, clip: Clip, qp: int) -> Iterator[CodedFrame]:
        """Encode a clip and decode it with and without in-loop filters, frame by frame in bounded memory.

        Raises InputError if the encoder refuses, if a frame's QP is not the one asked for, or if the decoded
        baseline does not match the MD5 that the encoder put into the stream.
        """
        filtering = open_decoder("hevc", err_detect="crccheck+explode").decode
        plain = open_decoder("hevc", skip_loop_filter="all").decode
        with failures_named(clip, self.name, qp):
            coded = decode(packets(self.encoder(clip, qp), clip.frames()), (filtering, plain))
            for index, (original, (packet, (baseline, unfiltered))) in enumerate(in_step(clip, clip.frames(), coded)):
                used = quality_qp(packet)
                check_qp(clip, self.name, qp, used)
                bits = HEVC.bits(bytes(packet), index == 0)
                yield CodedFrame(original, fitted(baseline, original), fitted(unfiltered, original), bits, used)

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
