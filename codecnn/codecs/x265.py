"""Code HEVC by libx265: encode once, decode twice."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import av

from codecnn.codecs.codec import CodedFrame
from codecnn.codecs.encode_once import UNFILTERED_BY, encode_once, open_decoder_pair
from codecnn.codecs.libavcodec import encode_grey_picture, open_encoder
from codecnn.video.clip import Clip

CTU_SIZE = 64  # the largest of x265; smaller pictures are padded


@dataclass(frozen=True)
class X265:
    """Hold the settings of HEVC Main, Main 10 and range extensions by libx265, through PyAV. QP is H.265's."""

    preset: str = "medium"
    name: str = "x265"
    presets: tuple[str, ...] = (
        "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo",
    )  # fmt: skip
    default_preset: str = "medium"
    qp_range: tuple[int, int] = (0, 51)
    default_qps: tuple[int, ...] = (22, 27, 32, 37)
    decoder: str = "hevc"
    unfiltered_by: str = UNFILTERED_BY["hevc"]
    encodes_twice: bool = False
    coded_bit_depth: int = 0

    def parameters(self, qp: int) -> str:
        """Return the x265 options; none may change the QP."""
        return (
            f"keyint=1:min-keyint=1:bframes=0:scenecut=0:rc-lookahead=0:lookahead-slices=0:qp={qp}:ipratio=1:"
            "aq-mode=0:cutree=0:psy-rd=0:psy-rdoq=0:info=0:pools=none:frame-threads=1:wpp=0:"
            f"ctu={CTU_SIZE}:hash=1:log-level=none"
        )

    def describe(self, qp: int) -> str:
        """Return all parameters of an encoding, for a dataset's attributes."""
        return f"preset={self.preset} {self.parameters(qp)}"

    def encoder(self, clip: Clip, qp: int) -> av.VideoCodecContext:
        """Open the encoder for a clip."""
        options = {"preset": self.preset, "x265-params": self.parameters(qp)}
        return open_encoder("libx265", clip, options, minimum=CTU_SIZE)

    def encode(self, clip: Clip, qp: int) -> Iterator[CodedFrame]:
        """Encode a clip and decode it with and without in-loop filters, frame by frame in bounded memory.

        Raises InputError if the encoder refuses, if a frame's QP is not the requested one, or if the decoded
        baseline does not match the MD5 in the stream.
        """
        decoders = open_decoder_pair(self.decoder, err_detect="crccheck+explode")
        return encode_once(clip, self.name, qp, self.encoder(clip, qp), self.decoder, decoders)

    def version(self) -> str:
        """Return the version that libx265 writes into the SEI of its streams."""
        stream = encode_grey_picture("libx265", "x265-params", "info=1:pools=none:frame-threads=1:log-level=none")
        found = re.search(rb"x265 \(build (\d+)\) - ([^ :]+)", stream)
        return f"libx265 {found[2].decode()} (build {found[1].decode()})" if found else "libx265, version unknown"
