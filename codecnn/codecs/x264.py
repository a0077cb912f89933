"""Code AVC by libx264: encode once, decode twice."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from codecnn.codecs.codec import CodedFrame
from codecnn.codecs.encode_once import UNFILTERED_BY, encode_once, open_decoder_pair
from codecnn.codecs.libavcodec import encode_grey_picture, open_encoder
from codecnn.video.clip import Clip

MACROBLOCK = 16


@dataclass(frozen=True)
class X264:
    """Hold the settings of AVC High, High 10 and above by libx264, through PyAV.

    QP is H.264's slice QP, which can be below 0 at higher bit depths; libx264's own number is higher by 6 for every bit
    above 8. At low QPs (below about 16) the encoder switches its deblocking off, as it would change nothing.
    The preset ultrafast is left out: it has neither deblocking nor CABAC.
    """

    preset: str = "medium"
    name: str = "x264"
    presets: tuple[str, ...] = (
        "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo",
    )  # fmt: skip
    default_preset: str = "medium"
    qp_range: tuple[int, int] = (1, 51)  # 0 is lossless
    default_qps: tuple[int, ...] = (22, 27, 32, 37)
    decoder: str = "h264"
    unfiltered_by: str = UNFILTERED_BY["h264"]
    encodes_twice: bool = False
    coded_bit_depth: int = 0

    def parameters(self, qp: str) -> str:
        """Return the x264 options; none may change the QP."""
        return (
            f"qp={qp}:keyint=1:bframes=0:scenecut=0:rc-lookahead=0:sync-lookahead=0:ipratio=1:aq-mode=0:mbtree=0:psy=0:"
            "chroma-qp-offset=0:threads=1:sliced-threads=0:deblock=0,0"
        )

    def describe(self, qp: int) -> str:
        """Return all parameters of an encoding, for a dataset's attributes."""
        return f"preset={self.preset} {self.parameters(f'{qp}+6*(bit_depth-8)')}"

    def encode(self, clip: Clip, qp: int) -> Iterator[CodedFrame]:
        """Encode a clip and decode it with and without deblocking, frame by frame in bounded memory.

        Raises InputError if the encoder refuses, or if a frame's QP is not the requested one.
        """
        options = {"preset": self.preset, "x264-params": self.parameters(str(qp + 6 * (clip.format.bit_depth - 8)))}
        encoder = open_encoder("libx264", clip, options, minimum=MACROBLOCK)
        decoders = open_decoder_pair(self.decoder, err_detect="explode")
        return encode_once(clip, self.name, qp, encoder, self.decoder, decoders)

    def version(self) -> str:
        """Return the version that libx264 writes into the SEI of its streams."""
        found = re.search(rb"x264 - core (\d+.*?) - H\.264", encode_grey_picture("libx264"))
        return f"libx264 core {found[1].decode()}" if found else "libx264, version unknown"
